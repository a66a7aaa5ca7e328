"""Join of hashes: all pairs within a radius, without comparing all pairs.

The bits are cut into radius + k blocks. Two hashes that differ in at most `radius` bits have at least k blocks in
common. So for every choice of k blocks, the hashes are sorted by the bits of those blocks, and only hashes that have
them all in common are compared. At radius 3 and k = 2 these are 5 blocks and 10 sorts, each by 25 or 26 bits.

Source: the block permutation of G. Manku, A. Jain, A. Das Sarma, "Detecting Near-Duplicates for Web Crawling", 2007,
done for all hashes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

MAX_INTACT = 4
"""Largest k: with more blocks in common, the sorts become too many."""

STEP_COST = 5e-5
SORT_COST = 1e-7
COMPARE_COST = 2e-8
PLAIN_COST = 1.5e-9
"""Seconds: of a sort or a head whatever the size, of a hash to sort, of a pair to compare within a run, and of a pair
to compare in one pass over all pairs. They only choose between ways to the same result."""

LONG = 128
"""Length of a run above which each of its hashes is compared with the rest of the run; shorter runs are compared all
together."""

PART = 1 << 20
"""Pairs yielded at a time, or a little more."""

Ends: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Pairs: the first hash of each, and the second."""

TILE = 1 << 14
"""Pairs of a long run that are compared at a time: 128 KB of differences, which fit the L2 cache."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of hashes."""

    first: NDArray[np.uint32]
    """(pairs,) uint32: position of one hash of each pair, the smaller of the two."""

    second: NDArray[np.uint32]
    """(pairs,) uint32: position of the other."""

    distances: NDArray[np.uint8]
    """(pairs,) uint8, in bits."""


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """The cheapest way to join hashes."""

    blocks: NDArray[np.uint64]
    """(blocks,) uint64: the bits of each block."""

    intact: int
    """Number of blocks that the hashes of a pair have in common."""

    seconds: float
    """Estimated duration."""

    @property
    def sorts(self) -> int:
        """Number of sorts, one for each choice of blocks."""
        return comb(len(self.blocks), self.intact)


def plan_join(count: int, bits: int, radius: int) -> JoinPlan | None:
    """Return the cheapest join of `count` different hashes of `bits` bits; None if comparing all pairs is cheaper."""
    if count == 0 or radius < 0:
        return None
    plans = []
    for intact in range(1, MAX_INTACT + 1):
        blocks = radius + intact
        if blocks > bits:
            break
        shared = intact * bits // blocks
        of_sort = STEP_COST + count * SORT_COST + count**2 / 2 / 2**shared * COMPARE_COST
        seconds = comb(blocks, intact) * of_sort
        plans.append((seconds, blocks, intact))
    seconds, blocks, intact = min(plans, default=(np.inf, 0, 0))
    if seconds > count * STEP_COST + count**2 / 2 * PLAIN_COST:
        return None
    # neighbouring bits of a hash are alike, so each block takes bits from all over it
    masks = [sum(1 << bit for bit in range(first, bits, blocks)) for first in range(blocks)]
    return JoinPlan(np.array(masks, np.uint64), intact, seconds)


def pairs_within(
    hashes: NDArray[np.uint64], radius: int, how: JoinPlan, progress: Callable[[int, int], None] | None = None
) -> Iterator[Pairs]:
    """Yield each pair of these different hashes that differ in at most `radius` bits, once, in parts of a few million.

    `progress` gets (sorts done, sorts in all).
    """
    for done, chosen in enumerate(combinations(range(len(how.blocks)), how.intact), 1):
        mask = np.bitwise_or.reduce(how.blocks[list(chosen)])
        order = np.argsort(hashes & mask).astype(np.uint32)
        for part in _parts(_near_in_runs(hashes[order], mask, radius)):
            first, second = (order[np.concatenate([ends[side] for ends in part])] for side in (0, 1))
            differences = hashes[first] ^ hashes[second]
            # a pair with more blocks in common occurs in several sorts: it counts in the first of them
            new = _intact(differences, how.blocks[: chosen[-1]]) == how.intact - 1
            first, second = first[new], second[new]
            distances = np.bitwise_count(differences[new]).astype(np.uint8)
            yield Pairs(np.minimum(first, second), np.maximum(first, second), distances)
        if progress is not None:
            progress(done, how.sorts)


def _parts(pairs: Iterator[Ends]) -> Iterator[list[Ends]]:
    """Gather small arrays of pairs into lists of PART pairs or a little more."""
    part: list[Ends] = []
    count = 0
    for ends in pairs:
        part.append(ends)
        count += len(ends[0])
        if count >= PART:
            yield part
            part, count = [], 0
    if part:
        yield part


def _intact(differences: NDArray[np.uint64], blocks: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return (pairs,) int64: how many of these blocks are equal in each pair."""
    intact = np.zeros(len(differences), np.int64)
    for block in blocks:
        intact += (differences & block) == 0
    return intact


def _near_in_runs(ordered: NDArray[np.uint64], mask: np.uint64, radius: int) -> Iterator[Ends]:
    """Yield the positions of pairs within `radius` that are equal under the mask, by which the hashes are sorted."""
    if len(ordered) < 2:
        return
    edges = np.flatnonzero(((ordered[1:] ^ ordered[:-1]) & mask) != 0) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(ordered)]])
    lengths = stops - starts
    is_long = lengths > LONG
    for start, stop in zip(starts[is_long].tolist(), stops[is_long].tolist(), strict=True):
        yield from _near_in_run(ordered, start, stop, radius)
    short = ~is_long & (lengths > 1)
    left = np.repeat(stops[short], lengths[short])
    at = _ranges(starts[short], lengths[short])
    for apart in range(1, LONG):
        going_on = at + apart < left
        at, left = at[going_on], left[going_on]
        if not at.size:
            break
        near = at[np.bitwise_count(ordered[at] ^ ordered[at + apart]) <= radius]
        yield near, near + apart


def _near_in_run(ordered: NDArray[np.uint64], start: int, stop: int, radius: int) -> Iterator[Ends]:
    """Yield the pairs within `radius` of one run, for some heads at a time."""
    head = start
    while head < stop - 1:
        heads = max(1, min(TILE // (stop - head), stop - head))
        near = np.bitwise_count(ordered[head : head + heads, None] ^ ordered[head:stop]) <= radius
        first, second = np.nonzero(near)
        after = second > first
        yield first[after] + head, second[after] + head
        head += heads


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of all ranges, one range after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
