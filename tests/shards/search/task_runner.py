"""A task runner whose calls take the time that a test says, and no time at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class FakeTaskRunner:
    """`takes`: seconds of each call, in the order in which they are started; a second each after that.

    A call's work is done at its end. Calls that end together do so in the order in which they began.
    """

    def __init__(self, takes: Iterable[float] = ()) -> None:
        self.time = 0.0
        self.begun: list[float] = []
        self.is_closed = False
        self._takes = iter(takes)
        self._open: list[tuple[float, int, Future[Any], Callable[[], Any]]] = []

    def now(self) -> float:
        return self.time

    def start(self, call: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        self._open.append((self.time + next(self._takes, 1.0), len(self.begun), future, call))
        self.begun.append(self.time)
        return future

    def wait(self, calls: Collection[Future[Result]], seconds: float) -> None:
        until = max(self.time + seconds, math.nextafter(self.time, math.inf))
        for due in sorted(self._open, key=lambda one: one[:2]):
            at, _, future, call = due
            if at > until:
                break
            self._open.remove(due)
            self.time = at
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except Exception as error:
                    future.set_exception(error)
                if future in calls:
                    return
        self.time = until

    @property
    def left(self) -> list[Future[Any]]:
        """The calls that are neither done nor cancelled."""
        return [future for _, _, future, _ in self._open if not future.done()]

    def close(self) -> None:
        self.is_closed = True
        for future in self.left:
            future.cancel()
