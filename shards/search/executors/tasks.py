"""Task runners: they make the calls that wait for workers, and have the clock that times them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from shards.errors import LookalikeError

Result = TypeVar("Result")


class TaskRunner(Protocol):
    """Makes calls that wait, and tells the time. A test's runner needs neither threads nor time."""

    def now(self) -> float:
        """Return seconds that only rise."""
        ...

    def start(self, call: Callable[[], Result]) -> Future[Result]:
        """Begin a call without waiting for it. Raises LookalikeError where no call can be begun."""
        ...

    def wait(self, calls: Collection[Future[Result]], seconds: float) -> None:
        """Wait until one of these calls is done, or this many seconds have passed, as where there is no call."""
        ...

    def close(self) -> None:
        """End the threads, and cancel the calls that have not begun. Does not wait for those that have."""
        ...


class Threads:
    """A task runner in which each call waits in a thread of its own, in real time."""

    def __init__(self, max_calls: int) -> None:
        self._pool = ThreadPoolExecutor(max_calls, "lookalike-worker")

    def now(self) -> float:
        """Return the seconds of the monotonic clock."""
        return time.monotonic()

    def start(self, call: Callable[[], Result]) -> Future[Result]:
        """Begin a call, once one of the threads is free."""
        try:
            return self._pool.submit(call)
        except RuntimeError as error:  # closed, or no thread to be had
            raise LookalikeError(f"no worker can be asked: {error}") from error

    def wait(self, calls: Collection[Future[Result]], seconds: float) -> None:
        """Wait as `TaskRunner.wait` says."""
        if calls:
            wait(calls, seconds, FIRST_COMPLETED)
        else:
            time.sleep(seconds)

    def close(self) -> None:
        """End the threads as `TaskRunner.close` says."""
        self._pool.shutdown(wait=False, cancel_futures=True)
