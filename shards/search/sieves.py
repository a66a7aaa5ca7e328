"""Sieves: hashes of one word that rows which are alike have within a few bits of each other.

They make few candidate pairs of many rows: each pair is compared itself after that. Either the rows that no sieve
brings together are surely not alike (pieces of a long hash: of two hashes within r bits, one of p pieces differs in at
most r / p), or they are most likely not (another hash of the same pictures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families import Rows
from shards.families.hashes.hamming import WORD, HammingFamily
from shards.families.hashes.join import Plan, pairs_within, plan
from shards.families.hashes.postings import numbers_of, tables_of

PAIRS = 1 << 16
"""Candidate pairs at a time: two Haar signatures each are 35 MB."""

CHUNKS = 4
"""Chunks of a long hash, of 16 bits or almost, that make a word."""


@dataclass(frozen=True, slots=True)
class Sieve:
    """`words` (rows,) uint64: pairs of rows that differ there in at most `radius` bits go through. `how`: to join."""

    words: NDArray[np.uint64]
    radius: int
    how: Plan

    def take(self, rows: NDArray[np.int64]) -> Sieve:
        """The same for some of the rows."""
        return Sieve(self.words[rows], self.radius, self.how)


def of_hashes(words: Sequence[NDArray[np.uint64]], bits: int, radius: int) -> list[Sieve]:
    """A sieve for each of these hashes of one word; none at all where comparing all pairs is cheaper."""
    how = plan(len(words[0]), bits, radius) if words else None
    return [] if how is None else [Sieve(one, radius, how) for one in words]


def of_pieces(family: HammingFamily, rows: Rows, radius: int) -> list[Sieve]:
    """Sieves of a hash of several words that let every pair within `radius` through; none where comparing all pairs is
    cheaper."""
    chunks = tables_of(family.bits)
    numbers = numbers_of(rows["hash"], family.bits, family.bits // chunks)
    words = [
        np.ascontiguousarray(numbers[:, first : first + CHUNKS]).view(np.uint64)[:, 0]
        for first in range(0, chunks - CHUNKS + 1, CHUNKS)
    ]
    return of_hashes(words, WORD, radius // len(words))


def candidates(
    sieves: Sequence[Sieve], progress: Callable[[int, int], None] | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every pair of rows that goes through some sieve, once, the smaller row first; PAIRS or fewer at a time.

    `progress` is told (sorts done, of how many). Memory: about 60 bytes a row, however many pairs there are.
    """
    total = sum(sieve.how.sorts for sieve in sieves)
    before = 0
    for number, sieve in enumerate(sieves):

        def step(done: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        for first, second in _through(sieve, step):
            new = np.ones(len(first), bool)
            for earlier in sieves[:number]:
                new &= np.bitwise_count(earlier.words[first] ^ earlier.words[second]) > earlier.radius
            first, second = first[new], second[new]
            yield np.minimum(first, second), np.maximum(first, second)
        before += sieve.how.sorts


def _through(
    sieve: Sieve, progress: Callable[[int, int], None]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The pairs of rows that go through this sieve, each once."""
    values, value_of, counts = np.unique(sieve.words, return_inverse=True, return_counts=True)
    rows = np.argsort(value_of, kind="stable")
    starts = np.cumsum(counts) - counts
    several = np.flatnonzero(counts > 1)
    for which, left, right in _products(counts[several], counts[several]):
        once = left < right
        start = starts[several[which[once]]]
        yield rows[start + left[once]], rows[start + right[once]]
    for part in pairs_within(values, sieve.radius, sieve.how, progress):
        for which, left, right in _products(counts[part.first], counts[part.second]):
            yield rows[starts[part.first[which]] + left], rows[starts[part.second[which]] + right]


def _products(
    left: NDArray[np.int64], right: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """For each n all pairs of a number below `left[n]` and one below `right[n]`: (n, the one, the other)."""
    counts = left * right
    ends = np.cumsum(counts)
    for start in range(0, int(counts.sum()), PAIRS):
        pair = np.arange(start, min(start + PAIRS, int(ends[-1])))
        which = np.searchsorted(ends, pair, "right")
        within = pair - (ends - counts)[which]
        yield which, within // right[which], within % right[which]
