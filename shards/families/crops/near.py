"""Features of a segment that are near one of a question's, by the segment's buckets."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.crops.codes import NEAR
from shards.families.crops.columns import BUCKETS, read_starts
from shards.families.crops.matching import Lookup
from shards.families.reading import ColumnReader

TILE = 1 << 15
"""Pairs of codes that are compared at a time: the bits that differ are 256 KB, and stay in the L2 cache."""

LONG = 1 << 10
"""Codes of a bucket from which on it is compared by itself: beside so many a call of numpy counts for little."""

MOST = 1 << 21
"""Near features that are kept, about: 100 MB. Of more, it is only counted how many each row has."""


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Pairs of a question's feature and a stored one whose codes are nearly the same: n of them, in any order."""

    asked: NDArray[np.int64]
    """(n,) int64: the question's feature, as the lookup numbers them."""

    stored: NDArray[np.int64]
    """(n,) int64: a number that no other feature of the segment has."""

    rows: NDArray[np.int64]
    """(n,) int64: the stored feature's row."""

    bits: NDArray[np.int64]
    """(n,) int64: in how many bits the codes differ."""

    def take(self, which: NDArray[np.intp]) -> Near:
        return Near(self.asked[which], self.stored[which], self.rows[which], self.bits[which])

    def split(self, counts: Sequence[int]) -> Iterator[Near]:
        """Yield what is near each of several questions, which have so many features one after the other."""
        first = 0
        for count in counts:
            own = self.take(np.flatnonzero((self.asked >= first) & (self.asked < first + count)))
            yield Near(own.asked - first, own.stored, own.rows, own.bits)
            first += count

    def counted(
        self, query_of: NDArray[np.int64], rows: int, needed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Count the different features that are near, of each query and each row that have `needed` pairs or more.

        `query_of`: (features,) the query of each of the question's features. `rows`: those of the segment. Returns the
        numbers query · rows + row, rising, and (n,) counts for each: the query's features, and the row's.
        """
        keys = query_of[self.asked] * rows + self.rows
        ordered = np.sort(keys)
        lasts = ordered[needed - 1 :]
        many = lasts[lasts == ordered[: len(lasts)]]
        if not len(many):
            return many, many, many
        many = many[np.flatnonzero(np.diff(many, prepend=-1))]
        number = np.searchsorted(many, keys)
        number[number == len(many)] = 0
        has_many = np.flatnonzero(many[number] == keys)
        number = number[has_many]
        asked, stored = (_different(number, of[has_many]) for of in (self.asked, self.stored))
        return many, asked, stored


def _different(numbers: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many different values stand beside each number; these are 0, 1, … and none is missing."""
    order = np.lexsort((values, numbers))
    numbers, values = numbers[order], values[order]
    is_new = (np.diff(numbers, prepend=-1) != 0) | (np.diff(values, prepend=-1) != 0)
    return np.bincount(numbers[is_new])


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """Near features that were too many to be kept."""

    counts: NDArray[np.int64]
    """(rows,) int64: the number of pairs of a question's feature and one of this row that are near."""

    def add(self, near: Near) -> None:
        """Count what is near, too."""
        self.counts[:] += np.bincount(near.rows, minlength=len(self.counts))


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """The buckets of a segment in which a question looks."""

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    """(b,) int64: where each bucket lies in its column; none is empty."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    """(b,) int64: the part of the lookup that looks in it."""

    @classmethod
    def of(cls, lookup: Lookup, starts: NDArray[np.int64]) -> Buckets:
        """Return the buckets of these words."""
        first = np.flatnonzero(np.diff(lookup.words, prepend=-1))
        words = lookup.words[first]
        last = np.append(first[1:], len(lookup.words))
        there = starts[words + 1] > starts[words]
        words = words[there]
        return cls(starts[words], starts[words + 1], first[there], last[there])

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The ranges of the column that are read."""
        return list(zip(self.begin.tolist(), self.end.tolist(), strict=True))


def look_up(lookup: Lookup, reader: ColumnReader) -> Near | Crowd:
    """Return what is near the features of a question, or a crowd if that is more than `MOST`."""
    buckets = Buckets.of(lookup, read_starts(reader))
    parts = reader.ranges(BUCKETS, buckets.spans)
    sizes = (2 * (buckets.end - buckets.begin) // 3).tolist()
    comparison = Comparison(lookup.codes[lookup.features])

    def near() -> Near:
        probes, in_buckets, places, bits = comparison.near()
        rows = np.empty(len(places), np.int64)
        edges = np.flatnonzero(np.diff(in_buckets, prepend=-1, append=-1))
        numbers = in_buckets[edges[:-1]].tolist()
        for number, (start, stop) in zip(numbers, itertools.pairwise(edges.tolist()), strict=True):
            rows[start:stop] = parts[number][sizes[number] :].view("<u4")[places[start:stop]]
        if len(rows) and rows.max() >= reader.rows:
            raise reader.damaged(BUCKETS, f"names row {rows.max():,} of {reader.rows:,}")
        return Near(lookup.features[probes], buckets.begin[in_buckets] + places, rows, bits)

    crowd: Crowd | None = None
    for number, (first, last) in enumerate(zip(buckets.first.tolist(), buckets.last.tolist(), strict=True)):
        codes = parts[number][: sizes[number]]
        for start in range(0, len(codes), TILE):
            some = codes[start : start + TILE]
            for probe in range(first, last):
                comparison.compare(probe, number, start, some)
                if comparison.count > MOST:
                    crowd = crowd or Crowd(np.zeros(reader.rows, np.int64))
                    crowd.add(near())
    if crowd is None:
        return near()
    crowd.add(near())
    return crowd


class Comparison:
    """A comparison of codes, which keeps the pairs that are near.

    A bucket has some hundred codes, so what counts is how little is done for each: codes are gathered until there is a
    tile of them, and compared at once. Which pairs are near is found out in the end, for those few.
    """

    def __init__(self, asked: NDArray[np.uint64]) -> None:
        """Compare codes of questions, (p,) uint64, with those of buckets."""
        self._asked = asked
        self._tile = np.empty(TILE, np.uint64)
        self._bits = np.empty(TILE, np.uint8)
        self._is_near = np.zeros(TILE, bool)
        self.count = 0
        """Number of near pairs that were found since they were asked for."""

        self._filled = self._before = 0
        self._pieces: list[tuple[int, int, int, int]] = []
        self._gathered: list[NDArray[np.uint64]] = []
        self._near: list[NDArray[np.int64]] = []
        self._near_bits: list[NDArray[np.uint8]] = []

    def compare(self, probe: int, bucket: int, start: int, codes: NDArray[np.uint64]) -> None:
        """Compare the code of this number with some of a bucket's, `TILE` at most, from `start` on.

        Buckets have numbers too, and come by number.
        """
        if len(codes) > TILE - self._filled:
            self._flush()
        self._pieces.append((self._before + self._filled, probe, bucket, start))
        self._gathered.append(codes)
        self._filled += len(codes)

    def near(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return (code of the question, bucket, place in it, bits that differ) of what is near, by rising bucket.

        What was returned is forgotten.
        """
        self._flush()
        at = np.concatenate([np.empty(0, np.int64), *self._near])
        begin, probe, bucket, start = np.array(self._pieces, np.int64).reshape(-1, 4).T
        piece = np.searchsorted(begin, at, "right") - 1
        bits = np.concatenate([np.empty(0, np.uint8), *self._near_bits]).astype(np.int64)
        for kept in (self._pieces, self._near, self._near_bits):
            kept.clear()
        self.count = 0
        return probe[piece], bucket[piece], at - begin[piece] + start[piece], bits

    def _flush(self) -> None:
        filled = self._filled
        if not filled:
            return
        self._differ(self._tile[:filled])
        bits = np.bitwise_count(self._tile[:filled], self._bits[:filled])
        self._is_near[filled:] = False
        np.less_equal(bits, NEAR, self._is_near[:filled])
        # few are near: eight at a time are looked at first
        eights = np.flatnonzero(self._is_near.view(np.uint64))
        eight, place = np.nonzero(self._is_near.reshape(-1, 8)[eights])
        at = 8 * eights[eight] + place
        self._near.append(at + self._before)
        self._near_bits.append(bits[at])
        self.count += len(at)
        self._before += filled
        self._filled = 0
        self._gathered.clear()

    def _differ(self, out: NDArray[np.uint64]) -> None:
        """Write the bits in which the gathered codes differ from those that they are compared with."""
        asked = self._asked[[probe for _, probe, _, _ in self._pieces[-len(self._gathered) :]]]
        if len(self._gathered) * LONG > len(out):
            np.concatenate(self._gathered, out=out)
            np.bitwise_xor(out, np.repeat(asked, list(map(len, self._gathered))), out)
            return
        at = 0
        for number, codes in enumerate(self._gathered):
            # an array without a dimension: numpy takes longer to read a number
            np.bitwise_xor(codes, asked[number, ...], out[at : at + len(codes)])
            at += len(codes)
