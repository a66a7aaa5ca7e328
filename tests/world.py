"""A world that tests move by hand: its clock, its randomness, its waits."""

from __future__ import annotations

import random


class FakeWorld:
    """Effects for a table: time goes on by itself a microsecond a look, and as far as a test says."""

    def __init__(self, seed: int = 0, start_ns: int = 1_800_000_000 * 10**9) -> None:
        self._random = random.Random(seed)
        self._now = start_ns

    def reseed(self, seed: int) -> None:
        self._random = random.Random(seed)

    def now_ns(self) -> int:
        self._now += 1_000
        return self._now

    def steady_ns(self) -> int:
        return self._now

    def random(self) -> int:
        return self._random.getrandbits(64)

    def sleep(self, seconds: float) -> None:
        self.pass_seconds(seconds)

    def pass_seconds(self, seconds: float) -> None:
        self._now += int(seconds * 1e9)
