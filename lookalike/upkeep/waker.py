"""Calls the compactor before its schedule when more waits to be folded than it should find.

Those who add look how much waits, and know earliest. The compactor comes by itself too, so there is no harm if a call
fails, or comes twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread

from lookalike.ingest.backpressure import BACKPRESSURE

WAKE_SECONDS = 5.0
"""Between calls of one process: the compactor needs as long to start and to fold some hundred log objects."""


def in_a_thread(call: Callable[[], None]) -> None:
    """Make this call in the background. Nobody waits for it, not even at the end of the process."""
    Thread(target=call, name="waker", daemon=True).start()


@dataclass(slots=True)
class Waker:
    """A waker for processes that answer requests, and must not wait for this.

    Lambda stops a process when its answer is out. A call that is under way then is finished during the next request,
    or fails, and a later look makes another.
    """

    wake: Callable[[], None]
    """Calls the compactor."""

    start: Callable[[Callable[[], None]], None] = in_a_thread
    """Begins a call, and does not wait for its end."""

    clock: Callable[[], float] = time.monotonic
    _woken: float | None = field(default=None, init=False)

    def look(self, objects: int, size: int) -> None:
        """Wake the compactor if so much should be folded soon, unless it was woken a moment ago."""
        if not BACKPRESSURE.should_fold_soon(objects, size):
            return
        now = self.clock()
        if self._woken is None or now - self._woken >= WAKE_SECONDS:
            self._woken = now
            self.start(self.wake)
