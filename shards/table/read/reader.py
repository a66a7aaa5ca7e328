"""Readers of stored records through one interface: those of a segment by byte range, those of the tail from memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.families import ColumnReader
from shards.storage.base import Store
from shards.table.format.columns import CHECK_BLOCK
from shards.table.format.manifest import Segment
from shards.table.format.records import SHA256, Part, Records, unknown_sha256
from shards.table.format.texts import Texts
from shards.table.read.checked import Bounds, CheckedBytes
from shards.table.read.disk import DiskCache
from shards.table.read.memory import Memory

AND_END = np.array([0, 1])
"""Added to bounds of rows to read offsets: n texts have n + 1 of them."""


@dataclass(frozen=True, slots=True)
class PickedRows:
    """Some rows of several columns."""

    columns: Mapping[str, NDArray[Any]]
    """(rows, …) arrays by the name of their column."""

    texts: Mapping[Part, Texts]
    """Texts by the name of their column."""


class Reader(ColumnReader, Protocol):
    """A reader of stored records, which are sorted by key hash: those of a segment, or of the log's tail."""

    @property
    def checks_cold(self) -> int:
        """Bytes of checksums that the first read of a column would fetch as well."""
        ...

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return these rows of a column, in this order."""
        ...

    def texts(self, part: Part, rows: NDArray[np.int64]) -> list[bytes]:
        """Return these rows of a column of texts, in this order."""
        ...

    def pick(self, rows: NDArray[np.int64], columns: Sequence[str], parts: Sequence[Part] = ()) -> PickedRows:
        """Return these rows of several columns, in this order: one request for the columns, one more for texts."""
        ...

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Find key hashes: (positions in `hashes`, rows), equally long, a pair for each occurrence."""
        ...


class SegmentReader:
    """A reader of one segment. No byte is used before it was checked."""

    def __init__(
        self,
        store: Store,
        segment: Segment,
        memory: Memory | None = None,
        disk: DiskCache | None = None,
        index: str = "",
    ) -> None:
        """Read a segment of the index with the id `index` from the place of that index's objects."""
        self.segment = segment
        self.index = index
        self._bytes = CheckedBytes(store, segment, memory or Memory(0), disk, index)

    @property
    def rows(self) -> int:
        return self.segment.rows

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        if stop is None:
            stop = self.rows if self._is_unknown(name) else self._bytes.column(name).shape[0]
        return self.ranges(name, [(start, stop)])[0]

    def _is_unknown(self, name: str) -> bool:
        """Return True for the column that a segment may lack. It reads as if it were there."""
        return name == SHA256 and name not in self.segment.columns

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        if self._is_unknown(name):
            return [unknown_sha256(self.rows)[start:stop] for start, stop in ranges]
        bounds = _bounds(ranges)
        self._check_bounds(name, bounds)
        rows = self._bytes.rows(name, bounds)
        return [rows[start:stop] for start, stop in ranges]

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        if self._bytes.mapped:
            return 0
        whole = [(0, self._bytes.column(name).shape[0])]
        bounds = _bounds(whole if ranges is None else ranges)
        self._check_bounds(name, bounds)
        return self._bytes.cold(name, bounds)

    @property
    def checks_cold(self) -> int:
        return self._bytes.checks_cold

    def length(self, name: str) -> int | None:
        column = self.segment.columns.get(name)
        return None if column is None else column.shape[0]

    def form(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        column = self.segment.columns.get(name)
        return None if column is None else (column.dtype, column.shape)

    def damaged(self, name: str, problem: str) -> CorruptObject:
        return CorruptObject(self.segment.name, f"column {name} {problem}")

    def _check_bounds(self, name: str, bounds: Bounds) -> None:
        """Raise CorruptObject for rows that a column does not have: another column of the segment told them wrong."""
        if not len(bounds):
            return
        rows = self._bytes.column(name).shape[0]
        starts, stops = bounds.T
        if starts.min() < 0 or stops.max() > rows or (starts > stops).any():
            raise self.damaged(name, f"has {rows:,} rows, and another column says that some lie outside of it")

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        return self.pick(rows, [name]).columns[name]

    def texts(self, part: Part, rows: NDArray[np.int64]) -> list[bytes]:
        return self.pick(rows, [], [part]).texts[part].tolist()

    def all_texts(self, part: Part) -> Texts:
        """Return a whole column of texts."""
        texts = Texts(self.column(f"{part}.data"), self.column(f"{part}.offsets"))
        try:
            texts.check(part, self.rows)
        except ValueError as error:
            raise CorruptObject(self.segment.name, str(error)) from error
        return texts

    def pick(self, rows: NDArray[np.int64], columns: Sequence[str], parts: Sequence[Part] = ()) -> PickedRows:
        stored = [name for name in columns if not self._is_unknown(name)]
        unknown = {name: unknown_sha256(len(rows)) for name in columns if name not in stored}
        if not len(rows):  # in most segments a search finds nothing
            places = {name: self._bytes.column(name) for name in stored}
            return PickedRows(
                unknown | {name: np.empty((0, *place.shape[1:]), place.dtype) for name, place in places.items()},
                {part: Texts.empty(0) for part in parts},
            )
        runs = _runs(rows)
        fixed = [(name, self._around(name, runs)) for name in stored]
        offsets = [(f"{part}.offsets", self._around(f"{part}.offsets", runs + AND_END)) for part in parts]
        arrays = self._bytes.several([*fixed, *offsets])
        starts = dict(zip(parts, arrays[len(stored) :], strict=True))
        for part in parts:
            self._check_offsets(part, starts[part], rows)
        data = self._bytes.several(
            [(f"{part}.data", self._around(f"{part}.data", starts[part][runs].astype(np.int64))) for part in parts]
        )
        return PickedRows(
            unknown | {name: column[rows] for name, column in zip(stored, arrays, strict=False)},
            {part: Texts(texts, starts[part]).take(rows) for part, texts in zip(parts, data, strict=True)},
        )

    def _check_offsets(self, part: Part, offsets: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        """Raise CorruptObject unless the texts of these rows lie one behind the other, inside their column."""
        # np.unique would import numpy.ma, 30 ms of each cold search
        there = np.sort(rows)
        there = there[np.diff(there, prepend=-1) != 0]
        ends = np.stack([offsets[there], offsets[there + 1]], axis=1).ravel()
        if len(ends) and ((ends[1:] < ends[:-1]).any() or int(ends[-1]) > self._bytes.column(f"{part}.data").size):
            raise self.damaged(f"{part}.offsets", "has places that do not rise, or end behind the texts")

    def _around(self, name: str, bounds: Bounds) -> Bounds:
        """Return these bounds, or the whole column where they are so many that most of its blocks are read anyhow."""
        column = self._bytes.column(name)
        return _bounds([(0, column.shape[0])]) if len(bounds) * CHECK_BLOCK >= column.size else bounds

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Find key hashes as the contract says.

        Hashes are uniform, so the place of one is known to a few hundred rows: reads windows, not the column.
        """
        if self.rows == 0 or len(hashes) == 0:
            return np.empty(0, np.intp), np.empty(0, np.int64)
        # six standard deviations of the rank of a uniform number among `rows`, and a little for the small ones
        reach = int(3 * self.rows**0.5) + 64
        if 2 * reach * len(hashes) >= self.rows:
            return _equal(self.column("key_hash"), hashes)
        guess = (hashes.astype(np.float64) / 2.0**64 * self.rows).astype(np.int64)
        starts = np.maximum(guess - reach, 0)
        stops = np.minimum(guess + reach, self.rows)
        windows = self.ranges("key_hash", list(zip(starts.tolist(), stops.tolist(), strict=True)))
        at: list[int] = []
        rows: list[int] = []
        for i, (window, start) in enumerate(zip(windows, starts.tolist(), strict=True)):
            hashed = hashes[i]
            whole_left = start == 0 or window[0] < hashed
            whole_right = start + len(window) == self.rows or window[-1] > hashed
            if not (whole_left and whole_right):
                return _equal(self.column("key_hash"), hashes)
            first, last = np.searchsorted(window, hashed, "left"), np.searchsorted(window, hashed, "right")
            for row in range(int(first), int(last)):
                at.append(i)
                rows.append(start + row)
        return np.array(at, np.intp), np.array(rows, np.int64)


def find_keys(
    reader: Reader, keys: Texts, hashes: NDArray[np.uint64], some: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find some of these keys: (positions in `keys`, rows), equally long, a pair for each occurrence.

    `hashes`: those of all the keys. `some`: the positions of the keys to look for.
    """
    at, rows, _ = _find(reader, keys, hashes, some, [])
    return at, rows


def find_orders(
    reader: Reader, keys: Texts, hashes: NDArray[np.uint64], some: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Find some of these keys as `find_keys` does, and return the orders of the rows too: (n, 2) uint64.

    They are fetched together with the keys.
    """
    at, rows, columns = _find(reader, keys, hashes, some, ["order"])
    return at, rows, columns["order"] if len(rows) else np.empty((0, 2), np.uint64)


def _find(
    reader: Reader, keys: Texts, hashes: NDArray[np.uint64], some: NDArray[np.int64], columns: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Mapping[str, NDArray[Any]]]:
    at, rows = reader.find(hashes[some])
    if not len(rows):
        return some[:0], rows, {}
    positions = some[at]
    picked = reader.pick(rows, columns, ["key"])
    same = np.flatnonzero(keys.take(positions).equals(picked.texts["key"]))
    return positions[same], rows[same], {name: column[same] for name, column in picked.columns.items()}


def _runs(rows: NDArray[np.int64]) -> Bounds:
    """Return the runs of consecutive rows, in the order of `rows`."""
    edges = np.flatnonzero(np.diff(rows, prepend=-2, append=-2) != 1)
    return np.stack([rows[edges[:-1]], rows[edges[1:] - 1] + 1], axis=1)


def _bounds(ranges: Sequence[tuple[int, int]]) -> Bounds:
    return np.fromiter(chain.from_iterable(ranges), np.int64, 2 * len(ranges)).reshape(-1, 2)


def _equal(column: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return all pairs (i, row) with column[row] == hashes[i]; the column is sorted."""
    if not len(column):
        return np.empty(0, np.intp), np.empty(0, np.int64)
    first = np.searchsorted(column, hashes, "left")
    # hardly any hash that a fold looks for is there, and only those need a second search
    there = np.flatnonzero(column[np.minimum(first, len(column) - 1)] == hashes)
    first = first[there]
    counts = np.searchsorted(column, hashes[there], "right") - first
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(there, counts), np.repeat(first, counts) + within


class TailReader:
    """A reader of records that are still in memory."""

    def __init__(self, records: Records) -> None:
        self.records = records

    @property
    def rows(self) -> int:
        return len(self.records)

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        records = self.records
        column = records.fixed[name] if name in records.fixed else records.rows[name]
        return column[start:stop]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        return [self.column(name, start, stop) for start, stop in ranges]

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        del name, ranges
        return 0

    @property
    def checks_cold(self) -> int:
        return 0

    def length(self, name: str) -> int | None:
        return len(self.records) if name in self.records.fixed or name in self.records.rows else None

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        return self.column(name)[rows]

    def texts(self, part: Part, rows: NDArray[np.int64]) -> list[bytes]:
        return self.records.texts[part].take(rows).tolist()

    def pick(self, rows: NDArray[np.int64], columns: Sequence[str], parts: Sequence[Part] = ()) -> PickedRows:
        return PickedRows(
            {name: self.take(name, rows) for name in columns},
            {part: self.records.texts[part].take(rows) for part in parts},
        )

    def form(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        return None if self.length(name) is None else (self.column(name).dtype, self.column(name).shape)

    def damaged(self, name: str, problem: str) -> CorruptObject:
        return CorruptObject("log", f"column {name} {problem}")

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        return _equal(self.column("key_hash"), hashes)
