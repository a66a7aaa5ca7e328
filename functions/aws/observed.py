"""An index that tells what is asked of it: what searches took and read here, and how much waits to be folded.

What workers read for a search, they measure themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from functions.aws.counted import Counted
from functions.aws.telemetry import Telemetry
from lookalike.answers import Answer
from lookalike.index import Index
from lookalike.questions import Question
from shards.errors import LookalikeError


class ObservedIndex(Index):
    """Every search, whoever asks, goes through `search_many`, and whoever adds asks for the `pressure` before.

    Nothing is told before `observe` was called.
    """

    _telemetry: Telemetry | None = None
    _store: Counted | None = None
    _look: Callable[[int, int], None] | None = None

    def observe(self, telemetry: Telemetry, store: Counted, look: Callable[[int, int], None] | None = None) -> None:
        """Tell this telemetry from now on. `store`: what counts the bytes that this index reads. `look`: told of the
        pressure whenever it is known."""
        self._telemetry, self._store, self._look = telemetry, store, look

    def search_many(self, questions: Sequence[Question], **options: Any) -> Sequence[Answer | LookalikeError]:
        """As it is, and measured."""
        if self._telemetry is None or self._store is None:
            return super().search_many(questions, **options)
        started, (requests, size) = time.perf_counter(), self._store.traffic
        answers = super().search_many(questions, **options)
        took = time.perf_counter() - started
        requests, size = (now - before for now, before in zip(self._store.traffic, (requests, size), strict=True))
        self._telemetry.measure("QueryTime", took * 1e3)
        self._telemetry.measure("QueryRequests", requests)
        self._telemetry.measure("QueryBytes", size)
        self._telemetry.measure("PartialAnswers", sum(isinstance(one, Answer) and one.partial for one in answers))
        return answers

    def pressure(self) -> tuple[int, int]:
        """As it is, and told."""
        found = super().pressure()
        if self._look is not None:
            self._look(*found)
        return found
