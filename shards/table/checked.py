"""Bytes of a segment that are checked before they are used, and kept so that they are checked once."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject
from shards.storage.base import Store
from shards.table.columns import CHECK_BLOCK, CHECKS, Column
from shards.table.manifest import Segment


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A column's bytes as far as they are there: `data` (bytes,) uint8, `is_there` (blocks,) bool."""

    data: NDArray[np.uint8]
    is_there: NDArray[np.bool_]


class Memory:
    """Columns that were fetched, up to `limit` bytes; the least recently used goes first.

    Objects are immutable, so nothing in here is ever out of date. Safe to use from several threads.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._columns: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._sizes: dict[tuple[str, str], int] = {}

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return sum(self._sizes.values())

    def column(self, segment: str, name: str, column: Column) -> Kept:
        """What there is of this column; it takes memory only as it is filled."""
        key = segment, name
        with self._lock:
            kept = self._columns.get(key)
            if kept is None:
                kept = Kept(np.empty(column.size, np.uint8), np.zeros(column.blocks, bool))
                if column.size <= self.limit:
                    self._columns[key] = kept
                    self._sizes[key] = 0
            else:
                self._columns.move_to_end(key)
            return kept

    def grew(self, segment: str, name: str, size: int) -> None:
        """So many bytes were fetched into this column: others may have to go."""
        with self._lock:
            if (segment, name) not in self._sizes:
                return
            self._sizes[segment, name] += size
            total = sum(self._sizes.values())
            while total > self.limit:
                key, _ = self._columns.popitem(last=False)
                total -= self._sizes.pop(key)


class CheckedBytes:
    """The columns of one segment, each block checked against its CRC-32 when it first comes from the store.

    Where the store is mapped, the blocks are those of the map, and cost no memory; else they are kept in `memory`.
    """

    def __init__(self, store: Store, segment: Segment, memory: Memory) -> None:
        self._store = store
        self._segment = segment
        self._memory = memory
        self._checks: NDArray[np.uint32] | None = None
        self._map: memoryview | None = None
        self._mapped: dict[str, Kept] = {}
        self._first_check: dict[str, int] = {}
        blocks = 0
        for name, column in segment.columns.items():
            self._first_check[name] = blocks
            blocks += column.blocks

    def column(self, name: str) -> Column:
        """Where a column is. Raises CorruptObject where there is none."""
        column = self._segment.columns.get(name)
        if column is None:
            raise CorruptObject(self._segment.name, f"the manifest knows no column {name!r} of it")
        return column

    def read(self, name: str, spans: list[tuple[int, int]]) -> list[memoryview]:
        """The bytes from start up to stop of a column for each (start, stop), in one request. Read-only."""
        column = self.column(name)
        kept = self._kept(name, column)
        blocks = [(start // CHECK_BLOCK, -(-stop // CHECK_BLOCK)) for start, stop in spans if stop > start]
        if not all(kept.is_there[first:last].all() for first, last in blocks):
            wanted = np.zeros(column.blocks, bool)
            for first, last in blocks:
                wanted[first:last] = True
            self._fill(name, column, kept, wanted & ~kept.is_there)
        view = memoryview(kept.data).toreadonly()  # type: ignore[arg-type]
        return [view[start:stop] for start, stop in spans]

    def cold(self, name: str, spans: list[tuple[int, int]] | None = None) -> int:
        """Bytes that `read` would have to fetch: 0 where the store is mapped."""
        column = self.column(name)
        if self._store.mapped:
            return 0
        wanted = np.zeros(column.blocks, bool)
        for start, stop in [(0, column.size)] if spans is None else spans:
            wanted[start // CHECK_BLOCK : -(-stop // CHECK_BLOCK)] = True
        return int((wanted & ~self._kept(name, column).is_there).sum()) * CHECK_BLOCK

    def _kept(self, name: str, column: Column) -> Kept:
        if not self._store.mapped:
            return self._memory.column(self._segment.name, name, column)
        kept = self._mapped.get(name)
        if kept is None:
            if self._map is None:
                self._map = self._store.get(self._segment.name)
            data = np.frombuffer(self._map[column.offset : column.offset + column.size], np.uint8)
            kept = self._mapped[name] = Kept(data, np.zeros(column.blocks, bool))
        return kept

    def _fill(self, name: str, column: Column, kept: Kept, missing: NDArray[np.bool_]) -> None:
        """Fetch and check these blocks."""
        edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
        runs = [
            (first * CHECK_BLOCK, min(last * CHECK_BLOCK, column.size)) for first, last in edges.reshape(-1, 2).tolist()
        ]
        for (start, stop), data in zip(runs, self._fetch(column, kept, runs), strict=True):
            if len(data) != stop - start:
                raise self._corrupt(f"ends inside column {name}: {len(data):,} bytes at {start:,}")
            self._check(name, start, data)
            if not self._store.mapped:
                kept.data[start:stop] = data
        kept.is_there[missing] = True
        if not self._store.mapped:
            self._memory.grew(self._segment.name, name, sum(stop - start for start, stop in runs))

    def _fetch(self, column: Column, kept: Kept, runs: list[tuple[int, int]]) -> list[memoryview]:
        """The bytes of these runs, and the checksums along with the first that are fetched."""
        wanted = [] if self._store.mapped else [(column.offset + a, column.offset + b) for a, b in runs]
        checks = self.column(CHECKS)
        if self._checks is None:
            *data, stored = self._ranges([*wanted, (checks.offset, checks.offset + checks.size)])
            if len(stored) != checks.size:
                raise self._corrupt(f"ends before its checksums at {checks.offset + checks.size:,}")
            self._checks = np.frombuffer(stored, checks.dtype)
        else:
            data = self._ranges(wanted)
        return [memoryview(kept.data)[a:b] for a, b in runs] if self._store.mapped else data  # type: ignore[arg-type]

    def _ranges(self, ranges: list[tuple[int, int]]) -> list[memoryview]:
        if self._map is not None:
            return [self._map[start:stop] for start, stop in ranges]
        return self._store.get_ranges(self._segment.name, ranges) if ranges else []

    def _check(self, name: str, start: int, data: memoryview) -> None:
        """Raise CorruptObject unless these bytes of a column, whole blocks from `start` on, are what was written."""
        assert self._checks is not None  # noqa: S101  (for the type checker: _fetch has read them)
        first = self._first_check[name] + start // CHECK_BLOCK
        for n, at in enumerate(range(0, len(data), CHECK_BLOCK)):
            found, stored = zlib.crc32(data[at : at + CHECK_BLOCK]), int(self._checks[first + n])
            if found != stored:
                raise self._corrupt(
                    f"CRC-32 of column {name}, bytes {start + at:,} on, is {found:08x}, was {stored:08x}"
                )

    def _corrupt(self, problem: str) -> CorruptObject:
        return CorruptObject(self._segment.name, problem)
