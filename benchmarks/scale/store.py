"""A store of segments that nobody wrote: their bytes are made on demand, and counted.

Key hashes are evenly spread, as those of real keys nearly are; every other column is zeros. Checksums are right, so the
real reader takes them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shards.storage.base import Data, Entry, check_size
from shards.storage.ranges import GAP, join
from shards.table.format.columns import CHECK_BLOCK, CHECKS, Column
from shards.table.format.manifest import Segment

HASHES = "key_hash"


@dataclass(slots=True)
class Unwritten:
    """Such a store. `requests`, `fetched` bytes and `rounds` (calls, each of which waits) are what was asked of it."""

    segments: dict[str, Segment] = field(default_factory=dict)
    requests: int = 0
    fetched: int = 0
    rounds: int = 0
    url: str = "memory://unwritten"
    mapped: bool = False

    def hold(self, segment: Segment) -> Segment:
        """Hold this segment from now on."""
        self.segments[segment.name] = segment
        return segment

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        joined = join(ranges, GAP)
        self.rounds += 1
        self.requests += len(joined)
        self.fetched += sum(stop - start for start, stop in joined)
        return [self._bytes(self.segments[name], start, stop) for start, stop in ranges]

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        size = self.segments[name].size
        check_size(name, size, max_bytes)
        return self.get_ranges(name, [(0, size)])[0]

    def create(self, name: str, data: Data) -> bool:
        raise NotImplementedError(f"{name}: nothing is written here, not even these {len(data):,} bytes")

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        found = sorted(name for name in self.segments if name.startswith(prefix) and name > after)
        return iter([Entry(name, self.segments[name].size, 0.0) for name in found[:limit]])

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            self.segments.pop(name, None)

    def size(self, name: str) -> int:
        return self.segments[name].size

    def _bytes(self, segment: Segment, start: int, stop: int) -> memoryview:
        for name, column in segment.columns.items():
            if column.offset <= start and stop <= column.offset + column.size:
                return _column(segment, name, column)[start - column.offset : stop - column.offset].data
        return memoryview(bytes(stop - start))


def _column(segment: Segment, name: str, column: Column) -> NDArray[np.uint8]:
    """(bytes,) uint8 of this column."""
    if name == HASHES:
        return even_hashes(segment.rows).view(np.uint8)
    if name == CHECKS:
        others = tuple((other, column.size) for other, column in segment.columns.items() if other != CHECKS)
        return _checks(segment.rows, others).view(np.uint8)
    return np.zeros(column.size, np.uint8)


@lru_cache(maxsize=64)
def even_hashes(rows: int) -> NDArray[np.uint64]:
    """(rows,) uint64, rising by equal steps, odd ones: no key's hash is equal to one but by chance."""
    return (np.arange(rows, dtype=np.float64) * (2.0**64 / rows)).astype(np.uint64) | np.uint64(1)


@lru_cache(maxsize=64)
def _checks(rows: int, columns: tuple[tuple[str, int], ...]) -> NDArray[np.uint32]:
    """(blocks,) uint32: the CRC-32 of every block of these columns, given by name and bytes."""
    zeros = zlib.crc32(bytes(CHECK_BLOCK))
    checks: list[int] = []
    for name, size in columns:
        if name == HASHES:
            data = even_hashes(rows).view(np.uint8).data
            checks += [zlib.crc32(data[at : at + CHECK_BLOCK]) for at in range(0, size, CHECK_BLOCK)]
        else:
            whole, rest = divmod(size, CHECK_BLOCK)
            checks += [zeros] * whole + ([zlib.crc32(bytes(rest))] if rest else [])
    return np.array(checks, np.uint32)
