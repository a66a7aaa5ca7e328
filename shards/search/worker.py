"""A worker: scans the segments it is asked about, and keeps what it read of them for the next question."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import LookalikeError
from shards.search import wire
from shards.search.query import Query
from shards.search.scan import Outcome, best, scan
from shards.search.wire import Order, WorkerFailed
from shards.storage.base import Store
from shards.table.checked import Memory
from shards.table.disk import DiskCache
from shards.table.manifest import Segment
from shards.table.reader import SegmentReader
from shards.table.snapshot import Source

PARALLEL = 8
"""Segments scanned at once: what they fetch comes over one line, and their temporaries share one memory."""

READERS = 512
"""Segments remembered, the least recently asked for goes first: the checksums of one take 50 to 100 KB."""


class Worker:
    """Answers questions about segments of one store. Safe to use from several threads.

    `memory`: bytes of segments that are kept; `disk`: where more of them are.
    """

    def __init__(self, store: Store, *, memory: int, disk: DiskCache | None = None) -> None:
        self._store = store
        self._memory = Memory(memory)
        self._disk = disk
        self._lock = threading.Lock()
        self._readers: OrderedDict[str, SegmentReader] = OrderedDict()

    def answer(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one request, both as `shards.search.wire` has them. Never raises: what went wrong is said."""
        try:
            return wire.write_answer(self.scan(wire.read_order(document)))
        except Exception as error:  # the process that asks decides what it means, whatever it is
            return wire.refusal(error)

    def scan(self, order: Order) -> list[Outcome]:
        """For each segment its best rows for each question, or why there are none.

        Rows that others of the same answer beat are left out: they are among the best of nothing.
        """

        def one(wanted: tuple[Segment, NDArray[np.uint32]]) -> Outcome:
            try:
                return scan(Source(self._reader(wanted[0]), wanted[1]), order.query, order.questions)
            except LookalikeError as error:
                return error
            except Exception as error:  # of one segment: the others are not to be lost for it
                return WorkerFailed(f"{type(error).__name__}: {error}")

        with ThreadPoolExecutor(PARALLEL) as pool:
            return _reduced(list(pool.map(one, order.segments)), order.query, len(order.questions))

    def _reader(self, segment: Segment) -> SegmentReader:
        with self._lock:
            reader = self._readers.pop(segment.name, None)
            if reader is None:
                reader = SegmentReader(self._store, segment, self._memory, self._disk)
            self._readers[segment.name] = reader
            while len(self._readers) > READERS:
                self._readers.popitem(last=False)
            return reader


def _reduced(outcomes: list[Outcome], query: Query, questions: int) -> list[Outcome]:
    answered = [one for one in outcomes if not isinstance(one, LookalikeError)]
    kept = {
        id(found)
        for number in range(questions)
        for found in best(chain.from_iterable(one[number] for one in answered), query.limit)
    }

    def of(outcome: Outcome) -> Outcome:
        if isinstance(outcome, LookalikeError):
            return outcome
        return [[found for found in one if id(found) in kept] for one in outcome]

    return [of(outcome) for outcome in outcomes]
