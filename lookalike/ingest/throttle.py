"""A throttle on adding, for when more waits to be folded than should.

A batch that comes then is held for a while, and then added all the same. Handing it back instead would count as one of
the five times that a queue may hand out a message, and after a busy hour good pictures would lie among the poisoned
ones. A batch that is held keeps one of the few functions that read the queue busy, so what comes in is bounded by their
number divided by this wait, the rest stays in the queue, and nothing is lost. A long tail makes queries slower, never
wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lookalike.ingest.backpressure import BACKPRESSURE

LOOK_SECONDS = 5.0
"""How long the last look counts: a look costs two requests, a twelfth of what a batch costs."""

STEP_SECONDS = 1.0
"""Between looks while a batch is held."""


@dataclass(slots=True)
class Throttle:
    """A gate in front of adding, which opens late while there is much to fold."""

    pressure: Callable[[], tuple[int, int]]
    """Returns (log objects, bytes) that wait to be folded."""

    wake: Callable[[], None]
    """Calls the compactor."""

    hold: float
    """The longest wait, in seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _looked: float | None = field(default=None, init=False)

    def wait(self) -> float:
        """Return when there is room, or after `hold` seconds: how many seconds it was."""
        started = self.clock()
        if self._looked is not None and started - self._looked < LOOK_SECONDS:
            return 0.0
        is_woken = False
        while True:
            pressure = self.pressure()
            self._looked = self.clock()
            waited = self._looked - started
            if not is_woken and BACKPRESSURE.should_fold_soon(*pressure):
                is_woken = True
                self.wake()
            if not BACKPRESSURE.must_wait(*pressure):
                return waited
            # a long tail does not count for long: the next batch looks again
            self._looked = None
            if waited >= self.hold:
                return waited
            self.sleep(min(STEP_SECONDS, self.hold - waited))
