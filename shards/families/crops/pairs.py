"""All pairs of rows that are alike, through the words of their features and without comparing each row with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.crops import columns, scoring
from shards.families.crops.matching import Lookup
from shards.families.crops.near import Crowd, Near, look_up
from shards.families.crops.unpacked import Unpacked
from shards.families.resident import Resident

TOGETHER = 1 << 10
"""Rows that look in the buckets together, at most: buckets are small, and the more look in one the less time each
takes. Fewer, where that many would be near too many features."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def near_pairs(rows: Rows, min_score: float, progress: Callable[[int, int], None] | None) -> Iterator[Pairs]:
    """Yield pairs of these rows, as `Family.near_pairs` does.

    Memory: the features of all rows, 576 bytes a row, and of what is near some of them. Time grows with the square of
    the rows, as scoring each with each does, but 1/5,000 of that.
    """
    needed = int(np.searchsorted(scoring.SCORES, min_score))
    reader = Resident(columns.build(rows), len(rows))
    seen = np.empty(0, np.int64)
    start, step = 0, TOGETHER
    while start < len(rows):
        features = Unpacked.of(rows[start : start + step])
        near = look_up(Lookup.of(features), reader)
        if isinstance(near, Crowd) and step > 1:
            step //= 2
            continue
        if isinstance(near, Crowd):
            second = np.flatnonzero(near.counts >= needed)
            first = np.full(len(second), start)
        else:
            first, second = _with_enough(near, start, features.counts, len(rows), needed)
        keys = np.minimum(first, second) * len(rows) + np.maximum(first, second)
        keys = np.setdiff1d(keys[first != second], seen)
        seen = np.union1d(seen, keys)
        yield keys // len(rows), keys % len(rows)
        start, step = start + step, min(2 * step, TOGETHER)
        if progress is not None:
            progress(min(start, len(rows)), len(rows))


def _with_enough(near: Near, start: int, counts: NDArray[np.int64], rows: int, needed: int) -> Pairs:
    """Return the pairs of a row from `start` on and any row of which enough features are near each other."""
    row_of = np.repeat(np.arange(len(counts)), counts)
    asking = row_of[near.asked]
    others = near.take(np.flatnonzero(asking + start != near.rows))
    keys, asked, stored = others.counted(row_of, rows, needed)
    keys = keys[np.minimum(asked, stored) >= needed]
    return keys // rows + start, keys % rows
