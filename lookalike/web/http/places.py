"""Places for computing, which callers get in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class Places:
    """So many places. A place that becomes free goes to the caller whose turn it is, and to its oldest wish.

    So a caller with a thousand wishes makes another one wait for one place, not for a thousand.
    """

    def __init__(self, count: int) -> None:
        self.working = 0
        """Places that are taken."""
        self.waiting = 0
        """Wishes for a place."""
        self._count = count
        self._wishes: OrderedDict[str, deque[anyio.Event]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        await self._take(caller)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, caller: str) -> None:
        if self.working < self._count:
            self.working += 1
            return
        wish = anyio.Event()
        self._wishes.setdefault(caller, deque()).append(wish)
        self.waiting += 1
        try:
            await wish.wait()
        except BaseException:
            if wish.is_set():
                # the place came together with the end of the wait
                self._give_back()
            else:
                self._forget(caller, wish)
            raise

    def _give_back(self) -> None:
        """Hand a place on, or leave it free."""
        if not self._wishes:
            self.working -= 1
            return
        caller, wishes = next(iter(self._wishes.items()))
        wish = wishes[0]
        self._forget(caller, wish)
        if caller in self._wishes:
            self._wishes.move_to_end(caller)
        wish.set()

    def _forget(self, caller: str, wish: anyio.Event) -> None:
        self._wishes[caller].remove(wish)
        self.waiting -= 1
        if not self._wishes[caller]:
            del self._wishes[caller]
