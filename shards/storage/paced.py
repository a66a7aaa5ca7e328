"""A store that is asked no more often in a second than its share of what a prefix of S3 may be asked.

S3 promises 5,500 reads a second under one prefix, and all segments of an index are under one. It divides a busy prefix
by itself, after minutes in which it refuses what is too much (503). A question to many workers is over by then, and
asks in seconds what it has to ask: so its workers share the promise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import Lock

from shards.storage.base import Store
from shards.storage.delegating import DelegatingStore
from shards.storage.effects import Effects
from shards.storage.ranges import GAP, join

READS = 5_000
"""Reads a second that all who share have together: nine tenths of what S3 promises for a prefix (Amazon S3, "Best
practices design patterns: optimizing performance")."""

BURST = 0.1
"""Seconds of its share that nobody has to wait for, when nothing was asked before: with these, the first second has
what S3 promises."""


class PacedStore(DelegatingStore):
    """Another store, of which as much is read in a second as `share` says: all that is wanted, until it is called.

    A range counts once for each request that it is fetched in. Safe to use from several threads, which wait in turn.
    """

    def __init__(self, inner: Store, effects: Effects) -> None:
        super().__init__(inner)
        self._effects = effects
        self._lock = Lock()
        self._rate = math.inf
        self._free_at = -math.inf
        """Time at which whoever asks next need not wait, in seconds."""

    def share(self, among: int) -> None:
        """Read no more often from now on than one of so many who share."""
        with self._lock:
            self._rate = READS / max(among, 1)

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        self._wait(1)
        return super().get(name, max_bytes)

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        self._wait(max(len(join(ranges, GAP)), 1))
        return super().get_ranges(name, ranges)

    def size(self, name: str) -> int:
        self._wait(1)
        return super().size(name)

    def _wait(self, reads: int) -> None:
        with self._lock:
            if self._rate == math.inf:
                return
            now = self._effects.steady_ns() / 1e9
            self._free_at = max(self._free_at, now - BURST) + reads / self._rate
            seconds = self._free_at - now
        if seconds > 0:
            self._effects.sleep(seconds)
