"""Keeps an index in order: folds what is fresh, hands merges to workers, and commits what they have made.

Folding goes on while merges are under way, since pictures come in all the time, and a merge of large segments takes
minutes. Workers commit nothing: whatever is done when it is time for a fold goes into the same manifest, so that nobody
races anybody. Only who started a merge knows that it is under way: so one compactor runs at a time, and should there be
two, work is done twice and nothing else is wrong. What a compactor leaves behind that dies, a collector takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from functions.aws.telemetry import Telemetry
from functions.aws.waker import is_early
from lookalike.index import Index
from shards.errors import LookalikeError
from shards.table.maintain.merge import Merged

FOLD_SECONDS = 5.0
"""Between folds while merges are under way, unless so much comes in that the compactor would be called early."""

MARGIN = 10.0
"""Seconds before the end of the call at which it ends by itself; merges under way are in vain then."""


@dataclass(slots=True)
class Compactor:
    """`merge`: does one of `Index.due_merges`, or has it done. `workers`: merges at once; `merge_seconds`: of one."""

    index: Index
    merge: Callable[[Sequence[str]], Merged | None]
    telemetry: Telemetry
    workers: int
    merge_seconds: float
    fold_seconds: float = FOLD_SECONDS
    _running: dict[Future[Merged | None], Sequence[str]] = field(default_factory=dict, init=False)

    def run(self, seconds_left: Callable[[], float], said: dict[str, Any]) -> None:
        """Fold and merge until nothing is due, or the time is over. `said`: what the log tells of it."""
        objects, size = self.index.pressure()
        self.telemetry.measure("TailObjects", objects)
        self.telemetry.measure("TailBytes", size)
        said |= {"folded": 0, "merges": 0, "merges_failed": 0, "merges_in_vain": 0, "merges_left": 0}
        tried: set[str] = set()
        done: list[Merged] = []
        pool = ThreadPoolExecutor(self.workers)
        try:
            while True:
                pause = self._commit(done, said)
                if seconds_left() > self.merge_seconds + MARGIN:
                    self._start(pool, tried)
                if not self._running or seconds_left() < MARGIN:
                    return
                done = self._wait(pause, said)
        finally:
            said["merges_left"] = len(self._running)
            self._running.clear()
            pool.shutdown(wait=False, cancel_futures=True)

    def _commit(self, done: Sequence[Merged], said: dict[str, Any]) -> float:
        """Fold what waits, and put in place what is merged; how many seconds to wait for more."""
        committed = self.index.commit(done)
        merges = sum(committed.placed)
        said["folded"] += committed.folded
        said["merges"] += merges
        said["merges_in_vain"] += len(done) - merges
        if merges:
            self.telemetry.measure("Merges", merges)
        return 0.0 if is_early(committed.folded, committed.size) else self.fold_seconds

    def _start(self, pool: ThreadPoolExecutor, tried: set[str]) -> None:
        """Hand out what is due, as many as there are workers. What failed in this call is left to the next."""
        for segments in self.index.due_merges():
            if len(self._running) == self.workers:
                return
            if tried.isdisjoint(segments):
                tried.update(segments)
                self._running[pool.submit(self.merge, segments)] = segments

    def _wait(self, seconds: float, said: dict[str, Any]) -> list[Merged]:
        """What workers have done, as soon as there is anything, or nothing when it is time for the next fold."""
        ended, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        done = []
        for future in ended:
            segments = self._running.pop(future)
            try:
                merged = future.result()
            except LookalikeError as error:
                said["merges_failed"] += 1
                self.telemetry.measure("MergesFailed")
                self.telemetry.log.warning("a merge failed", extra={"segments": list(segments), "error": str(error)})
                continue
            if merged is None:
                said["merges_in_vain"] += 1
            else:
                done.append(merged)
        return done
