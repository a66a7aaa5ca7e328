"""Groups of duplicates, found once for a state of the index and kept for their further pages.

What comparing all images takes grows faster than their number: 100,000 by `haar` take 13 s of one core and 150 MB, a
million take minutes and 2 GB. So there is a limit of time and one of memory, and whoever meets one is told so.
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

Asked: TypeAlias = tuple[int, int, str, float, Grouping, bool]
"""Version of the manifest, log objects of the tail, family, least score, grouping, whether exhaustively."""

KEPT = 4
"""Results kept: what a few people page through."""

WAITING = 8
"""Requests that wait while another's groups are found."""

ROW_BYTES = 24
"""The least that a signature counts as: of a 64-bit hash, sorting takes 140 bytes, which is much for its 8."""

HELP = (
    "Compare by a 64-bit hash such as dhash with a small max_distance, which takes seconds for a million images, or "
    "run 'lookalike duplicates INDEX', which has no such limit."
)


class Groups:
    """The groups that were found last. One search at a time, off the event loop.

    `clock`: seconds that only rise.
    """

    def __init__(self, index: Index, settings: WebSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._index = index
        self._seconds = settings.duplicates_seconds
        self._max_bytes = settings.duplicates_bytes
        self._clock = clock
        self._kept: OrderedDict[Asked, Duplicates] = OrderedDict()
        self._finding = Lock()
        self._waiting = 0

    async def find(
        self, family: Family, min_score: float, grouping: Grouping, *, exhaustive: bool = False
    ) -> Duplicates:
        """The duplicates of the index as it is now.

        Raises Problem where there are too many images for it, where it takes too long, or where too many wait.
        """
        stats = await to_thread.run_sync(self._index.stats)
        # within one version of the manifest the log's tail only grows, so these two numbers name the state
        asked = (stats.version, stats.tail, family.name, min_score, grouping, exhaustive)
        found = self._kept.get(asked)
        if found is not None:
            self._kept.move_to_end(asked)
            return found
        self._check_size(family, stats.images)
        if self._waiting >= WAITING:
            detail = f"{self._waiting} requests wait for duplicates to be found, which is done for one at a time"
            raise Problem(429, "too-busy", "Too much at once", detail, headers={"Retry-After": "30"})
        self._waiting += 1
        try:
            # a search can only be ended between its steps: where one is long, it is not waited for
            with anyio.move_on_after(self._seconds):
                until = self._clock() + self._seconds
                return await to_thread.run_sync(self._find, asked, until, abandon_on_cancel=True)
        finally:
            self._waiting -= 1
        raise self._too_slow()

    def _find(self, asked: Asked, until: float) -> Duplicates:
        """What is asked, once no other search is under way."""
        if not self._finding.acquire(timeout=max(0.0, until - self._clock())):
            raise self._too_slow()
        try:
            found = self._kept.get(asked)
            if found is None:
                # kept from here, so that it is not lost where whoever asked has gone meanwhile
                found = self._kept[asked] = self._search(asked, until)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return found
        finally:
            self._finding.release()

    def _search(self, asked: Asked, until: float) -> Duplicates:
        def go_on(done: int, of: int) -> None:
            if done < of and self._clock() >= until:
                raise self._too_slow()

        _, _, family, min_score, grouping, exhaustive = asked
        return self._index.duplicates(
            family=family, min_score=min_score, grouping=grouping, exhaustive=exhaustive, progress=go_on
        )

    def _check_size(self, family: Family, images: int) -> None:
        most = self._max_bytes // max(family.dtype.itemsize, ROW_BYTES)
        if images > most:
            detail = f"{images:,} images are to be compared by {family.name}; this service has memory for {most:,}"
            raise Problem(422, "duplicates-too-many", "There are too many images for that", detail, help=HELP)

    def _too_slow(self) -> Problem:
        detail = f"the duplicates were not found within {self._seconds:g} s"
        return Problem(503, "duplicates-too-slow", "That takes too long here", detail, help=HELP)
