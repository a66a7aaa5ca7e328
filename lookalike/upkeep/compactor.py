"""Keeps an index in order: folds what is fresh, hands merges to workers, and commits what they have made.

Folding goes on while merges are under way, since images come in all the time, and a merge of large segments takes
minutes. Workers commit nothing: the merges that are done when it is time for a fold go into the same manifest, so that
nobody races anybody. Only the process that started a merge knows that it is under way: so one compactor runs at a time.
If there are two, work is done twice, and nothing else is wrong. A collector deletes what a compactor leaves that dies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from lookalike.index import Index
from lookalike.ingest.backpressure import BACKPRESSURE
from shards.errors import LookalikeError
from shards.search.executors.messages import NoWorkerFree
from shards.table.maintain.merge import Merged

FOLD_SECONDS = 5.0
"""Between folds while merges are under way, unless so much comes in that the next one is due at once."""

MARGIN = 10.0
"""Seconds before the end of the call at which it ends by itself; merges under way are in vain then."""

Metric: TypeAlias = Literal["TailObjects", "TailBytes", "Merges", "MergesFailed"]
"""A quantity that a compactor measures."""


class Telemetry(Protocol):
    """Whoever wants to know how compacting goes."""

    def measure(self, metric: Metric, value: float = 1) -> None:
        """Take note of one value."""
        ...

    def warn(self, message: str, **facts: Any) -> None:
        """Take note of something that should not have happened."""
        ...


@dataclass(slots=True)
class Compactor:
    """A loop that folds and merges one index."""

    index: Index

    merge: Callable[[Sequence[str]], Merged | None]
    """Does one of `Index.due_merges`, here or elsewhere; returns `None` if somebody else was faster."""

    telemetry: Telemetry

    workers: int
    """Merges at once."""

    merge_seconds: float
    """A merge may take so long; none is begun when less is left."""

    fold_seconds: float = FOLD_SECONDS
    _running: dict[Future[Merged | None], Sequence[str]] = field(default_factory=dict, init=False)

    def run(self, seconds_left: Callable[[], float], facts: dict[str, Any]) -> None:
        """Fold and merge until nothing is due, or the time is over. `facts` gets counts of what was done."""
        objects, size = self.index.pressure()
        self.telemetry.measure("TailObjects", objects)
        self.telemetry.measure("TailBytes", size)
        facts |= {"folded": 0, "merges": 0, "merges_failed": 0, "merges_in_vain": 0, "merges_left": 0}
        facts["merges_refused"] = 0
        tried: set[str] = set()
        done: list[Merged] = []
        pool = ThreadPoolExecutor(self.workers)
        try:
            while True:
                pause = self._commit(done, facts)
                if seconds_left() > self.merge_seconds + MARGIN:
                    self._start(pool, tried)
                if not self._running or seconds_left() < MARGIN:
                    return
                done = self._wait(pause, facts)
        finally:
            facts["merges_left"] = len(self._running)
            self._running.clear()
            pool.shutdown(wait=False, cancel_futures=True)

    def _commit(self, done: Sequence[Merged], facts: dict[str, Any]) -> float:
        """Fold what waits, and put in place what is merged; return how many seconds to wait for more."""
        committed = self.index.commit(done)
        merges = sum(committed.placed)
        facts["folded"] += committed.folded
        facts["merges"] += merges
        facts["merges_in_vain"] += len(done) - merges
        if merges:
            self.telemetry.measure("Merges", merges)
        is_much = BACKPRESSURE.should_fold_soon(committed.folded, committed.size)
        return 0.0 if is_much else self.fold_seconds

    def _start(self, pool: ThreadPoolExecutor, tried: set[str]) -> None:
        """Hand out due merges, one to each idle worker. Those that failed in this call are left to the next."""
        for segments in self.index.due_merges():
            if len(self._running) == self.workers:
                return
            if tried.isdisjoint(segments):
                tried.update(segments)
                self._running[pool.submit(self.merge, segments)] = segments

    def _wait(self, seconds: float, facts: dict[str, Any]) -> list[Merged]:
        """Return merges that are done as soon as there are any, or none when it is time for the next fold."""
        ended, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        done = []
        for future in ended:
            segments = self._running.pop(future)
            try:
                merged = future.result()
            except NoWorkerFree:
                # nothing is wrong: the account runs as many functions as it may, and the next call finds it due again
                facts["merges_refused"] += 1
                continue
            except LookalikeError as error:
                facts["merges_failed"] += 1
                self.telemetry.measure("MergesFailed")
                self.telemetry.warn("a merge failed", segments=list(segments), error=str(error))
                continue
            if merged is None:
                facts["merges_in_vain"] += 1
            else:
                done.append(merged)
        return done
