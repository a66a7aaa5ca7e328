"""The choice of the way in which the nearest hashes of a segment are found: by an index, or by a scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shards.families.hashes.chunks import MAX_FLIPS
from shards.families.hashes.near import Near
from shards.families.hashes.pigeonhole import Pigeonhole
from shards.families.hashes.postings import Postings
from shards.families.hashes.scan import SECONDS_A_ROW, WORDS, is_by_word, scan
from shards.families.hashes.tables import BITS, COPIES
from shards.families.reading import FETCHED, SECONDS_A_BYTE, ColumnReader

WORD = 64

BITS_A_WORD = 16
"""Bits of the radius for which a scan looks at one word more: hardly any row is within a quarter of a word's bits."""

CERTAIN = 1 << 16
"""Bytes that an index must save to be preferred to a scan in any case: looking at 428 buckets costs half of them."""

SHARE = 0.125
"""Share of the time of a scan that a try for the nearest few may take: most tries fail, and the scan comes on top."""


def search(
    reader: ColumnReader,
    name: str,
    bits: int,
    questions: Sequence[NDArray[np.uint64]],
    *,
    radius: int,
    limit: int,
    dead: NDArray[np.uint32] | None,
) -> list[Near]:
    """Return for each question living rows within `radius` bits of the nearest of its queries (q, words), each once.

    These are all such rows, or at least the nearest `limit` and every row that is as near as the last of those.
    """
    if radius < 0 or not reader.rows:
        return [Near.none() for _ in questions]
    by_index = [_looked_up(reader, name, bits, queries, radius, limit, dead) for queries in questions]
    # one scan answers all questions that the index does not
    left = [queries for queries, near in zip(questions, by_index, strict=True) if near is None]
    scanned = iter(scan(reader, name, left, radius=radius, limit=limit, dead=dead) if left else ())
    return [next(scanned) if near is None else near for near in by_index]


def _looked_up(
    reader: ColumnReader,
    name: str,
    bits: int,
    queries: NDArray[np.uint64],
    radius: int,
    limit: int,
    dead: NDArray[np.uint32] | None,
) -> Near | None:
    """Return what the segment's index finds, as `search` does; None if there is no index, or a scan is faster."""
    if not len(queries):
        return Near.none()
    index = _index(reader, name, bits)
    if index is not None:
        of_scan = reader.rows * SECONDS_A_ROW + scan_cold(reader, name, bits, radius) * SECONDS_A_BYTE
        furthest = _furthest(index)
        if radius <= furthest:
            near = _within(index, queries, radius, dead, of_scan)
            if near is not None:
                return near
        # the index may find enough rows within a smaller radius
        for smaller in range(index.tables - 1, min(radius, furthest + 1), index.tables // 2):
            near = _within(index, queries, smaller, dead, of_scan * SHARE)
            if near is None:
                break
            if len(near) >= limit:
                return near
    return None


def scan_cold(reader: ColumnReader, name: str, bits: int, radius: int) -> int:
    """Return the number of bytes that a scan would fetch; of several words, only those that rule out most rows."""
    if not is_by_word(reader, name):
        return reader.cold(name)
    words = min(-(-bits // WORD), radius // BITS_A_WORD + 1)
    return reader.cold(name + WORDS, [(0, words * reader.rows)])


def cold(reader: ColumnReader, name: str, bits: int, queries: NDArray[np.uint64], *, radius: int, limit: int) -> int:
    """Return the number of bytes that `search` fetches for the queries (q, words) of one question, as `Family.cold`."""
    if radius < 0 or not reader.rows or not len(queries):
        return 0
    by_scan = scan_cold(reader, name, bits, bits)
    index = _index(reader, name, bits)
    if index is None:
        return by_scan
    if radius <= _furthest(index):
        copies = reader.cold(name + COPIES) if bits == BITS else 0
        by_index = sum(index.cold(query, radius) for query in queries) + min(copies, 2 * limit * FETCHED)
        if by_index + CERTAIN <= scan_cold(reader, name, bits, radius):
            return by_index
    # by index, by scan, or both: before a scan is made, the index may take its time for each query
    tried = radius if radius <= _furthest(index) else index.tables - 1
    taken = len(queries) * (by_scan + int(reader.rows * SECONDS_A_ROW / SECONDS_A_BYTE))
    taken += sum(index.starts_cold(query, tried) for query in queries)
    return by_scan + min(taken, index.everything_cold())


def _index(reader: ColumnReader, name: str, bits: int) -> Pigeonhole | Postings | None:
    """Return the segment's index of these hashes, if it has one."""
    return Pigeonhole.of(reader, name) if bits == BITS else Postings.of(reader, name, bits)


def _furthest(index: Pigeonhole | Postings) -> int:
    """Return the greatest radius that the index can look up."""
    return index.tables * (MAX_FLIPS + 1) - 1


def _within(
    index: Pigeonhole | Postings,
    queries: NDArray[np.uint64],
    radius: int,
    dead: NDArray[np.uint32] | None,
    seconds: float,
) -> Near | None:
    """Return every living row within the radius; None if a query would take more than `seconds`."""
    parts = []
    for number, query in enumerate(queries):
        part = index.within(query, number, radius, seconds)
        if part is None:
            return None
        parts.append(part)
    near = Near.join(parts)
    return (near.nearest_query() if len(queries) > 1 else near).living(dead)
