"""Two questions to a store that is about to be written: does it keep its promise, and what time is it there?

An index rests on one promise, that an object is created only if there is none of its name. A store that ignores the
condition (an old clone of S3, a proxy that drops `If-None-Match`) overwrites what others wrote, and reports success.
And it rests on one clock, the store's own: those of the machines that write may be wrong by days.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from shards.errors import StoreUnfit
from shards.storage.base import Store
from shards.storage.deciding import decide, write_once
from shards.storage.effects import Effects

log = logging.getLogger("lookalike")

PROBES = "probe/"
"""The beginning of the names of objects that ask the store something. No other object depends on them."""

TWICE = f"{PROBES}created-twice"

HOUR_NS = 3600 * 10**9
"""For so long a clock is believed. A quartz drifts by less than 0.2 s in that time."""

STEP_NS = 10**9
"""A difference between the wall clock and the steady one that shows a step of the wall clock, or a sleep."""

TRIES = 3
"""Objects that are created to learn the time, if they are gone when they are looked for."""

GRANULARITY_NS = 10**9
"""S3 tells the time of an object in whole seconds, rounded down."""

WRONG_NS = 5 * 60 * 10**9
"""An error of the local clock that people should know of."""


def check_conditional_create(store: Store, effects: Effects, url: str) -> None:
    """Raise StoreUnfit if the store creates an object of which there is one already. `url`: its name for people.

    Tries it with an object of its own, which stays: of two creations the second has to say that it is there.
    """
    body = b"This object was created twice, to see whether the store says so the second time.\n"
    if write_once(store, effects, TWICE, body) and write_once(store, effects, TWICE, body):
        raise StoreUnfit(
            f"{url}: the store creates an object again that is there already. An index needs a store that honours"
            " the condition If-None-Match: *, or writers overwrite each other without noticing; docs/operations.md"
            " lists stores that do. Is there a proxy that drops the header?"
        )


@dataclass(frozen=True, slots=True)
class Learned:
    """The difference between the store's clock and the local one, and when it was found."""

    offset_ns: int
    """To be added to the local time."""

    wall_ns: int
    """The local time then, in ns since 1970."""

    steady_ns: int
    """The steady clock then."""


class StoreClock:
    """The store's clock, as far as it can be told: the local one, put right by as much as it is surely wrong.

    The time of an object just created is the store's. It lies within a second, and the creation within the two readings
    of the local clock around it: only what does not fit is an error of the local clock, so clocks that are right stay
    as they are. It is asked again after an hour, and after a step of the local clock. Safe to use from several threads.
    """

    def __init__(self, store: Store, effects: Effects, url: str) -> None:
        """Ask this store. `url`: its name for people."""
        self._url = url
        self._store = store
        self._effects = effects
        self._lock = threading.Lock()
        self._learned: Learned | None = None
        self._is_said = False

    def now_ns(self) -> int:
        """Return the time by the store's clock, in ns since 1970. The first call asks the store: three requests."""
        with self._lock:
            wall, steady = self._effects.now_ns(), self._effects.steady_ns()
            known = self._learned
            if known is None or not _is_still_right(known, wall, steady):
                known = self._learned = self._learn()
                wall = self._effects.now_ns()
            return wall + known.offset_ns

    def _learn(self) -> Learned:
        for _ in range(TRIES):
            learned = self._try()
            if learned is not None:
                return learned
        raise StoreUnfit(
            f"{self._url}: the store does not list an object that was just created, and an index needs one whose"
            " listings are complete"
        )

    def _try(self) -> Learned | None:
        """Ask once; return None where the object is gone: this process slept for over an hour before it looked."""
        name = f"{PROBES}clock-{self._effects.random():016x}"
        before = self._effects.now_ns()
        write_once(self._store, self._effects, name, b"What time is it?\n")
        after, steady = self._effects.now_ns(), self._effects.steady_ns()
        entry = decide(self._effects, lambda: next(iter(self._store.list(name, limit=1)), None))
        decide(self._effects, lambda: self._store.delete([name]))
        if entry is None:
            return None
        modified = int(entry.modified * 1e9)
        offset = modified - after if after < modified else min(0, modified + GRANULARITY_NS - before)
        if abs(offset) > WRONG_NS and not self._is_said:
            self._is_said = True
            log.warning(
                "the clock of this machine is %s %s the clock of %s, which counts; set it right",
                _length(abs(offset)),
                "ahead of" if offset < 0 else "behind",
                self._url,
            )
        return Learned(offset, after, steady)


def _is_still_right(known: Learned, wall: int, steady: int) -> bool:
    passed = steady - known.steady_ns
    return 0 <= passed < HOUR_NS and abs(wall - known.wall_ns - passed) < STEP_NS


def _length(ns: int) -> str:
    minutes = round(ns / (60 * 10**9))
    if minutes < 120:
        return f"{minutes} minutes"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24):,} days"
