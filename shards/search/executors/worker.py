"""A worker: scans the segments it is asked about, and keeps what it read of them for the next query."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, TypeVar

from shards.errors import LookalikeError
from shards.search.executors import messages
from shards.search.executors.messages import ScanRequest, WorkerFailed
from shards.search.found import ScanOutcome, best_by_lane
from shards.search.scan import scan
from shards.storage.base import Store
from shards.storage.prefixed import PrefixedStore
from shards.table.format.manifest import Segment
from shards.table.read.disk import DiskCache
from shards.table.read.memory import Memory
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Source

Item = TypeVar("Item")
Result = TypeVar("Result")

PARALLEL = 8
"""Segments scanned at once: what they fetch comes over one line, and their temporaries share one memory."""

READERS = 512
"""Segments remembered, of which the least recently used goes first: the checksums of one take 50 to 100 KB."""


class Worker:
    """Answers requests about segments of one store. Safe to use from several threads.

    `memory`: bytes of segments that are kept; `disk`: the place for more of them; `share`: is told before each request
    how many workers read the store.
    """

    def __init__(
        self,
        store: Store,
        *,
        memory: int,
        disk: DiskCache | None = None,
        share: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._store = store
        self._share = share
        self._memory = Memory(memory)
        self._disk = disk
        self._lock = threading.Lock()
        self._readers: OrderedDict[tuple[str, str], SegmentReader] = OrderedDict()
        self._pool = ThreadPoolExecutor(PARALLEL, "lookalike-scan")

    def close(self) -> None:
        """End the threads. Does not wait for what they are doing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def answer(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request; both are as in `shards.search.executors.messages`. Never raises: errors are answers."""
        try:
            return messages.write_answer(self.scan(messages.read_request(document)))
        except Exception as error:  # the process that asks decides what it means, whatever it is
            return messages.refusal(error)

    def scan(self, request: ScanRequest) -> list[ScanOutcome]:
        """Return the best rows of each segment for each lane, or why there are none; of all the best `max_rows`."""
        self._share(request.workers)
        opened = self._attempt(
            lambda wanted: Source(self._reader(request.index, wanted[0]), wanted[1]), request.segments
        )
        sources = [source for source in opened if isinstance(source, Source)]
        scanned = iter(scan(sources, request.query, self._attempt, max_rows=request.max_rows))
        outcomes = [next(scanned) if isinstance(source, Source) else source for source in opened]
        lanes = best_by_lane(outcomes, request.query.lanes, request.max_rows)
        kept = {id(row) for row in chain.from_iterable(lanes)}
        return [
            outcome
            if isinstance(outcome, LookalikeError)
            else [[row for row in lane if id(row) in kept] for lane in outcome]
            for outcome in outcomes
        ]

    def _attempt(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | LookalikeError]:
        """Map a function over items, several at once. What goes wrong with one is its result, and spoils no other."""

        def attempt(item: Item) -> Result | LookalikeError:
            try:
                return function(item)
            except LookalikeError as error:
                return error
            except Exception as error:  # whatever it is
                return WorkerFailed(f"{type(error).__name__}: {error}")

        return list(self._pool.map(attempt, items))

    def _reader(self, index: str, segment: Segment) -> SegmentReader:
        with self._lock:
            reader = self._readers.pop((index, segment.name), None)
            if reader is None:
                store = PrefixedStore(self._store, index) if index else self._store
                reader = SegmentReader(store, segment, self._memory, self._disk, index)
            self._readers[index, segment.name] = reader
            while len(self._readers) > READERS:
                self._readers.popitem(last=False)
            return reader
