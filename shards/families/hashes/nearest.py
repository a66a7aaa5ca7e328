"""The nearest hashes of a segment: which way to look for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shards.families.base import FETCHED, SECONDS_A_BYTE, ColumnReader
from shards.families.hashes.chunks import MAX_FLIPS
from shards.families.hashes.near import Near
from shards.families.hashes.pigeonhole import Pigeonhole
from shards.families.hashes.postings import Postings
from shards.families.hashes.scan import SECONDS_A_ROW, WORDS, scan
from shards.families.hashes.tables import BITS, COPIES

WORD = 64

BITS_A_WORD = 16
"""Bits of the radius for which a scan looks at one word more: hardly any row is within a quarter of a word's bits."""

CERTAIN = 1 << 16
"""Bytes by which an index that fetches less than a scan is sure to be taken: the time of 428 buckets is worth half."""

SHARE = 0.125
"""Of the time of a scan that a try for the nearest few may take: most fail, and then the scan comes on top."""


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
    """For each question, living rows within `radius` bits of the nearest of its queries (q, words), each once.

    All of them, or at least the nearest `limit` and every row that is as near as the last of those.
    """
    if radius < 0 or not reader.rows:
        return [Near.nothing() for _ in questions]
    found = [_looked_up(reader, name, bits, queries, radius, limit, dead) for queries in questions]
    # whatever an index does not answer is scanned for in one pass
    left = [queries for queries, near in zip(questions, found, strict=True) if near is None]
    scanned = iter(scan(reader, name, left, radius=radius, limit=limit, dead=dead) if left else ())
    return [next(scanned) if near is None else near for near in found]


def _looked_up(
    reader: ColumnReader,
    name: str,
    bits: int,
    queries: NDArray[np.uint64],
    radius: int,
    limit: int,
    dead: NDArray[np.uint32] | None,
) -> Near | None:
    """What the segment's index finds, as `search` says; None where there is none, or a scan is faster."""
    if not len(queries):
        return Near.nothing()
    index = _index(reader, name, bits)
    if index is not None:
        of_scan = reader.rows * SECONDS_A_ROW + scan_cold(reader, name, bits, radius) * SECONDS_A_BYTE
        furthest = _furthest(index)
        if radius <= furthest:
            found = _within(index, queries, radius, dead, of_scan)
            if found is not None:
                return found
        # the nearest few may be near enough
        for smaller in range(index.tables - 1, min(radius, furthest + 1), index.tables // 2):
            found = _within(index, queries, smaller, dead, of_scan * SHARE)
            if found is None:
                break
            if len(found) >= limit:
                return found
    return None


def scan_cold(reader: ColumnReader, name: str, bits: int, radius: int) -> int:
    """Bytes that a scan would have to fetch. Of several words those count that tell most rows from the query."""
    if reader.length(name + WORDS) is None:
        return reader.cold(name)
    words = min(-(-bits // WORD), radius // BITS_A_WORD + 1)
    return reader.cold(name + WORDS, [(0, words * reader.rows)])


def cold(reader: ColumnReader, name: str, bits: int, queries: NDArray[np.uint64], *, radius: int, limit: int) -> int:
    """Bytes that `search` fetches for the queries (q, words) of one question, as `Family.cold` says."""
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
    # either way, or both: what the index may take before a scan is made, it may take for each query
    tried = radius if radius <= _furthest(index) else index.tables - 1
    taken = len(queries) * (by_scan + int(reader.rows * SECONDS_A_ROW / SECONDS_A_BYTE))
    taken += sum(index.starts_cold(query, tried) for query in queries)
    return by_scan + min(taken, index.everything_cold())


def _index(reader: ColumnReader, name: str, bits: int) -> Pigeonhole | Postings | None:
    """The segment's index of these hashes."""
    return Pigeonhole.of(reader, name) if bits == BITS else Postings.of(reader, name, bits)


def _furthest(index: Pigeonhole | Postings) -> int:
    """The greatest radius that the index can look up."""
    return index.tables * (MAX_FLIPS + 1) - 1


def _within(
    index: Pigeonhole | Postings,
    queries: NDArray[np.uint64],
    radius: int,
    dead: NDArray[np.uint32] | None,
    seconds: float,
) -> Near | None:
    """Every living row within the radius; None where finding them would take more than so long for a query."""
    parts = []
    for number, query in enumerate(queries):
        part = index.within(query, number, radius, seconds)
        if part is None:
            return None
        parts.append(part)
    near = Near.join(parts)
    return (near.nearest_query() if len(queries) > 1 else near).living(dead)
