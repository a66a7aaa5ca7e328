"""A family's columns as a reader meets them: in memory already, or cold in a store that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import seconds
from shards.families import ColumnReader, Rows
from shards.storage.base import Entry
from shards.storage.memory import MemoryStore
from shards.table.format.manifest import Segment
from shards.table.format.segment import pack
from shards.table.read.reader import SegmentReader

REQUEST_WORTH = 1 << 20
"""Bytes whose transfer costs what a request costs: smaller gaps are read, larger ones are not."""


@dataclass(frozen=True, slots=True)
class Resident:
    """Columns in memory, `rows` of them: what a warm reader has."""

    columns: dict[str, NDArray[Any]]
    rows: int

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.columns[name][start:stop]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        return [self.columns[name][start:stop] for start, stop in ranges]

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        del name, ranges
        return 0

    def length(self, name: str) -> int | None:
        return len(self.columns[name]) if name in self.columns else None


@dataclass(frozen=True, slots=True)
class Cold:
    """What a query costs a reader that has nothing yet: medians over the queries, `most` and `rounds` the largest.

    `bytes` and `most` count the blocks' checksums too, of this family's columns.
    """

    bytes: float
    most: int
    requests: int
    rounds: int
    seconds: float

    def __str__(self) -> str:
        """How often it asks: a round is what can be asked for at once, and waits for the one before."""
        return f"usually {_many(self.requests, 'request')}, at most {_many(self.rounds, 'round')}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Stored:
    """The columns as a segment in a store."""

    store: MemoryStore
    segment: Segment

    @classmethod
    def of(cls, columns: dict[str, NDArray[Any]], rows: int) -> Stored:
        store = MemoryStore()
        segment, objects = pack(0, rows, columns.items(), np.empty(0, np.uint32), mark="0")
        for name, data in objects.items():
            store.create(name, data)
        return cls(store, segment)

    def reader(self) -> SegmentReader:
        """One that has nothing yet."""
        return SegmentReader(self.store, self.segment)

    def cold(self, queries: Rows, search: Callable[[Rows, ColumnReader], object], gap: int = 1) -> Cold:
        """Each query by a reader of its own; what is less than `gap` bytes apart is read in one request."""
        stores = [Counted(self.store, gap) for _ in queries]
        times = [
            seconds(partial(search, queries[n : n + 1], SegmentReader(store, self.segment)))
            for n, store in enumerate(stores)
        ]
        return Cold(
            float(np.median([store.fetched for store in stores])),
            max(store.fetched for store in stores),
            int(np.median([store.requests for store in stores])),
            max(store.rounds for store in stores),
            float(np.median(times)),
        )


@dataclass(slots=True)
class Counted:
    """A store that counts what is fetched: ranges less than `gap` bytes apart are one request."""

    inner: MemoryStore
    gap: int = 1
    requests: int = 0
    fetched: int = 0
    rounds: int = 0
    url: str = "memory://counted"
    mapped: bool = field(default=False)

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        self.rounds += 1
        reached = -self.gap
        for start, stop in sorted(ranges):
            if start - reached >= self.gap:
                self.requests += 1
                self.fetched += stop - start
            else:
                self.fetched += max(stop - reached, 0)
            reached = max(reached, stop)
        return self.inner.get_ranges(name, ranges)

    def get(self, name: str) -> memoryview:
        return self.get_ranges(name, [(0, self.inner.size(name))])[0]

    def create(self, name: str, data: bytes | memoryview) -> bool:
        return self.inner.create(name, data)

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        return self.inner.list(prefix, after=after, limit=limit)

    def delete(self, names: Sequence[str]) -> None:
        self.inner.delete(names)

    def size(self, name: str) -> int:
        return self.inner.size(name)
