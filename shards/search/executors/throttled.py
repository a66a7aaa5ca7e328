"""Batches that no worker was free for: when they are tried again, and how many of them together.

As many calls at once as an account may have cannot be asked for; it shows in refusals. So the calls under way are taken
for what there is room for: each that ends makes room for the next, and in growing pauses one more is tried.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Generic, TypeVar

Batch = TypeVar("Batch")

PAUSE = 0.2
"""Seconds until a worker is asked for again after a refusal. A refusal itself takes some 20 ms."""

LONGEST_PAUSE = 2.0
"""Limit on this pause, which doubles with each refusal that follows one: about the time that a batch takes."""

JOINED = 4
"""Batches that one worker is asked about at most: with as many, it takes less than half of the time that there is for
all, and if it fails, no more is missing."""


class Throttled(Generic[Batch]):
    """A queue of batches that wait for a worker. Time is given to it, in seconds that only rise."""

    count = 0
    """Refusals so far."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Batch, int]] = deque()
        self.tries_at = math.inf
        """Time at which a worker is asked about the next, whether one has become free or not."""
        self._pause = PAUSE
        self._is_trying = True

    def __bool__(self) -> bool:
        """Return whether any wait."""
        return bool(self._waiting)

    def put(self, batch: Batch, size: int, now: float) -> None:
        """Let a batch wait that was refused at this time. `size`: how many were joined in it."""
        self._waiting.append((batch, size))
        if self._is_trying:
            # of many that were refused at once, one counts
            self._is_trying = False
            self.tries_at = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def relax(self) -> None:
        """Take note that a worker has answered: it is free."""
        self._pause = PAUSE

    def take(self, at_work: int, now: float) -> list[Batch]:
        """Return batches for one worker, none if none wait; `at_work`: the calls that are under way.

        More than one where so many wait that each worker has to take several anyway: what is read in rounds of requests
        is read in fewer.
        """
        share = min(JOINED, -(-sum(size for _, size in self._waiting) // (at_work + 1)))
        taken: list[Batch] = []
        room = share
        while self._waiting and (not taken or self._waiting[0][1] <= room):
            batch, size = self._waiting.popleft()
            taken.append(batch)
            room -= size
        self._is_trying = True
        self.tries_at = now + self._pause if self._waiting else math.inf
        return taken
