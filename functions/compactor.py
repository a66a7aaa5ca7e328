"""Keeps an index in order: folds what is fresh, and hands merges to workers.

Folding goes on while merges are under way, since pictures come in all the time, and a merge of large segments takes
minutes. Each worker commits its own merge. Only who started a merge knows that it is under way: so one compactor runs
at a time, and should there be two, work is done twice and nothing else is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from functions.telemetry import Telemetry
from shards.errors import LookalikeError
from shards.index import Index

FOLD_SECONDS = 5.0
"""Between folds while merges are under way."""

MARGIN = 10.0
"""Seconds before the end of the call at which it ends by itself; merges under way commit without it."""


@dataclass(slots=True)
class Compactor:
    """`merge`: does one of `Index.due_merges`, or has it done. `workers`: merges at once; `merge_seconds`: of one."""

    index: Index
    merge: Callable[[Sequence[str]], int | None]
    telemetry: Telemetry
    workers: int
    merge_seconds: float
    fold_seconds: float = FOLD_SECONDS
    _running: dict[Future[int | None], Sequence[str]] = field(default_factory=dict, init=False)

    def run(self, seconds_left: Callable[[], float], said: dict[str, Any]) -> None:
        """Fold and merge until nothing is due, or the time is over. `said`: what the log tells of it."""
        objects, size = self.index.pressure()
        self.telemetry.measure("TailObjects", objects)
        self.telemetry.measure("TailBytes", size)
        said |= {"folded": 0, "merges": 0, "merges_failed": 0, "merges_left": 0}
        tried: set[str] = set()
        pool = ThreadPoolExecutor(self.workers)
        try:
            while True:
                said["folded"] += self.index.fold()
                if seconds_left() > self.merge_seconds + MARGIN:
                    self._start(pool, tried)
                if not self._running or seconds_left() < MARGIN:
                    return
                done, _ = wait(self._running, timeout=self.fold_seconds, return_when=FIRST_COMPLETED)
                for future in done:
                    self._finish(future, said)
        finally:
            said["merges_left"] = len(self._running)
            self._running.clear()
            pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, pool: ThreadPoolExecutor, tried: set[str]) -> None:
        """Hand out what is due, as many as there are workers. What failed in this call is left to the next."""
        for segments in self.index.due_merges():
            if len(self._running) == self.workers:
                return
            if tried.isdisjoint(segments):
                tried.update(segments)
                self._running[pool.submit(self.merge, segments)] = segments

    def _finish(self, future: Future[int | None], said: dict[str, Any]) -> None:
        segments = self._running.pop(future)
        try:
            future.result()
        except LookalikeError as error:
            said["merges_failed"] += 1
            self.telemetry.measure("MergesFailed")
            self.telemetry.log.warning("a merge failed", extra={"segments": list(segments), "error": str(error)})
        else:
            said["merges"] += 1
            self.telemetry.measure("Merges")
