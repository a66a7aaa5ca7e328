"""The world of an actor: clocks that are wrong, that somebody sets, and that stand still while the machine sleeps."""

from __future__ import annotations

from random import Random

from tests.simulation.scheduler import Scheduler

MINUTES, HOURS = 60.0, 3600.0


class ActorEffects:
    """Effects of one process: its clock is off by `skew_ns`, and the steady one does not count what it slept."""

    def __init__(self, scheduler: Scheduler, random: Random, skew_ns: int = 0) -> None:
        self._scheduler = scheduler
        self._random = random
        self._skew_ns = skew_ns
        self._slept_ns = 0

    def now_ns(self) -> int:
        return self._scheduler.now_ns + self._skew_ns

    def steady_ns(self) -> int:
        return self._scheduler.now_ns - self._slept_ns

    def random(self) -> int:
        return self._random.getrandbits(64)

    def sleep(self, seconds: float) -> None:
        self._scheduler.pass_on(seconds)

    def set_clock(self, seconds: float) -> None:
        """Set the clock forward, or back."""
        self._scheduler.note(f"  the clock is set by {seconds / HOURS:g} h")
        self._skew_ns += int(seconds * 1e9)

    def suspend(self, seconds: float) -> None:
        """Sleep as a laptop does whose lid is closed: the steady clock stands still."""
        self._slept_ns += int(seconds * 1e9)
        self._scheduler.pass_on(seconds)
