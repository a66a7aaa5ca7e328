"""The bytes of segments: checked before they are used, and kept so that they are checked once."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, StorageError
from shards.storage.base import Store
from shards.storage.maps import is_whole
from shards.storage.ranges import GAP, join
from shards.table.format.columns import CHECK_BLOCK, CHECKS, Column
from shards.table.format.manifest import Segment
from shards.table.format.placement import check_columns
from shards.table.read.disk import DiskCache, runs_of
from shards.table.read.memory import CachedColumn, Memory

Bounds: TypeAlias = NDArray[np.int64]
"""(n, 2) int64: ranges of rows, from the first of each pair up to the second."""

BLOCK_BITS = CHECK_BLOCK.bit_length() - 1


@dataclass(frozen=True, slots=True, eq=False)
class MissingBlocks:
    """The blocks of a column that are to be fetched."""

    name: str
    column: Column
    kept: CachedColumn

    missing: NDArray[np.bool_]
    """(blocks,) bool."""

    @property
    def runs(self) -> list[tuple[int, int]]:
        """(first byte, byte after the last) of each run of missing blocks."""
        return runs_of(self.missing, self.column)


class CheckedBytes:
    """The columns of one segment, each block checked against its CRC-32 when it first comes from the store.

    Where the store is mapped, the blocks are those of the map, and cost no memory; else they are kept in memory, and on
    disk if there is one.

    A map is looked at before it is read: a file that was cut short meanwhile would end the process.
    """

    def __init__(
        self, store: Store, segment: Segment, memory: Memory, disk: DiskCache | None = None, index: str = ""
    ) -> None:
        """Read this segment of the index with this id. Raises CorruptObject for columns that cannot be."""
        check_columns(segment)
        self._store = store
        # another index may have a segment of this name, put back from a copy: what is kept is kept for one index
        self._kept_as = f"{index}-{segment.name}" if index else segment.name
        self._segment = segment
        self._memory = memory
        self._disk = None if store.mapped else disk
        self._checks: NDArray[np.uint32] | None = None
        self._map: memoryview | None = None
        self._mapped: dict[str, CachedColumn] = {}
        self._first_check: dict[str, int] = {}
        blocks = 0
        for name, column in segment.columns.items():
            self._first_check[name] = blocks
            blocks += column.blocks

    @property
    def mapped(self) -> bool:
        """True where all bytes are in a map of the store: nothing is ever fetched."""
        return self._store.mapped

    def column(self, name: str) -> Column:
        """Return the place of a column. Raises CorruptObject where there is none."""
        column = self._segment.columns.get(name)
        if column is None:
            raise CorruptObject(self._segment.name, f"the manifest knows no column {name!r} of it")
        return column

    def rows(self, name: str, bounds: Bounds) -> NDArray[Any]:
        """Return a whole column, read-only, in which only the rows within `bounds` are there, checked, and may be used.

        Fetches missing blocks in one request.
        """
        return self.several([(name, bounds)])[0]

    def several(self, wanted: Sequence[tuple[str, Bounds]]) -> list[NDArray[Any]]:
        """Return rows of several columns as `rows` does, and fetch what all of them lack in one request."""
        if self._map is not None and not is_whole(self._map):
            self._map, self._mapped = None, {}
            raise self._corrupt("was cut short while it was in use")
        columns: list[tuple[Column, CachedColumn]] = []
        lacking: list[MissingBlocks] = []
        for name, bounds in wanted:
            column = self.column(name)
            kept = self._kept(name, column)
            missing = _missing(column, kept, bounds)
            if missing is not None:
                lacking.append(MissingBlocks(name, column, kept, missing))
            columns.append((column, kept))
        if lacking:
            self._fill(lacking)
        return [_whole(column, kept) for column, kept in columns]

    def cold(self, name: str, bounds: Bounds) -> int:
        """Return the bytes that reading these rows would fetch, bridged gaps included, if the store is not mapped."""
        column = self.column(name)
        missing = _missing(column, self._kept(name, column), bounds)
        if missing is None:
            return 0
        if self._disk is not None and self._knows_checks(self._disk):
            missing &= ~self._disk.stored(self._kept_as, name, column)
        joined = join(runs_of(missing, column), GAP)
        return sum(-(-(stop - start) // CHECK_BLOCK) * CHECK_BLOCK for start, stop in joined)

    @property
    def checks_cold(self) -> int:
        """Bytes of checksums that have to be fetched before anything else can be used."""
        is_known = self._checks is not None or self._store.mapped
        if is_known or (self._disk is not None and self._knows_checks(self._disk)):
            return 0
        return self.column(CHECKS).size

    def _kept(self, name: str, column: Column) -> CachedColumn:
        if not self._store.mapped:
            try:
                return self._memory.column(self._kept_as, name, column)
            except MemoryError as error:
                raise StorageError(
                    f"{self._segment.name}: no memory for the {column.size:,} bytes of column {name}"
                ) from error
        kept = self._mapped.get(name)
        if kept is None:
            whole = self._map
            if whole is None:
                whole = self._store.get(self._segment.name, self._segment.size)
                if len(whole) != self._segment.size:
                    raise self._corrupt(f"has {len(whole):,} bytes, its manifest says {self._segment.size:,}")
                self._map = whole
            data = np.frombuffer(whole, np.uint8, column.size, column.offset)
            kept = self._mapped[name] = CachedColumn(data, np.zeros(column.blocks, bool))
        return kept

    def _fill(self, lacking: list[MissingBlocks]) -> None:
        """Load these blocks from the disk or fetch them, and check them."""
        if self._disk is not None and self._knows_checks(self._disk):
            lacking = [self._load(self._disk, lack) for lack in lacking]
        for lack, pieces in zip(lacking, self._fetch(lacking), strict=True):
            self._take(lack, pieces)

    def _take(self, lack: MissingBlocks, pieces: list[memoryview]) -> None:
        """Check the bytes of each run of missing blocks, and keep them."""
        name, kept, runs = lack.name, lack.kept, lack.runs
        for (start, stop), data in zip(runs, pieces, strict=True):
            if len(data) != stop - start:
                raise self._corrupt(f"ends inside column {name}: {len(data):,} bytes at {start:,}")
            for at, computed, stored in self._differing(name, start, data):
                raise self._corrupt(f"CRC-32 of column {name}, bytes {at:,} on, is {computed:08x}, was {stored:08x}")
            if not self._store.mapped:
                kept.data[start:stop] = data
        kept.is_there[lack.missing] = True
        if not self._store.mapped:
            self._memory.grew(self._kept_as, name, sum(stop - start for start, stop in runs))
        if self._disk is not None and runs:
            starts = [start for start, _ in runs]
            self._disk.save(self._kept_as, name, list(zip(starts, pieces, strict=True)))

    def _load(self, disk: DiskCache, lack: MissingBlocks) -> MissingBlocks:
        """Take the good blocks that the disk has, and return what is still missing."""
        name, column, kept = lack.name, lack.column, lack.kept
        loaded = np.zeros(column.blocks, bool)
        for start, data in disk.load(self._kept_as, name, column, lack.missing):
            stop = start + len(data)
            # checked before it is copied into what is kept: another thread may have filled that meanwhile
            good = np.zeros(column.blocks, bool)
            good[start // CHECK_BLOCK : -(-stop // CHECK_BLOCK)] = True
            good[[at // CHECK_BLOCK for at, _, _ in self._differing(name, start, memoryview(data))]] = False
            for first, last in runs_of(good, column):
                kept.data[first:last] = np.frombuffer(data, np.uint8, last - first, first - start)
            loaded |= good
        kept.is_there[loaded] = True
        self._memory.grew(self._kept_as, name, sum(stop - start for start, stop in runs_of(loaded, column)))
        return replace(lack, missing=lack.missing & ~loaded)

    def _knows_checks(self, disk: DiskCache) -> bool:
        """Return True if the checksums are known, so that blocks from this disk can be checked."""
        if self._checks is None:
            stored = disk.checks(self._kept_as)
            column = self.column(CHECKS)
            if stored is not None and len(stored) == column.size:
                self._checks = np.frombuffer(stored, column.dtype)
        return self._checks is not None

    def _fetch(self, lacking: list[MissingBlocks]) -> list[list[memoryview]]:
        """Return the bytes of the runs of each lack; fetches the checksums along with the first ones."""
        offsets = [(lack.column.offset, lack.runs) for lack in lacking]
        wanted = [] if self._store.mapped else [(at + a, at + b) for at, runs in offsets for a, b in runs]
        checks = self.column(CHECKS)
        if self._checks is None:
            *fetched, stored = self._ranges([*wanted, (checks.offset, checks.offset + checks.size)])
            if len(stored) != checks.size:
                raise self._corrupt(f"ends before its checksums at {checks.offset + checks.size:,}")
            # a copy: it outlives the map, and is read without a look at the file
            self._checks = np.frombuffer(bytes(stored), checks.dtype)
            if self._disk is not None:
                self._disk.save_checks(self._kept_as, stored)
        else:
            fetched = self._ranges(wanted)
        if self._store.mapped:
            return [[memoryview(lack.kept.data)[a:b] for a, b in lack.runs] for lack in lacking]  # type: ignore[arg-type]
        pieces = iter(fetched)
        return [list(islice(pieces, len(runs))) for _, runs in offsets]

    def _ranges(self, ranges: list[tuple[int, int]]) -> list[memoryview]:
        if self._map is not None:
            return [self._map[start:stop] for start, stop in ranges]
        return self._store.get_ranges(self._segment.name, ranges) if ranges else []

    def _differing(self, name: str, start: int, data: memoryview) -> Iterator[tuple[int, int, int]]:
        """Yield (first byte, CRC-32, CRC-32 when written) of the blocks of a column that differ from what was written.

        `data`: whole blocks from byte `start` on.
        """
        assert self._checks is not None  # noqa: S101  (for the type checker: checksums are read before data)
        first = self._first_check[name] + start // CHECK_BLOCK
        checks = self._checks[first : first - (-len(data) // CHECK_BLOCK)].tolist()
        for at, stored in zip(range(0, len(data), CHECK_BLOCK), checks, strict=True):
            computed = zlib.crc32(data[at : at + CHECK_BLOCK])
            if computed != stored:
                yield start + at, computed, stored

    def _corrupt(self, problem: str) -> CorruptObject:
        return CorruptObject(self._segment.name, problem)


def _whole(column: Column, kept: CachedColumn) -> NDArray[Any]:
    """Return the array of a column, read-only."""
    if not column.size:
        return np.empty(column.shape, column.dtype)
    whole = kept.data.view(column.dtype).reshape(column.shape)
    whole.flags.writeable = False
    return whole


def _missing(column: Column, kept: CachedColumn, bounds: Bounds) -> NDArray[np.bool_] | None:
    """Return (blocks,) bool: the missing blocks in which these rows lie; None where all are there."""
    if not column.size:
        return None
    ends = bounds * column.row_size
    ends[:, 1] -= 1
    ends >>= BLOCK_BITS
    # hundreds of short ranges are asked for at once: looking at each by itself would take longer than the search
    if kept.is_there.take(ends, mode="clip").all() and (ends[:, 1] - ends[:, 0]).max(initial=0) <= 1:
        return None
    missing = np.zeros(column.blocks, bool)
    for first, last in ends[bounds[:, 0] < bounds[:, 1]].tolist():
        missing[first : last + 1] = True
    missing &= ~kept.is_there
    return missing if missing.any() else None
