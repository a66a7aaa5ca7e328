"""The index of a function: opened, or made by the first function of all, so that deploying is enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from functions.aws.counted import Counted
from functions.aws.settings import Settings
from functions.aws.telemetry import Telemetry
from lookalike.answers import Answer
from lookalike.index import Index
from lookalike.options import SearchOptions
from lookalike.questions import Question
from shards.errors import IndexExists, IndexNotFound, LookalikeError
from shards.storage import open_store


class ObservedIndex(Index):
    """An index that measures searches, and tells how much waits to be folded.

    Every search, whoever asks, goes through `ask`, and whoever adds asks for the `pressure` before. What
    workers read for a search, they measure themselves.
    """

    def __init__(
        self,
        index: Index,
        telemetry: Telemetry,
        store: Counted,
        look: Callable[[int, int], None] | None = None,
    ) -> None:
        """`store` counts what this index reads; `look` is told the pressure whenever it is known."""
        super().__init__(index._table, index._executor, index.originals)  # noqa: SLF001 - the same index, under another class
        self._telemetry = telemetry
        self._store = store
        self._look = look

    def ask(self, questions: Sequence[Question], options: SearchOptions) -> Sequence[Answer | LookalikeError]:
        """Do as `Index.ask`, and measure it."""
        started, (requests, size) = time.perf_counter(), self._store.traffic
        answers = super().ask(questions, options)
        took = time.perf_counter() - started
        requests, size = (now - before for now, before in zip(self._store.traffic, (requests, size), strict=True))
        self._telemetry.measure("QueryTime", took * 1e3)
        self._telemetry.measure("QueryRequests", requests)
        self._telemetry.measure("QueryBytes", size)
        partial = sum(isinstance(answer, Answer) and answer.partial for answer in answers)
        self._telemetry.measure("PartialAnswers", partial)
        return answers

    def pressure(self) -> tuple[int, int]:
        """Do as `Index.pressure`, and report the result."""
        pressure = super().pressure()
        if self._look is not None:
            self._look(*pressure)
        return pressure


def open_index(store: Counted, settings: Settings, **options: Any) -> Index:
    """Return the index in this store, made if there is none. `options`: more of `Index.open`."""
    try:
        return Index.open(store, memory=settings.memory, **options)
    except IndexNotFound:
        with suppress(IndexExists):  # another function was faster
            Index.create(
                store,
                families=settings.families,
                shards=settings.shards,
                segment_rows=settings.segment_rows,
                thumbnails=settings.thumbnails,
            )
        return Index.open(store, memory=settings.memory, **options)


def existing_index(store: Counted, settings: Settings) -> Index | None:
    """Return the index in this store, to read only; `None` if there is none."""
    try:
        return Index.open(store, memory=settings.memory)
    except IndexNotFound:
        return None


def counted_store(settings: Settings) -> Counted:
    """Return the store of the index. Sends no request."""
    return Counted(open_store(settings.index))
