"""Groups of duplicates, found once for a state of the index and kept for their further pages."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

import anyio
from anyio import to_thread

from shards.families import Family
from shards.index import Index
from shards.search.duplicates import Duplicates
from shards.search.grouping import Grouping
from shards.web.problems import Problem

Asked: TypeAlias = tuple[int, int, str, float, Grouping, bool]
"""Version of the manifest, log objects of the tail, family, least score, grouping, whether exhaustively."""

KEPT = 4
"""Results kept: what a few people page through."""

WAITING = 8
"""Requests that wait while another's groups are found, which takes up to minutes."""


class Groups:
    """The groups that were found last. One search at a time, off the event loop."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._kept: OrderedDict[Asked, Duplicates] = OrderedDict()
        self._finding = anyio.Lock()
        self._waiting = 0

    async def find(
        self, family: Family, min_score: float, grouping: Grouping, *, exhaustive: bool = False
    ) -> Duplicates:
        """The duplicates of the index as it is now. Raises Problem where too many wait for theirs."""
        stats = await to_thread.run_sync(self._index.stats)
        # within one version of the manifest the log's tail only grows, so these two numbers name the state
        asked = (stats.version, stats.tail, family.name, min_score, grouping, exhaustive)
        if asked not in self._kept:
            if self._waiting >= WAITING:
                detail = f"{self._waiting} requests wait for duplicates to be found, which is done for one at a time"
                raise Problem(429, "too-busy", "Too much at once", detail, headers={"Retry-After": "30"})
            self._waiting += 1
            try:
                async with self._finding:
                    if asked not in self._kept:
                        await to_thread.run_sync(self._search, asked)
                    return self._kept[asked]
            finally:
                self._waiting -= 1
        self._kept.move_to_end(asked)
        return self._kept[asked]

    def _search(self, asked: Asked) -> None:
        _, _, family, min_score, grouping, exhaustive = asked
        found = self._index.duplicates(family=family, min_score=min_score, grouping=grouping, exhaustive=exhaustive)
        # kept from here, so that it is not lost where whoever asked first has gone meanwhile
        self._kept[asked] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
