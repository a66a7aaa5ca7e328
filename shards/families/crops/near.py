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

ASKED = 1 << 10
"""Codes of a question that are compared with the same bucket at a time."""

TILE = 1 << 15
"""Pairs of codes that are compared at a time: the bits that differ are 256 KB, and stay in the L2 cache."""

MOST = 1 << 21
"""Near features that are kept at most: 60 MB."""


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


def look_up(lookup: Lookup, reader: ColumnReader) -> Near | None:
    """Return what is near the features of a question; None if that is more than `MOST`."""
    buckets = Buckets.of(lookup, read_starts(reader))
    parts = reader.ranges(BUCKETS, buckets.spans)
    sizes = (2 * (buckets.end - buckets.begin) // 3).tolist()
    comparison = Comparison(lookup.codes[lookup.features])
    for number, (first, last) in enumerate(zip(buckets.first.tolist(), buckets.last.tolist(), strict=True)):
        codes = parts[number][: sizes[number]]
        for start in range(first, last, ASKED):
            comparison.compare(start, min(start + ASKED, last), number, codes)
        if comparison.is_full:
            return None
    probe, bucket, place, bits = comparison.near()
    rows = np.empty(len(bucket), np.int64)
    edges = np.flatnonzero(np.diff(bucket, prepend=-1, append=-1)).tolist()
    for start, stop in itertools.pairwise(edges):
        number = int(bucket[start])
        rows[start:stop] = parts[number][sizes[number] :].view("<u4")[place[start:stop]]
    if len(rows) and rows.max() >= reader.rows:
        raise reader.damaged(BUCKETS, f"names row {rows.max():,} of {reader.rows:,}")
    return Near(lookup.features[probe], buckets.begin[bucket] + place, rows, bits)


class Comparison:
    """A comparison of codes, a tile of pairs at a time. It keeps the pairs that are near."""

    def __init__(self, asked: NDArray[np.uint64]) -> None:
        """Compare codes of questions, (p,) uint64, with those of buckets."""
        self._count = 0
        self._asked = asked
        self._tile = np.empty(TILE, np.uint64)
        self._bits = np.empty(TILE, np.uint8)
        self._filled = 0
        self._pieces: list[tuple[int, ...]] = []
        self._near: list[NDArray[np.int64]] = []

    def compare(self, first: int, last: int, bucket: int, codes: NDArray[np.uint64]) -> None:
        """Compare the codes from `first` up to `last`, `ASKED` at most, with each of a bucket, which has a number."""
        count = last - first
        step = TILE // count
        for start in range(0, len(codes), step):
            some = codes[start : start + step]
            size = count * len(some)
            if self._filled + size > TILE:
                self._flush()
            if self.is_full:
                return
            piece = self._tile[self._filled : self._filled + size]
            if count == 1:
                np.bitwise_xor(some, self._asked[first], out=piece)
            else:
                np.bitwise_xor(some, self._asked[first:last, None], out=piece.reshape(count, -1))
            self._pieces.append((self._filled, first, len(some), bucket, start))
            self._filled += size

    @property
    def is_full(self) -> bool:
        """True if more is near than is kept: nothing is compared any more."""
        return self._count > MOST

    def near(self) -> tuple[NDArray[np.int64], ...]:
        """Return (code of the question, bucket, place in it, bits that differ) of what is near, by rising bucket."""
        self._flush()
        probe, bucket, place, bits = np.concatenate([np.empty((4, 0), np.int64), *self._near], axis=1)
        return probe, bucket, place, bits

    def _flush(self) -> None:
        if not self._filled:
            return
        bits = np.bitwise_count(self._tile[: self._filled], out=self._bits[: self._filled])
        at = np.flatnonzero(bits <= NEAR)
        if len(at):
            begin, first, width, bucket, start = np.array(self._pieces).T
            piece = np.searchsorted(begin, at, "right") - 1
            probe, place = np.divmod(at - begin[piece], width[piece])
            self._near.append(np.stack([probe + first[piece], bucket[piece], place + start[piece], bits[at]]))
            self._count += len(at)
        self._pieces.clear()
        self._filled = 0
