"""Reading stored records: a segment's by byte range, the log tail's from memory, through one interface."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shards.families import ColumnReader
from shards.storage.base import Store
from shards.table.checked import Bounds, CheckedBytes, Memory
from shards.table.columns import CHECK_BLOCK
from shards.table.disk import DiskCache
from shards.table.manifest import Segment
from shards.table.records import Part, Records, Texts


class Reader(ColumnReader, Protocol):
    """Stored records, sorted by key hash: a segment's, or the log tail's."""

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """These rows of a column, in this order."""
        ...

    def texts(self, part: Part, rows: NDArray[np.int64]) -> list[bytes]:
        """These rows of a column of texts, in this order."""
        ...

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Where these key hashes are: (positions in `hashes`, rows), equally long, a pair for each occurrence."""
        ...


class SegmentReader:
    """Reads a segment's columns, rows or texts. No byte is used before it was checked."""

    def __init__(
        self, store: Store, segment: Segment, memory: Memory | None = None, disk: DiskCache | None = None
    ) -> None:
        self.segment = segment
        self._bytes = CheckedBytes(store, segment, memory or Memory(0), disk)

    @property
    def rows(self) -> int:
        return self.segment.rows

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.ranges(name, [(start, self._bytes.column(name).shape[0] if stop is None else stop)])[0]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        rows = self._bytes.rows(name, _bounds(ranges))
        return [rows[start:stop] for start, stop in ranges]

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        if self._bytes.mapped:
            return 0
        whole = [(0, self._bytes.column(name).shape[0])]
        return self._bytes.cold(name, _bounds(whole if ranges is None else ranges))

    def length(self, name: str) -> int | None:
        column = self.segment.columns.get(name)
        return None if column is None else column.shape[0]

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        column = self._bytes.column(name)
        if len(rows) == 0:
            return np.empty((0, *column.shape[1:]), column.dtype)
        if len(rows) * CHECK_BLOCK >= column.size:
            return self.column(name)[rows]
        return self._bytes.rows(name, np.stack([rows, rows + 1], axis=1))[rows]

    def texts(self, part: Part, rows: NDArray[np.int64]) -> list[bytes]:
        if len(rows) == 0:
            return []
        data = self._bytes.column(f"{part}.data")
        if len(rows) * CHECK_BLOCK >= data.size:
            return Texts(self.column(f"{part}.data"), self.column(f"{part}.offsets")).take(rows).tolist()
        around = self.ranges(f"{part}.offsets", [(row, row + 2) for row in rows.tolist()])
        found = self.ranges(f"{part}.data", [(int(start), int(stop)) for start, stop in around])
        return [text.tobytes() for text in found]

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """As the contract says.

        Hashes are uniform, so where one must be is known to a few hundred rows: reads windows, not the column.
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


def _bounds(ranges: Sequence[tuple[int, int]]) -> Bounds:
    return np.fromiter(chain.from_iterable(ranges), np.int64, 2 * len(ranges)).reshape(-1, 2)


def _equal(column: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """All pairs (i, row) with column[row] == hashes[i]; the column is sorted."""
    first = np.searchsorted(column, hashes, "left")
    counts = np.searchsorted(column, hashes, "right") - first
    at = np.repeat(np.arange(len(hashes)), counts)
    within = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    return at, first[at] + within


class TailReader:
    """Records that are still in memory, through the same interface."""

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

    def length(self, name: str) -> int | None:
        return len(self.records) if name in self.records.fixed or name in self.records.rows else None

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        return self.column(name)[rows]

    def texts(self, part: Part, rows: NDArray[np.int64]) -> list[bytes]:
        return self.records.texts[part].take(rows).tolist()

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        return _equal(self.column("key_hash"), hashes)
