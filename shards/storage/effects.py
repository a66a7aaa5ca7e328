"""Clock, randomness and waiting, as arguments: a simulator puts its own in their place."""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Effects(Protocol):
    """The effects that code has besides its store."""

    def now_ns(self) -> int:
        """Return the nanoseconds since 1970, by a clock that people and programs set."""
        ...

    def steady_ns(self) -> int:
        """Return nanoseconds that pass evenly, whatever happens to the clock; they begin anywhere."""
        ...

    def random(self) -> int:
        """Return 64 random bits."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class World:
    """The effects of a real process."""

    def now_ns(self) -> int:
        return time.time_ns()

    def steady_ns(self) -> int:
        return time.monotonic_ns()

    def random(self) -> int:
        return secrets.randbits(64)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
