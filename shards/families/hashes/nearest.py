"""The nearest hashes of a segment: which way to look for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.families.base import ColumnReader
from shards.families.hashes.chunks import MAX_FLIPS
from shards.families.hashes.near import Near
from shards.families.hashes.pigeonhole import Pigeonhole
from shards.families.hashes.postings import Postings
from shards.families.hashes.scan import SECONDS_A_ROW, scan
from shards.families.hashes.tables import BITS

SHARE = 0.125
"""Of the time of a scan that a try for the nearest few may take: most fail, and then the scan comes on top."""


def search(
    reader: ColumnReader,
    name: str,
    bits: int,
    queries: NDArray[np.uint64],
    *,
    radius: int,
    limit: int,
    dead: NDArray[np.uint32] | None,
) -> Near:
    """Living rows within `radius` bits of the nearest of the queries (q, words), each once.

    All of them, or at least the nearest `limit` and every row that is as near as the last of those.
    """
    if radius < 0 or not reader.rows or not len(queries):
        return Near.nothing()
    index = Pigeonhole.of(reader, name) if bits == BITS else Postings.of(reader, name, bits)
    if index is not None:
        of_scan = reader.rows * SECONDS_A_ROW
        furthest = index.tables * (MAX_FLIPS + 1) - 1
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
    return scan(reader, name, queries, radius=radius, limit=limit, dead=dead)


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
