"""Has the compactor come before its schedule, where more waits to be folded than it should find.

Whoever adds looks how much waits, and knows earliest. The compactor comes by itself too, so there is no harm where a
call fails, or comes twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Thread

import boto3
from aws_lambda_powertools.logging import Logger

from functions.aws import calls
from functions.aws.settings import Settings
from shards.errors import StorageError
from shards.table.table import TAIL_BYTES, TAIL_OBJECTS

EARLY = 4
"""The compactor is called at a quarter of the limit: it is there before anybody has to wait."""

SECONDS = 5.0
"""Between calls of one process: as long as the compactor needs to start and to fold some hundred log objects."""

CALL_SECONDS = 10.0
"""Having a function started takes no longer."""


def is_early(objects: int, size: int) -> bool:
    """Whether so many log objects, of so many bytes, should be folded soon."""
    return objects * EARLY > TAIL_OBJECTS or size * EARLY > TAIL_BYTES


def wake(client: calls.Lambda, function: str, log: Logger) -> None:
    """Have the compactor called; does not wait until it has done anything."""
    try:
        calls.start(client, function)
    except StorageError as error:
        log.warning("the compactor was not called", extra={"error": str(error)})


def caller(settings: Settings, log: Logger) -> Callable[[], None] | None:
    """What has the compactor called; None where there is none to call."""
    if not settings.compact_function:
        return None
    return partial(wake, boto3.client("lambda", config=calls.config(CALL_SECONDS, 1)), settings.compact_function, log)


def in_a_thread(call: Callable[[], None]) -> None:
    """Have it called beside whatever goes on. It is not waited for, not even at the end of the process."""
    Thread(target=call, name="waker", daemon=True).start()


@dataclass(slots=True)
class Waker:
    """For who answers a request, and must not wait for this. `wake`: calls the compactor; `start`: begins a call.

    Lambda stops a process when its answer is out. A call that is under way then is finished during the next request,
    or fails, and a later look makes another.
    """

    wake: Callable[[], None]
    start: Callable[[Callable[[], None]], None] = in_a_thread
    clock: Callable[[], float] = time.monotonic
    _woken: float | None = field(default=None, init=False)

    def look(self, objects: int, size: int) -> None:
        """Wake the compactor if so much should be folded soon, and it was not woken a moment ago."""
        if not is_early(objects, size):
            return
        now = self.clock()
        if self._woken is None or now - self._woken >= SECONDS:
            self._woken = now
            self.start(self.wake)
