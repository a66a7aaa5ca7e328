"""Turns to fetch: how many pictures are fetched at once, and how many wait, of all, of one caller, from one target."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from lookalike.web.http.places import Places
from lookalike.web.http.problems import Problem

AT_ONCE = 16
"""Fetches of one service at once; each may hold the largest picture in memory."""

WAITING = 128
"""Fetches that wait for their turn. None of them holds anything that others need."""

BY_CALLER = 32
"""Fetches of one caller, at work or waiting: four requests with many addresses, of which each fetches 8 at once."""

FROM_TARGET = 4
"""Fetches from one address at once, so that this service is no weapon against it, and does not hang on it."""


class Turns:
    """The turns of one service. Callers get them in fairness."""

    def __init__(self) -> None:
        self._places = Places(AT_ONCE)
        self._of_caller: Counter[str] = Counter()
        self._targets: dict[str, anyio.Semaphore] = {}
        self._of_target: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises Problem 429 where too many wait already."""
        if self._of_caller[caller] >= BY_CALLER or self._places.waiting >= WAITING:
            raise Problem(
                429,
                "too-busy",
                "The service is busy",
                "too many pictures are being fetched from other sites",
                help="Try again after the seconds in Retry-After, or send the picture itself.",
                headers={"Retry-After": "5"},
            )
        self._of_caller[caller] += 1
        try:
            async with self._places.turn(caller):
                yield
        finally:
            _forget(self._of_caller, caller)

    @asynccontextmanager
    async def at(self, target: str) -> AsyncIterator[None]:
        """Wait until one more fetch from this address may begin, and hold it."""
        semaphore = self._targets.setdefault(target, anyio.Semaphore(FROM_TARGET))
        self._of_target[target] += 1
        try:
            async with semaphore:
                yield
        finally:
            if not _forget(self._of_target, target):
                del self._targets[target]


def _forget(counts: Counter[str], name: str) -> int:
    """Count one less, and return how many are left."""
    counts[name] -= 1
    left = counts[name]
    if not left:
        del counts[name]
    return left
