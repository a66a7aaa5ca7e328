"""Candidate filters: hashes of one machine word that differ in few bits where rows are alike.

A filter picks few candidate pairs of many rows, and only those pairs are scored. Rows that no filter brings together
are either surely not alike (the words are parts of a long hash: `Family.pair_words`), or most likely not (the words are
another hash of the same pictures: `Family.word`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.hashes.join import JoinPlan, pairs_within, plan_join

PAIRS = 1 << 16
"""Candidate pairs at a time: two Haar signatures each are 35 MB."""


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """A filter that lets pairs of rows through whose words differ in few bits."""

    words: NDArray[np.uint64]
    """(rows,) uint64."""

    radius: int
    """Maximum number of bits in which the words of a candidate pair differ."""

    how: JoinPlan
    """The way to find those pairs."""

    def take(self, rows: NDArray[np.int64]) -> CandidateFilter:
        """Return the filter of some of the rows."""
        return CandidateFilter(self.words[rows], self.radius, self.how)


def filters_of(words: Sequence[NDArray[np.uint64]], bits: int, radius: int) -> list[CandidateFilter]:
    """Return a filter for each of these arrays of words; none at all where comparing all pairs is cheaper."""
    how = plan_join(len(words[0]), bits, radius) if words else None
    return [] if how is None else [CandidateFilter(hashes, radius, how) for hashes in words]


def candidates(
    filters: Sequence[CandidateFilter], progress: Callable[[int, int], None] | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield every pair of rows that some filter lets through, once, the smaller row first; PAIRS or fewer at a time.

    `progress` gets (sorts done, sorts in all). Memory: about 60 bytes a row, however many pairs there are.
    """
    total = sum(candidate_filter.how.sorts for candidate_filter in filters)
    before = 0
    for number, candidate_filter in enumerate(filters):

        def step(done: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        for first, second in _through(candidate_filter, step):
            new = np.ones(len(first), bool)
            for earlier in filters[:number]:
                new &= np.bitwise_count(earlier.words[first] ^ earlier.words[second]) > earlier.radius
            first, second = first[new], second[new]
            yield np.minimum(first, second), np.maximum(first, second)
        before += candidate_filter.how.sorts


def _through(
    candidate_filter: CandidateFilter, progress: Callable[[int, int], None]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the pairs of rows that this filter lets through, each once."""
    values, value_of, counts = np.unique(candidate_filter.words, return_inverse=True, return_counts=True)
    rows = np.argsort(value_of, kind="stable")
    starts = np.cumsum(counts) - counts
    several = np.flatnonzero(counts > 1)
    for which, left, right in _products(counts[several], counts[several]):
        once = left < right
        start = starts[several[which[once]]]
        yield rows[start + left[once]], rows[start + right[once]]
    for part in pairs_within(values, candidate_filter.radius, candidate_filter.how, progress):
        for which, left, right in _products(counts[part.first], counts[part.second]):
            yield rows[starts[part.first[which]] + left], rows[starts[part.second[which]] + right]


def _products(
    left: NDArray[np.int64], right: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield for each n all pairs of a number below `left[n]` and one below `right[n]`, as (n, left, right)."""
    counts = left * right
    ends = np.cumsum(counts)
    for start in range(0, int(counts.sum()), PAIRS):
        pair = np.arange(start, min(start + PAIRS, int(ends[-1])))
        which = np.searchsorted(ends, pair, "right")
        within = pair - (ends - counts)[which]
        yield which, within // right[which], within % right[which]
