"""A cache of duplicates, so that they are found once for a state of the index and then paged through.

The cost of comparing all images grows faster than their number: 100,000 by `haar` take 13 s of one core and 150 MB, a
million take minutes and 2 GB. So there are limits of time and of memory, and a request that meets one is told so.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TypeAlias

import anyio
from anyio import to_thread

from lookalike.duplicates.find import Duplicates
from lookalike.index import Index
from lookalike.web.http.problems import Problem
from lookalike.web.settings import WebSettings
from shards.families import Family
from shards.search.grouping import Grouping

CacheKey: TypeAlias = tuple[int, int, str, float, Grouping, bool]
"""Version of the manifest, log objects of the tail, family, min_score, grouping, whether exhaustive."""

KEPT = 4
"""Results in the cache: enough for a few people who page through theirs."""

WAITING = 8
"""Requests that may wait while the duplicates of another one are found."""

ROW_BYTES = 24
"""Minimum that a signature counts as: sorting takes 140 bytes for a 64-bit hash, which has only 8."""

HELP = (
    "Compare by a 64-bit hash such as dhash with a small max_distance, which takes seconds for a million images, or "
    "run 'lookalike duplicates INDEX', which has no such limit."
)


class DuplicatesCache:
    """The duplicates that were found last. One search at a time, off the event loop.

    `clock` gives seconds that only rise.
    """

    def __init__(self, index: Index, settings: WebSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._index = index
        self._seconds = settings.duplicates_seconds
        self._max_bytes = settings.duplicates_bytes
        self._clock = clock
        self._kept: OrderedDict[CacheKey, Duplicates] = OrderedDict()
        self._finding = Lock()
        self._waiting = 0

    async def find(
        self, family: Family, min_score: float, grouping: Grouping, *, exhaustive: bool = False
    ) -> Duplicates:
        """Return the duplicates of the index as it is now.

        Raises Problem where there are too many images, the search takes too long, or too many requests wait.
        """
        stats = await to_thread.run_sync(self._index.stats)
        # within one version of the manifest the log's tail only grows, so these two numbers name the state
        key = (stats.version, stats.tail, family.name, min_score, grouping, exhaustive)
        duplicates = self._kept.get(key)
        if duplicates is not None:
            self._kept.move_to_end(key)
            return duplicates
        self._check_size(family, stats.images)
        if self._waiting >= WAITING:
            detail = f"{self._waiting} requests for duplicates are waiting; they are answered one at a time"
            raise Problem(429, "too-busy", "The service is busy", detail, headers={"Retry-After": "30"})
        self._waiting += 1
        try:
            # a search can only be ended between its steps: a long step is not waited for
            with anyio.move_on_after(self._seconds):
                until = self._clock() + self._seconds
                return await to_thread.run_sync(self._find, key, until, abandon_on_cancel=True)
        finally:
            self._waiting -= 1
        raise self._too_slow()

    def _find(self, key: CacheKey, until: float) -> Duplicates:
        """Find the duplicates once no other search is under way."""
        if not self._finding.acquire(timeout=max(0.0, until - self._clock())):
            raise self._too_slow()
        try:
            duplicates = self._kept.get(key)
            if duplicates is None:
                # cached here, so that the result is not lost when the client has gone meanwhile
                duplicates = self._kept[key] = self._search(key, until)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return duplicates
        finally:
            self._finding.release()

    def _search(self, key: CacheKey, until: float) -> Duplicates:
        def go_on(done: int, of: int) -> None:
            if done < of and self._clock() >= until:
                raise self._too_slow()

        _, _, family, min_score, grouping, exhaustive = key
        return self._index.duplicates(
            family=family, min_score=min_score, grouping=grouping, exhaustive=exhaustive, progress=go_on
        )

    def _check_size(self, family: Family, images: int) -> None:
        max_images = self._max_bytes // max(family.dtype.itemsize, ROW_BYTES)
        if images > max_images:
            detail = (
                f"there are {images:,} images to compare by {family.name}; this service has memory for {max_images:,}"
            )
            raise Problem(422, "duplicates-too-many", "Too many images", detail, help=HELP)

    def _too_slow(self) -> Problem:
        detail = f"the duplicates were not found within {self._seconds:g} s"
        return Problem(503, "duplicates-too-slow", "The search takes too long", detail, help=HELP)
