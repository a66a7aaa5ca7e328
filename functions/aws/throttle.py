"""How adding slows down when more waits to be folded than should.

A batch that comes then is held for a while, and then added all the same. Handing it back instead would count as one of
the five times that a message may be received, and after a busy hour good pictures would lie among the poisoned ones. A
batch that is held keeps one of the few functions that read the queue busy, so what comes in is bounded by their number
divided by this wait, the rest stays in the queue, and nothing is lost. A long tail makes queries slower, never wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from functions.aws.waker import is_early
from shards.table.table import TAIL_BYTES, TAIL_OBJECTS

LOOK_SECONDS = 5.0
"""How long it is believed how long the tail is: asking costs two requests, a twelfth of what a batch costs."""

STEP_SECONDS = 1.0
"""Between looks while a batch is held."""


@dataclass(slots=True)
class Throttle:
    """`pressure`: (log objects, bytes) that wait to be folded. `nudge`: calls the compactor. `hold`: in seconds."""

    pressure: Callable[[], tuple[int, int]]
    nudge: Callable[[], None]
    hold: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _looked: float | None = field(default=None, init=False)

    def wait(self) -> float:
        """Come back when there is room, or after `hold` seconds; how many it was."""
        started = self.clock()
        if self._looked is not None and started - self._looked < LOOK_SECONDS:
            return 0.0
        is_nudged = False
        while True:
            objects, size = self.pressure()
            self._looked = self.clock()
            waited = self._looked - started
            if not is_nudged and is_early(objects, size):
                is_nudged = True
                self.nudge()
            if objects <= TAIL_OBJECTS and size <= TAIL_BYTES:
                return waited
            # what it saw is not believed for long: the next batch looks again
            self._looked = None
            if waited >= self.hold:
                return waited
            self.sleep(min(STEP_SECONDS, self.hold - waited))
