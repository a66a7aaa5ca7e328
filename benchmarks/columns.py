"""Columns of a family for a reader: in memory, or cold in a store that counts requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import seconds
from shards.families import ColumnReader, Rows
from shards.storage.base import Store, check_size
from shards.storage.delegating import DelegatingStore
from shards.storage.memory import MemoryStore
from shards.table.format.manifest import Segment
from shards.table.format.segment import pack
from shards.table.read.reader import SegmentReader

REQUEST_WORTH = 1 << 20
"""Bytes whose transfer costs as much as a request: smaller gaps are read, larger ones are not."""


@dataclass(frozen=True, slots=True)
class Cold:
    """The cost of a query for a reader without a cache: medians over the queries, unless it says otherwise."""

    bytes: float
    """Bytes of this family's columns, and of the checksums of their blocks."""

    max_bytes: int
    """The largest of these, over the queries."""

    requests: int

    rounds: int
    """The largest over the queries."""

    seconds: float

    def __str__(self) -> str:
        """Describe the requests: a round is all that can be requested at once, after the round before."""
        return f"usually {_many(self.requests, 'request')}, at most {_many(self.rounds, 'round')}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment of these columns in a store."""

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
        """Return a reader that has nothing in memory."""
        return SegmentReader(self.store, self.segment)

    def cold(self, queries: Rows, search: Callable[[Rows, ColumnReader], object], gap: int = 1) -> Cold:
        """Run each query with its own reader; ranges less than `gap` bytes apart are one request."""
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


class Counted(DelegatingStore):
    """A store that counts what is fetched: ranges less than `gap` bytes apart are one request."""

    def __init__(self, inner: Store, gap: int = 1) -> None:
        super().__init__(inner)
        self.gap = gap
        self.requests = self.fetched = self.rounds = 0

    @property
    def mapped(self) -> bool:
        return False

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
        return super().get_ranges(name, ranges)

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        size = self.inner.size(name)
        check_size(name, size, max_bytes)
        return self.get_ranges(name, [(0, size)])[0]
