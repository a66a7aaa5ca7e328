"""An index that measures its searches: what they took, and what they read here. Workers' reading is added elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from functions.counted import Counted
from functions.telemetry import Telemetry
from shards.errors import LookalikeError
from shards.index import Answer, Index, Question


class ObservedIndex(Index):
    """Every search, whoever asks, goes through `search_many`. Nothing is measured before `observe` was called."""

    _telemetry: Telemetry | None = None
    _store: Counted | None = None

    def observe(self, telemetry: Telemetry, store: Counted) -> None:
        """Tell this telemetry from now on. `store`: what counts the bytes that this index reads."""
        self._telemetry, self._store = telemetry, store

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
        return answers
