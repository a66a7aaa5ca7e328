"""Grouping by star: each member of a group is alike to the group's head itself.

Heads are taken in a given order, and whatever is alike to a head and not yet in a group is in its group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.families.hashes.hamming import HammingFamily
from shards.families.hashes.join import Plan, pairs_within

BLOCK = 1 << 13
"""Rows compared with a head at a time."""

PAIRS = 1 << 20
"""Pairs looked at between two conversions to Python's own numbers."""


@dataclass(frozen=True, slots=True)
class Star:
    """`head`, a row; `members` (n,) int64, the rows alike to it, and their `scores` (n,) float64 against it."""

    head: int
    members: NDArray[np.int64]
    scores: NDArray[np.float64]


def stars_by_scoring(
    family: Family,
    rows: Rows,
    order: NDArray[np.int64],
    min_score: float,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Star]:
    """The stars of the rows in `order`, which is that of the heads: scores every head against all that are left.

    `progress` is told (heads done, of how many).
    """
    ordered = rows[order]
    is_free = np.ones(len(ordered), bool)
    for head in range(len(ordered)):
        if progress is not None and head % 256 == 0:
            progress(head, len(ordered))
        if not is_free[head]:
            continue
        near = [np.empty(0, np.int64)]
        scores = [np.empty(0, np.float64)]
        for start in range(head + 1, len(ordered), BLOCK):
            block = family.score(ordered[head], ordered[start : start + BLOCK])
            found = np.flatnonzero((block >= min_score) & is_free[start : start + BLOCK])
            near.append(found + start)
            scores.append(block[found])
        members = np.concatenate(near)
        is_free[members] = False
        if len(members):
            yield Star(int(order[head]), order[members], np.concatenate(scores))
    if progress is not None:
        progress(len(ordered), len(ordered))


def stars_by_joining(
    family: HammingFamily,
    rows: Rows,
    radius: int,
    how: Plan,
    in_order: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Star]:
    """The same stars from all pairs within `radius`, for hashes of one word.

    `in_order` sorts rows into the order of the heads; it is asked only for those that have something alike.
    `progress` is told (sorts done, of how many). Memory: 40 bytes a row and 24 a pair of different hashes.
    """
    hashes = rows["hash"][:, 0]
    # equal hashes are one value here: a thousand copies are a group, not half a million pairs
    values, value_of, copies = np.unique(hashes, return_inverse=True, return_counts=True)
    pairs: list[NDArray[np.uint32]] = [np.empty((0, 2), np.uint32)]
    for done, found in enumerate(pairs_within(values, radius, how), 1):
        pairs.append(np.stack([found.first, found.second], axis=1))
        if progress is not None:
            progress(done, how.sorts)
    joined = np.concatenate(pairs)
    pairs.clear()
    has_alike = copies > 1
    has_alike[joined] = True
    ordered = in_order(np.flatnonzero(has_alike[value_of]))
    # all copies of a value go the same way, so values are ranked by their first copy and grouped in its place
    met, first = np.unique(value_of[ordered], return_index=True)
    rank = np.zeros(len(values), np.uint32)
    rank[met[np.argsort(first)]] = np.arange(len(met), dtype=np.uint32)
    head_of = _heads(rank[joined], len(met))[rank[value_of[ordered]]]
    by_head = np.argsort(head_of, kind="stable")
    edges = np.flatnonzero(np.diff(head_of[by_head])) + 1
    for group in np.split(ordered[by_head], edges) if len(ordered) else []:
        # the head's first copy comes before everything that has a later value
        head, members = int(group[0]), group[1:]
        if len(members):
            yield Star(head, members, family.score(rows[head], rows[members]))


def _heads(pairs: NDArray[np.uint32], count: int) -> NDArray[np.int64]:
    """(count,) int64: whose star each value is in, its own number for heads; `pairs` (pairs, 2) are alike.

    A value is a head unless a smaller head is alike to it; it is in the star of the smallest.
    """
    codes = (pairs.min(axis=1, initial=2**32 - 1).astype(np.uint64) << np.uint64(32)) | pairs.max(axis=1, initial=0)
    codes.sort()
    heads = list(range(count))
    for start in range(0, len(codes), PAIRS):
        part = codes[start : start + PAIRS]
        low, high = (part >> np.uint64(32)).tolist(), (part & np.uint64(2**32 - 1)).tolist()
        for smaller, larger in zip(low, high, strict=True):
            if heads[smaller] == smaller and heads[larger] == larger:
                heads[larger] = smaller
    return np.array(heads, np.int64)
