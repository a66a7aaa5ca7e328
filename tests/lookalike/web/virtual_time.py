"""Event loops with clocks of their own: one in which waiting takes no time, and one that stands still."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Selector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "every task waits for something that never happens"
            self.now += max(timeout, 0)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what this returns, in a loop whose clock begins at 0 and jumps ahead when all that is left is to wait.

    Threads have no place in it, nor have sockets that lead out of this process: the loop would not wait for them. Of a
    `socket.socketpair`, what one end was sent is at the other at once.
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)


class _StandingSelector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # a timer that is not due will not be by itself: only what others do, a thread among them, goes on
        return super().select(0 if timeout is not None and timeout <= 0 else None)


class _StandingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_StandingSelector())

    def time(self) -> float:
        return self.now


def run_standing(work: Callable[[Callable[[float], None]], Coroutine[Any, Any, Result]]) -> Result:
    """Return what this returns, in a loop whose clock stands; threads and sockets are waited for as long as they take.

    `work` is given what lets seconds pass, which any thread may call.
    """
    with asyncio.Runner(loop_factory=_StandingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, _StandingLoop)

        def advance(seconds: float) -> None:
            loop.now += seconds

        def pass_seconds(seconds: float) -> None:
            loop.call_soon_threadsafe(advance, seconds)

        return runner.run(work(pass_seconds))


def now() -> float:
    """Return the seconds that have passed in the running loop."""
    return asyncio.get_running_loop().time()


async def settle() -> None:
    """Let all tasks run until each waits for another."""
    for _ in range(50):
        await asyncio.sleep(0)
