"""Pairs of images that may show the same picture: what hashes suggest, to be confirmed on the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.duplicates.tiers import RADII, SCORE
from shards.families import Family
from shards.families.hashes.join import plan_join
from shards.search.all_rows import AllRows
from shards.search.candidate_filters import CandidateFilter, candidates
from shards.search.pairs import by_comparing, by_near_pairs

FEW = 2_000
"""Images up to which every pair is compared where no hash suggests any."""

ALL_PAIRS = 2_000
"""Images up to which the hashes of all pairs are compared in one pass: sorting would take longer."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""(n,) int64 each: positions among the images, the smaller first."""

Progress = Callable[[int, int], None]


def suggested(
    rows: AllRows, families: Sequence[Family], images: NDArray[np.int64], progress: Progress | None = None
) -> NDArray[np.int64]:
    """Return (n, 2) int64, sorted: the pairs, as positions in `images`, that some family suggests.

    `images`: (m,) int64, rising: the numbers of the images among all rows. `progress` gets (families asked, in all).
    """
    hashed = [family for family in families if family.name in RADII]
    codes = [np.empty(0, np.int64)]
    count = len(images)
    for n, family in enumerate(hashed):
        signatures = rows.signatures_of(family, images)
        codes += [first * count + second for first, second in _near(family, signatures)]
        if progress is not None:
            progress(n + 1, len(hashed))
    if not hashed and families:
        signatures = rows.signatures_of(families[0], images)
        first, second = _likely(families[0], signatures)
        codes.append(first * count + second)
    pairs = np.unique(np.concatenate(codes))
    return np.stack([pairs // max(1, count), pairs % max(1, count)], axis=1)


def _near(family: Family, signatures: NDArray[np.void]) -> Iterator[Pairs]:
    """Yield the pairs whose hashes differ in few bits."""
    radius = RADII[family.name]
    words = family.pair_words(signatures, float(family.score_at(radius)))
    if words is None or not len(signatures):
        return
    how = plan_join(len(signatures), words.bits, words.radius)
    if how is None or len(signatures) <= ALL_PAIRS:
        yield from _compared(signatures["hash"], radius)
        return
    filters = [CandidateFilter(each, words.radius, how) for each in words.words]
    for first, second in candidates(filters):
        if not words.decides:
            apart = np.bitwise_count(signatures["hash"][first] ^ signatures["hash"][second]).sum(axis=1)
            first, second = first[apart <= radius], second[apart <= radius]
        yield first.astype(np.int64), second.astype(np.int64)


def _compared(hashes: NDArray[np.uint64], radius: int) -> Iterator[Pairs]:
    for n in range(len(hashes) - 1):
        apart = np.bitwise_count(hashes[n + 1 :] ^ hashes[n]).sum(axis=1)
        near = np.flatnonzero(apart <= radius)
        yield np.full(len(near), n), near + n + 1


def _likely(family: Family, signatures: NDArray[np.void]) -> Pairs:
    """Return pairs that score high in a family that has no hash of few bits."""
    order = np.arange(len(signatures))
    found = by_near_pairs(family, signatures, order, SCORE, "star")
    if found is None:
        if len(signatures) > FEW:
            return order[:0], order[:0]
        found = by_comparing(family, signatures, order, SCORE, "star")
    return np.minimum(found.heads, found.members), np.maximum(found.heads, found.members)
