"""Matches: pairs of a question's and a stored feature whose codes are nearly the same.

A stored feature matches one of the question if their words are equal with any of the three weakest bits of the
question's feature the other way, and their codes differ in at most `NEAR` bits. The order of matches is by the bits
that differ, the place in the question, and the stored code; the first `MOST` of a pair of rows count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.crops.codes import NEAR, words
from shards.families.crops.unpacked import WORDS, Unpacked

MOST = 64
"""Matches of a pair of rows that are looked at."""

AT_ONCE = 1 << 20
"""Pairs of features that are compared at a time: their codes are 8 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Matches between the features of questions and of stored rows, pair by pair of these, in order."""

    pairs: NDArray[np.int64]
    """(m,) int64, rising: the number of the pair of rows."""

    asked: NDArray[np.int64]
    """(m,) int64: place of the feature among those of the question."""

    stored: NDArray[np.int64]
    """(m,) int64: place of the feature among those of the stored row."""

    @classmethod
    def first(
        cls,
        pairs: NDArray[np.int64],
        asked: NDArray[np.int64],
        stored: NDArray[np.int64],
        codes: NDArray[np.uint64],
        bits: NDArray[np.uint8],
    ) -> Matched:
        """Order matches, and leave out what a pair has beyond `MOST`.

        `codes`: (m,) uint64 of the stored features. `bits`: (m,) uint8, how many differ.
        """
        order = np.lexsort((stored, codes, asked, bits, pairs))
        rank = ranks(pairs[order])
        order = order[rank < MOST]
        return cls(pairs[order], asked[order], stored[order])


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """The features of one or more rows of questions, by the words that they are looked for by."""

    codes: NDArray[np.uint64]
    """(f,) uint64: the code of each feature, one row's after the other's."""

    words: NDArray[np.int64]
    """(p,) int64, rising: each word by which a feature is looked for."""

    features: NDArray[np.int64]
    """(p,) int64: the feature."""

    @classmethod
    def of(cls, questions: Unpacked) -> Lookup:
        """Return the lookup of these rows."""
        there = questions.is_there
        flips, is_new = questions.flips
        flips, is_new = flips[there], is_new[there]
        feature, flip = np.nonzero(is_new)
        words = questions.words[there][feature] ^ flips[feature, flip]
        order = np.argsort(words, kind="stable")
        return cls(questions.codes[there], words[order], feature[order])

    def matches(self, rows: Unpacked) -> Matched:
        """Return the matches of the only row of a question with these stored rows; `pairs` are their numbers."""
        starts = np.searchsorted(self.words, np.arange(WORDS + 1))
        parts = [self._part(starts, rows, start, stop) for start, stop in _parts(self._compared(starts, rows))]
        return _joined(parts)

    def _compared(self, starts: NDArray[np.int64], rows: Unpacked) -> NDArray[np.int64]:
        """Return (rows,) int64: how many pairs of features are compared for each row."""
        words = rows.words
        compared: NDArray[np.int64] = np.where(rows.is_there, starts[words + 1] - starts[words], 0).sum(axis=1)
        return compared

    def _part(self, starts: NDArray[np.int64], rows: Unpacked, start: int, stop: int) -> Matched:
        words = rows.words[start:stop]
        row, stored = np.nonzero(rows.is_there[start:stop] & (starts[words + 1] > starts[words]))
        first = starts[words[row, stored]]
        counts = starts[words[row, stored] + 1] - first
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        asked = self.features[np.repeat(first, counts) + within]
        row, stored = np.repeat(row, counts) + start, np.repeat(stored, counts)
        codes = rows.codes[row, stored]
        bits = np.bitwise_count(codes ^ self.codes[asked])
        near = np.flatnonzero(bits <= NEAR)
        return Matched.first(row[near], asked[near], stored[near], codes[near], bits[near])


def matches_of_pairs(questions: Unpacked, rows: Unpacked) -> Matched:
    """Return the matches of `questions[n]` with `rows[n]`, comparing each feature of the one with each of the other."""
    # words that differ in other bits than the weakest do not match
    first, second, third = np.moveaxis(np.uint64(1) << questions.weakest.astype(np.uint64), -1, 0)
    other_bits = ~(first | second | third)
    asked_there, stored_there = questions.is_there, rows.is_there
    step = max(AT_ONCE // (questions.codes.shape[1] * rows.codes.shape[1]), 1)
    parts = []
    for start in range(0, len(rows.counts), step):
        some = slice(start, start + step)
        differences = questions.codes[some, :, None] ^ rows.codes[some, None]
        near = np.flatnonzero(np.bitwise_count(differences) <= NEAR)
        pair, asked, stored = np.unravel_index(near, differences.shape)
        differences = differences.ravel()[near]
        pair += start
        ok = (words(differences) & other_bits[pair, asked]) == 0
        ok &= asked_there[pair, asked] & stored_there[pair, stored]
        pair, asked, stored = pair[ok], asked[ok], stored[ok]
        parts.append(Matched.first(pair, asked, stored, rows.codes[pair, stored], np.bitwise_count(differences[ok])))
    return _joined(parts)


def ranks(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n,) int64: how many equal numbers stand before each one; `groups` is sorted."""
    firsts = np.flatnonzero(np.diff(groups, prepend=-1))
    counts = np.diff(firsts, append=len(groups))
    return np.arange(len(groups)) - np.repeat(firsts, counts)


def _joined(parts: list[Matched]) -> Matched:
    empty = np.empty(0, np.int64)
    return Matched(
        np.concatenate([empty, *(part.pairs for part in parts)]),
        np.concatenate([empty, *(part.asked for part in parts)]),
        np.concatenate([empty, *(part.stored for part in parts)]),
    )


def _parts(costs: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of runs of rows that cost about `AT_ONCE` together, at least one row each."""
    total = np.cumsum(costs)
    start, done = 0, 0
    while start < len(costs):
        stop = max(int(np.searchsorted(total, done + AT_ONCE, "right")), start + 1)
        yield start, stop
        start, done = stop, int(total[stop - 1])
