"""An account in which few workers may be at work at once, as a new one of AWS."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TypeVar

from shards.errors import LookalikeError
from shards.search.executors.messages import NoWorkerFree
from tests.shards.search.task_runner import FakeTaskRunner

Result = TypeVar("Result")

REFUSAL = 0.02
"""Seconds that a refusal takes."""


class Account(FakeTaskRunner):
    """A task runner that also is the account: of its calls, `room` are at work at once, and all others are refused.

    `ask` takes `seconds` for each number, `start` for a call. `rooms`: from a time on, so much room.
    """

    def __init__(self, room: int, seconds: float = 2.0, rooms: Mapping[float, int] | None = None) -> None:
        super().__init__()
        self.rooms = {0.0: room, **(rooms or {})}
        self.seconds = seconds
        self.asked: list[int] = []
        self.refused = 0
        self.most = 0
        self._at_work = 0
        self._is_refusing = False

    def start(self, call: Callable[[], Result]) -> Future[Result]:
        is_refused = self._at_work >= self.rooms[max(at for at in self.rooms if at <= self.time)]

        def refuse() -> Result:
            self.refused += 1
            self._is_refusing = True
            try:
                return call()
            finally:
                self._is_refusing = False

        def answer() -> Result:
            self._at_work -= 1
            return call()

        if is_refused:
            self._takes = iter([REFUSAL])
            return super().start(refuse)
        self._at_work += 1
        self.most = max(self.most, self._at_work)
        self._takes = iter([self.seconds])
        return super().start(answer)

    def ask(self, numbers: Sequence[int]) -> Mapping[int, str | LookalikeError]:
        if self._is_refusing:
            return dict.fromkeys(numbers, NoWorkerFree("no function is free (Rate Exceeded)"))
        self.asked.append(len(numbers))
        return {number: f"row of {number}" for number in numbers}

    @property
    def last(self) -> float:
        """The time of the last start."""
        return max(self.begun, default=-math.inf)
