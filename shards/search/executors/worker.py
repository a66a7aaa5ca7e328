"""A worker: scans the segments it is asked about, and keeps what it read of them for the next question."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, TypeVar

from shards.errors import LookalikeError
from shards.search.executors import messages
from shards.search.executors.messages import Order, WorkerFailed
from shards.search.scan import Outcome, best, scan
from shards.storage.base import Store
from shards.table.format.manifest import Segment
from shards.table.read.checked import Memory
from shards.table.read.disk import DiskCache
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Source

Item = TypeVar("Item")
Result = TypeVar("Result")

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
        """Answer one request, both as `shards.search.executors.messages` has them. Never raises: an error is said."""
        try:
            return messages.write_answer(self.scan(messages.read_order(document)))
        except Exception as error:  # the process that asks decides what it means, whatever it is
            return messages.refusal(error)

    def scan(self, order: Order) -> list[Outcome]:
        """For each segment its best rows for each question, or why there are none; of all of them the best `most`."""
        opened = _at_once(lambda wanted: Source(self._reader(wanted[0]), wanted[1]), order.segments)
        there = [one for one in opened if isinstance(one, Source)]
        scanned = iter(scan(there, order.query, order.questions, _at_once, most=order.most))
        outcomes = [next(scanned) if isinstance(one, Source) else one for one in opened]
        return _reduced(outcomes, order.most, len(order.questions))

    def _reader(self, segment: Segment) -> SegmentReader:
        with self._lock:
            reader = self._readers.pop(segment.name, None)
            if reader is None:
                reader = SegmentReader(self._store, segment, self._memory, self._disk)
            self._readers[segment.name] = reader
            while len(self._readers) > READERS:
                self._readers.popitem(last=False)
            return reader


def _at_once(read: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | LookalikeError]:
    """What is read of each, several at once. What goes wrong with one is not to spoil the others."""

    def one(item: Item) -> Result | LookalikeError:
        try:
            return read(item)
        except LookalikeError as error:
            return error
        except Exception as error:  # whatever it is
            return WorkerFailed(f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(one, items))


def _reduced(outcomes: list[Outcome], most: int, questions: int) -> list[Outcome]:
    answered = [one for one in outcomes if not isinstance(one, LookalikeError)]
    kept = {
        id(found)
        for number in range(questions)
        for found in best(chain.from_iterable(one[number] for one in answered), most)
    }

    def of(outcome: Outcome) -> Outcome:
        if isinstance(outcome, LookalikeError):
            return outcome
        return [[found for found in one if id(found) in kept] for one in outcome]

    return [of(outcome) for outcome in outcomes]
