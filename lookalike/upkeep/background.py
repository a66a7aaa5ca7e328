"""Background upkeep of an index that is being served: fold, merge, collect.

It does no harm beside other processes that do the same: whoever comes second to a manifest starts again, and finds
nothing left to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Protocol

from lookalike.index import Index
from lookalike.ingest.backpressure import BACKPRESSURE
from shards.errors import LookalikeError

log = logging.getLogger("lookalike")

FOLD_SECONDS = 10.0
"""A tail that waits so long is folded however short it is: then a quiet index has none, and searches read segments
only."""

LOOK_SECONDS = 1.0
"""Between looks while there is a tail: at 200 adds a second, no more than 256 log objects wait."""

IDLE_SECONDS = 5.0
"""Between looks while there is none: a look is two listings, which in a bucket cost 17 cents a day at this pace."""

COLLECT_SECONDS = 3600.0
"""Between collections. What can be collected is an hour old; the first collection comes at the start, for processes
that never live so long."""

BACK_OFF_SECONDS = (5.0, 300.0)
"""The first pause after an error, which doubles each time, and the longest. Asking more often mends nothing here."""

STOP_SECONDS = 10.0
"""How long stopping waits for a fold or a merge under way, which may be broken off at any moment."""


class Wait(Protocol):
    """A wait that can be broken off."""

    def __call__(self, timeout: float) -> bool:
        """Wait so many seconds, or until stopped; return whether it was stopped."""
        ...


class Upkeep:
    """A thread that keeps one index in order, between `start` and `stop`. A context manager.

    `clock` gives seconds that only rise; `wait` passes the time between looks.
    """

    def __init__(self, index: Index, *, clock: Callable[[], float] = time.monotonic, wait: Wait | None = None) -> None:
        self._index = index
        self._clock = clock
        self._stopping = Event()
        self._wait = wait or self._stopping.wait
        self._thread = Thread(target=self._run, name="upkeep", daemon=True)
        self._tail_since: float | None = None
        self._collect_at = clock()
        self._failures = 0

    def __enter__(self) -> Upkeep:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop looking, and wait up to `seconds` for what is under way."""
        self._stopping.set()
        self._thread.join(seconds)

    def step(self) -> float:
        """Look once, do what is due, and return after how many seconds to look again. Whatever fails is logged."""
        try:
            pause = self._tidy()
        except Exception as error:
            return self._back_off(error)
        if self._failures:
            log.warning("upkeep of %s works again", self._index.url)
            self._failures = 0
        return pause

    def _run(self) -> None:
        while not self._wait(self.step()):
            pass

    def _tidy(self) -> float:
        objects, size = self._index.pressure()
        now = self._clock()
        if not objects:
            self._tail_since = None
        elif self._tail_since is None:
            self._tail_since = now
        waited = 0.0 if self._tail_since is None else now - self._tail_since
        if BACKPRESSURE.is_worth_folding(objects, size) or waited >= FOLD_SECONDS:
            done = self._index.compact()
            self._tail_since = None
            log.info("folded %d log objects, merged %d segments into %d", done.folded, done.merged, done.written)
        if self._clock() >= self._collect_at and not self._stopping.is_set():
            collected = self._index.collect()
            # only now: what failed is tried again when the waiting is over
            self._collect_at = self._clock() + COLLECT_SECONDS
            log.info("collected %d objects of %d bytes", collected.count, collected.size)
        return LOOK_SECONDS if objects else IDLE_SECONDS

    def _back_off(self, error: Exception) -> float:
        first, longest = BACK_OFF_SECONDS
        pause = min(first * 2.0**self._failures, longest)
        self._failures += 1
        # what is not ours is a mistake in the code: there the place matters
        trace = None if isinstance(error, LookalikeError | OSError) else error
        log.warning("upkeep of %s: %s; again in %g s", self._index.url, error, pause, exc_info=trace)
        return pause
