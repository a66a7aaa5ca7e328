"""Processes that take turns on a clock of their own: one runs at a time, and always the one that wakes first.

Nothing here depends on real time or on the operating system's scheduling, so a run is a function of its seed. Turns are
greenlets: to hand one over costs a microsecond, where it took a thread twenty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

START_NS = 1_800_000_000 * 10**9

TRACED = 60
"""Steps that a failure shows."""


@dataclass(slots=True, eq=False)
class Turn:
    """One actor's turn."""

    name: str
    runs: Any


class Scheduler:
    """Runs actors until all have finished, or one has failed.

    `now_ns` is the true time of the simulated world: the store's clock.
    """

    def __init__(self, random: Random) -> None:
        self.now_ns = START_NS
        self.trace: deque[tuple[int, str, str]] = deque(maxlen=TRACED)
        self._random = random
        self._waiting: list[tuple[int, float, int, Turn]] = []
        self._current: Turn | None = None
        self._numbers = 0

    def run(self, actors: Mapping[str, Callable[[], None]]) -> None:
        """Run these to their ends. Raises what the first one to fail raised; the others end where they are."""
        for name, body in actors.items():
            self._wait(Turn(name, greenlet(body)), self.now_ns)
        try:
            while self._waiting:
                due, _, _, turn = heappop(self._waiting)
                self.now_ns = max(self.now_ns, due)
                self._current = turn
                turn.runs.switch()
        finally:
            self._current = None
            self._waiting.clear()

    def pass_on(self, seconds: float) -> None:
        """The running actor waits so long; meanwhile the others go on."""
        wakes = self.now_ns + int(seconds * 1e9)
        if self._current is None:  # outside of a run there is nobody to wait for
            self.now_ns = wakes
        else:
            self._wait(self._current, wakes)
            getcurrent().parent.switch()

    def note(self, what: str) -> None:
        """Remember what the running actor does, for whoever reads a failure."""
        self.trace.append((self.now_ns, self._current.name if self._current else "-", what))

    def tail(self) -> str:
        """The last steps, one a line: seconds since the start, actor, step."""
        return "\n".join(f"{(now - START_NS) / 1e9:12.3f}  {name:12} {what}" for now, name, what in self.trace)

    def _wait(self, turn: Turn, wakes: int) -> None:
        """Let a turn go on at that time; of several that are due at once, any."""
        self._numbers += 1
        heappush(self._waiting, (wakes, self._random.random(), self._numbers, turn))
