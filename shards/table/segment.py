"""Segments: many records of one shard in one immutable file, read by byte range and never trusted unchecked."""

from __future__ import annotations

import mmap
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.families import ColumnReader, Family
from shards.storage.base import Data, Store
from shards.table import names
from shards.table.columns import CHECK_BLOCK, CHECKS, Column, write
from shards.table.manifest import INLINE_DEAD, Segment, dead_bytes
from shards.table.records import DELETE, Part, Records, Texts


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


def pack(
    shard: int,
    rows: int,
    columns: Iterable[tuple[str, NDArray[Any]]],
    tombstones: NDArray[np.uint32],
    mark: str,
) -> tuple[Segment, dict[str, Data]]:
    """A segment of these columns, and the objects to create for it: its file, perhaps a list of dead rows.

    `tombstones`: sorted rows, dead from the beginning, so that no scan sees them. `mark`: the
    commit's, for the names.
    The file is laid out on disk and mapped, so that memory holds one column at a time.
    """
    with tempfile.TemporaryFile() as file:
        placed = write(file, columns, checked=True)
        file.flush()
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    segment = Segment(names.segment(shard, data, mark), shard, rows, len(data), placed, len(tombstones))
    segment, objects = with_dead(segment, tombstones, mark)
    return segment, {segment.name: data, **objects}


def pack_records(
    shard: int, records: Records, families: Iterable[Family], mark: str
) -> tuple[Segment, dict[str, Data]]:
    """A segment of records sorted by key hash."""
    tombstones = np.flatnonzero(records.fixed["kind"] == DELETE).astype(np.uint32)
    by_name = {family.name: family for family in families}

    def columns() -> Iterator[tuple[str, NDArray[Any]]]:
        for name, column in records.columns():
            if name in by_name:
                yield from by_name[name].columns(column).items()
            else:
                yield name, column

    return pack(shard, len(records), columns(), tombstones, mark)


def with_dead(segment: Segment, dead: NDArray[np.uint32], mark: str) -> tuple[Segment, dict[str, Data]]:
    """The segment with these dead rows, and the object that lists them where they are many."""
    objects: dict[str, Data] = {}
    name = None
    if len(dead) > INLINE_DEAD:
        body = dead_bytes(dead)
        name = names.dead(body, mark)
        objects[name] = body
    inline = () if name else tuple(dead.tolist())
    return replace(segment, dead_rows=len(dead), dead=inline, dead_object=name), objects


class SegmentReader:
    """Reads a segment's columns, rows or texts, each byte checked against its block's CRC-32 before it is used.

    A block of a mapped store is checked once; bytes that were fetched are checked each time they were fetched.
    """

    def __init__(self, store: Store, segment: Segment) -> None:
        self.segment = segment
        self._store = store
        self._checks: NDArray[np.uint32] | None = None
        self._mapped: memoryview | None = None
        self._checked: dict[str, NDArray[np.bool_]] = {}
        self._first_check: dict[str, int] = {}
        blocks = 0
        for name, column in segment.columns.items():
            self._first_check[name] = blocks
            blocks += column.blocks

    @property
    def rows(self) -> int:
        return self.segment.rows

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.ranges(name, [(start, self._column(name).shape[0] if stop is None else stop)])[0]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        column = self._column(name)
        size = column.row_size
        spans = [(start * size, stop * size) for start, stop in ranges]
        found = self._bytes(name, column, spans)
        return [np.frombuffer(data, column.dtype).reshape(-1, *column.shape[1:]) for data in found]

    def length(self, name: str) -> int | None:
        column = self.segment.columns.get(name)
        return None if column is None else column.shape[0]

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        column = self._column(name)
        if len(rows) == 0:
            return np.empty((0, *column.shape[1:]), column.dtype)
        if len(rows) * CHECK_BLOCK >= column.size:
            return self.column(name)[rows]
        return np.concatenate(self.ranges(name, [(row, row + 1) for row in rows.tolist()]))

    def texts(self, part: Part, rows: NDArray[np.int64]) -> list[bytes]:
        if len(rows) == 0:
            return []
        data = self._column(f"{part}.data")
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

    def _column(self, name: str) -> Column:
        column = self.segment.columns.get(name)
        if column is None:
            raise CorruptObject(self.segment.name, f"the manifest knows no column {name!r} of it")
        return column

    def _bytes(self, name: str, column: Column, spans: list[tuple[int, int]]) -> list[memoryview]:
        """The bytes of each span of a column, checked."""
        wide = _merge([(a // CHECK_BLOCK * CHECK_BLOCK, min(-(-b // CHECK_BLOCK) * CHECK_BLOCK, column.size))
                       for a, b in spans if b > a])  # fmt: skip
        requests = [(column.offset + start, column.offset + stop) for start, stop in wide]
        if requests and self._checks is None:
            checks = self._column(CHECKS)
            *data, stored = self._fetch([*requests, (checks.offset, checks.offset + checks.size)])
            if len(stored) != checks.size:
                raise CorruptObject(self.segment.name, f"ends before its checksums at {checks.offset + checks.size:,}")
            self._checks = np.frombuffer(stored, checks.dtype)
        else:
            data = self._fetch(requests)
        for (start, stop), block in zip(wide, data, strict=True):
            if len(block) != stop - start:
                raise CorruptObject(self.segment.name, f"ends inside column {name}: {len(block):,} bytes at {start:,}")
            self._check(name, column, start, block)
        starts = [start for start, _ in wide]
        found = []
        for a, b in spans:
            if b <= a:
                found.append(memoryview(b""))
                continue
            i = int(np.searchsorted(starts, a, "right")) - 1
            found.append(data[i][a - starts[i] : b - starts[i]])
        return found

    def _fetch(self, ranges: list[tuple[int, int]]) -> list[memoryview]:
        """These bytes of the object, as they are: views of one map of it where the store can."""
        if not ranges:
            return []
        if not self._store.mapped:
            return self._store.get_ranges(self.segment.name, ranges)
        if self._mapped is None:
            self._mapped = self._store.get(self.segment.name)
        return [self._mapped[start:stop] for start, stop in ranges]

    def _check(self, name: str, column: Column, start: int, data: memoryview) -> None:
        assert self._checks is not None  # noqa: S101  (for the type checker; _bytes has just read them)
        first = start // CHECK_BLOCK
        blocks = range(first, first + -(-len(data) // CHECK_BLOCK))
        done = None
        if self._store.mapped:
            done = self._checked.get(name)
            if done is None:
                done = self._checked[name] = np.zeros(column.blocks, bool)
            if done[first : blocks.stop].all():
                return
        for block in blocks:
            at = block * CHECK_BLOCK - start
            found = zlib.crc32(data[at : at + CHECK_BLOCK])
            stored = int(self._checks[self._first_check[name] + block])
            if found != stored:
                raise CorruptObject(
                    self.segment.name,
                    f"CRC-32 of column {name}, bytes {block * CHECK_BLOCK:,} on, is {found:08x}, was {stored:08x}",
                )
        if done is not None:
            done[first : blocks.stop] = True


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spans without overlaps that cover the same bytes."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], stop)
        else:
            merged.append((start, stop))
    return merged


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

    def length(self, name: str) -> int | None:
        return len(self.records) if name in self.records.fixed or name in self.records.rows else None

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        return self.column(name)[rows]

    def texts(self, part: Part, rows: NDArray[np.int64]) -> list[bytes]:
        return self.records.texts[part].take(rows).tolist()

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        return _equal(self.column("key_hash"), hashes)
