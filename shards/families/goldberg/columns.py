"""The search columns: a second copy of a segment's signatures, plane by plane, sorted by class.

A value of -2..2 is P - 2N + R with three bits: P, it is positive; N, it is negative; R, it is 2 or -1. So a dot product
is three sums of a query's values over set bits, and after the first sum most rows are ruled out.

How much the remaining planes can add to a row depends on how many of its values are not 0 and how many are ±2. These
two numbers are the row's class. Rows are sorted by class, so long runs of rows have to reach the same sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.goldberg.grid import INDEPENDENT
from shards.families.goldberg.planes import PLANE_BYTES
from shards.families.reading import ColumnReader, has_columns

POSITIVE = "goldberg.positive"
"""Column (34 · rows,) uint8: plane P, block by block; see `Plane`."""

REST = "goldberg.rest"
"""Column (68 · rows,) uint8: planes N and R, block by block, N before R in each."""

PLACES = "goldberg.rows"
"""Column (rows,) uint32: the segment's row at each place of the search columns."""

CLASSES = "goldberg.classes"
"""Column (classes, 3) uint32, sorted: for each class the number of values that are not 0, of values ±2, and of rows."""

BLOCK = 1 << 14
"""Rows in a block: one word of each row is 128 KB, which stays in the L2 cache with what is computed from it."""

WORDS = PLANE_BYTES // 8
"""Number of whole 64-bit words in a plane: 4. The other 16 bits are its tail."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One bit of each value of n rows. Bits are only counted, so the byte order of words does not matter."""

    words: NDArray[np.uint64]
    """(4, n) uint64: the first 256 values."""

    tail: NDArray[np.uint16]
    """(n,) uint16: the last 16 values."""

    @classmethod
    def of(cls, data: NDArray[np.uint8]) -> Plane:
        """Return a block's plane from (34 · n,) uint8: all rows' first words, then their second, …, at last tails."""
        rows = len(data) // PLANE_BYTES
        words = data[: 8 * WORDS * rows].view(np.uint64).reshape(WORDS, rows)
        return cls(words, data[8 * WORDS * rows :].view(np.uint16))

    def __len__(self) -> int:
        return len(self.tail)

    def take(self, places: NDArray[np.intp]) -> Plane:
        """Return the plane of these rows."""
        return Plane(self.words.take(places, axis=1), self.tail.take(places))

    def part(self, start: int, stop: int) -> Plane:
        """Return the plane of the rows from `start` up to `stop`."""
        return Plane(self.words[:, start:stop], self.tail[start:stop])

    @classmethod
    def joined(cls, planes: list[Plane]) -> Plane:
        """Join the planes of several blocks."""
        if len(planes) == 1:
            return planes[0]
        return cls(np.concatenate([plane.words for plane in planes], axis=1), np.concatenate([p.tail for p in planes]))


def are_there(reader: ColumnReader) -> bool:
    """Return True if a segment has the search columns. Raises CorruptObject where one is missing or of another form."""
    rows = reader.rows
    forms = {
        CLASSES: ("<u4", (None, 3)),
        PLACES: ("<u4", (rows,)),
        POSITIVE: ("u1", (PLANE_BYTES * rows,)),
        REST: ("u1", (2 * PLANE_BYTES * rows,)),
    }
    return has_columns(reader, forms)


def blocks(rows: int) -> list[tuple[int, int]]:
    """Return (first row, row after the last) of every block."""
    return [(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK)]


def build(rows: Rows) -> dict[str, NDArray[Any]]:
    """Return the search columns of these rows."""
    values, twos = _counts(rows)
    # pairs with twos ≤ values, numbered in their order: 16 bits, for which numpy has a radix sort
    pair = (values.astype(np.uint32) * (values + np.uint32(1)) // 2 + twos).astype(np.uint16)
    places = np.argsort(pair, kind="stable").astype(np.uint32)
    _, first, runs = np.unique(pair[places], return_index=True, return_counts=True)
    heads = places[first]
    positive = np.empty(len(rows) * PLANE_BYTES, np.uint8)
    rest = np.empty(2 * len(rows) * PLANE_BYTES, np.uint8)
    for start, stop in blocks(len(rows)):
        p, n, twice = np.moveaxis(rows["planes"][places[start:stop]], 1, 0)
        middle = PLANE_BYTES * (start + stop)
        _lay(p, positive[PLANE_BYTES * start : PLANE_BYTES * stop])
        _lay(n, rest[2 * PLANE_BYTES * start : middle])
        # 2 is positive and ±2; -1 is negative and not ±2
        _lay(n ^ twice, rest[middle : 2 * PLANE_BYTES * stop])
    return {
        POSITIVE: positive,
        REST: rest,
        PLACES: places,
        CLASSES: np.stack([values[heads], twos[heads], runs], axis=1).astype(np.uint32),
    }


def _counts(rows: Rows) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return how many values of each row are not 0, and how many are ±2: (rows,) uint16 both."""
    counts = np.empty((2, len(rows)), np.uint16)
    for start, stop in blocks(len(rows)):
        planes = rows["planes"][start:stop]
        for count, bits in zip(counts, (planes[:, 0] | planes[:, 1], planes[:, 2]), strict=True):
            # 34 bytes are 17 words of 16 bits
            count[start:stop] = np.bitwise_count(np.ascontiguousarray(bits).view(np.uint16)).sum(
                axis=1, dtype=np.uint16
            )
    return counts[0], counts[1]


def _lay(plane: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write the plane of a block, (n, 34) bytes row by row, to `out` word by word."""
    laid = Plane.of(out)
    laid.words[...] = np.ascontiguousarray(plane[:, : 8 * WORDS]).view(np.uint64).T
    laid.tail[...] = np.ascontiguousarray(plane[:, 8 * WORDS :]).view(np.uint16)[:, 0]


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a segment's rows: runs of places whose rows have equally many values of each size."""

    values: NDArray[np.int64]
    """(classes,) int64: how many of the 272 values are not 0."""

    twos: NDArray[np.int64]
    """(classes,) int64: how many values are ±2."""

    ends: NDArray[np.int64]
    """(classes,) int64: the place after the last of each class."""

    @classmethod
    def read(cls, reader: ColumnReader) -> Classes:
        """Read the classes of a segment that has the search columns. Raises CorruptObject."""
        values, twos, runs = reader.column(CLASSES).astype(np.int64).T
        is_row = (twos <= values) & (values <= len(INDEPENDENT)) & (runs > 0)
        if not is_row.all() or int(runs.sum()) != reader.rows:
            raise reader.damaged(CLASSES, f"has classes that {reader.rows:,} signatures cannot have")
        return cls(values, twos, np.cumsum(runs))

    @property
    def zeros(self) -> NDArray[np.int64]:
        """(classes,) int64: how many values are 0."""
        return len(INDEPENDENT) - self.values

    @property
    def squares(self) -> NDArray[np.int64]:
        """(classes,) int64: ‖a‖² of the rows."""
        return self.values + 3 * self.twos

    def between(self, start: int, stop: int) -> slice:
        """Return the classes of the places from `start` up to `stop`."""
        first, last = np.searchsorted(self.ends, [start, stop - 1], side="right")
        return slice(int(first), int(last) + 1)

    def at(self, places: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return (n,) intp: the class of each place."""
        return np.searchsorted(self.ends, places, side="right")


def read_positive(reader: ColumnReader, spans: list[tuple[int, int]]) -> list[Plane]:
    """Read plane P of these blocks, in one request."""
    ranges = [(PLANE_BYTES * start, PLANE_BYTES * stop) for start, stop in spans]
    return [Plane.of(data) for data in reader.ranges(POSITIVE, ranges)]


def read_rest(reader: ColumnReader, spans: list[tuple[int, int]]) -> Iterator[tuple[Plane, Plane]]:
    """Read planes N and R of these blocks, in one request."""
    ranges = [(2 * PLANE_BYTES * start, 2 * PLANE_BYTES * stop) for start, stop in spans]
    for data in reader.ranges(REST, ranges):
        half = len(data) // 2
        yield Plane.of(data[:half]), Plane.of(data[half:])
