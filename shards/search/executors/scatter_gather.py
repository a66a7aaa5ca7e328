"""Scatter-gather: ask many workers at once, ask again what failed or lags behind, and wait no longer than allowed.

Knows nothing of segments and of how workers are reached: batches are numbers, and in the end each number has a result
or an error. The clock and the waiting come from a `TaskRunner`, so that tests need neither threads nor time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, Self, TypeVar

from shards.errors import LookalikeError
from shards.search.executors.messages import NoWorkerFree, WorkerFailed
from shards.search.executors.tasks import TaskRunner
from shards.search.executors.throttled import JOINED, Throttled

Result = TypeVar("Result")

PERCENTILE = 0.95
"""Share of the batches after which those still out are laggards. Asking these again, and no others, costs a twentieth
more requests and cuts off the tail (J. Dean and L. A. Barroso, "The Tail at Scale", 2013)."""

LAG = 1.5
"""Multiple of the time that 95 % took from which on a batch is late: batches are of one size, so less is chance, of
which there is much where few are asked."""


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Result]):
    """The outcome of every number: each is in `results` or in `errors`."""

    results: Mapping[int, Result]
    errors: Mapping[int, LookalikeError]

    retried: int
    """Batches that were asked again because something in them failed."""

    hedged: int
    """Batches that were asked again because they were late."""

    throttled: int
    """Calls that no worker was free for."""


@dataclass(slots=True, eq=False)
class _Batch:
    """Numbers that a worker is asked about. No batch is answered, or fails, more than twice."""

    numbers: list[int]
    """Those without a result yet."""

    began: float
    """Time of the first call, by the task runner's clock."""

    out: int = 0
    """Calls under way that may bring a result."""

    is_asked_again: bool = False

    joined: int = 1
    """Batches that this one was made of."""

    errors: dict[int, LookalikeError] = field(default_factory=dict)


class ScatterGather(Generic[Result]):
    """Calls to workers, under way from the moment this is made. A context manager: on leaving, no call is left over.

    `ask` returns the outcome of each of some numbers; an exception that it raises ends everything. A batch all of whose
    outcomes are NoWorkerFree counts as not asked: it waits for a worker until the deadline (see `throttled`).
    """

    def __init__(
        self,
        batches: Sequence[Sequence[int]],
        ask: Callable[[Sequence[int]], Mapping[int, Result | LookalikeError]],
        tasks: TaskRunner,
        seconds: float,
    ) -> None:
        self._ask = ask
        self._tasks = tasks
        self._seconds = seconds
        self._end = tasks.now() + seconds
        self._batches = [_Batch(list(batch), tasks.now()) for batch in batches]
        self._results: dict[int, Result] = {}
        self._took: list[float] = []
        self._calls: dict[Future[tuple[Mapping[int, Result | LookalikeError], float]], _Batch] = {}
        self._throttled: Throttled[_Batch] = Throttled()
        self._retried = self._hedged = 0
        try:
            for batch in self._batches:
                self._start(batch)
        except BaseException:
            self.cancel()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        under_way = self.cancel()
        if kind is None or not issubclass(kind, Exception):
            return
        # whoever fails begins again, perhaps at once: as many workers more would be at work then
        while under_way and (now := self._tasks.now()) < self._end:
            self._tasks.wait(under_way, self._end - now)
            under_way = [call for call in under_way if not call.done()]

    def cancel(self) -> list[Future[tuple[Mapping[int, Result | LookalikeError], float]]]:
        """Cancel the calls that have not begun; forget and return those that have, which cannot be stopped."""
        under_way = [call for call in self._calls if not call.cancel() and not call.done()]
        self._calls.clear()
        return under_way

    def finish(self) -> Gathered[Result]:
        """Return the outcomes when all are there, when no more can come, or at the deadline."""
        while self._throttled or any(batch.numbers and batch.out for batch in self._batches):
            now = self._tasks.now()
            if now >= self._end:
                break
            if now >= self._throttled.tries_at:
                self._ask_one_that_waits(now)
            soonest = min(self._ask_laggards(now), self._throttled.tries_at, self._end)
            self._tasks.wait(self._calls.keys(), soonest - now)
            for call in [call for call in self._calls if call.done()]:
                if call.cancelled():
                    raise LookalikeError("the executor was closed while workers were asked")
                self._take(self._calls.pop(call), *call.result())
        self.cancel()
        late = WorkerFailed(f"no worker had answered after {self._seconds:g} s")
        errors = {n: batch.errors.get(n, late) for batch in self._batches for n in batch.numbers}
        return Gathered(self._results, errors, self._retried, self._hedged, self._throttled.count)

    def _start(self, batch: _Batch) -> None:
        numbers = tuple(batch.numbers)
        batch.out += 1
        # the time that a call took is noted when it ends: nobody may be looking then
        self._calls[self._tasks.start(lambda: (self._ask(numbers), self._tasks.now() - batch.began))] = batch

    def _take(self, batch: _Batch, outcomes: Mapping[int, Result | LookalikeError], took: float) -> None:
        """Keep the first result of each number, and ask again once for those that failed."""
        batch.out -= 1
        for number, outcome in outcomes.items():
            if number not in batch.numbers:
                continue
            if isinstance(outcome, LookalikeError):
                batch.errors[number] = outcome
            else:
                self._results[number] = outcome
                batch.numbers.remove(number)
        if outcomes and all(isinstance(outcome, NoWorkerFree) for outcome in outcomes.values()):
            self._throttled.count += 1
            if batch.numbers and not batch.out:
                # one that was asked again goes alone: the others may fail once yet
                self._throttled.put(batch, JOINED if batch.is_asked_again else batch.joined, self._tasks.now())
            return
        if not batch.numbers:
            self._took.append(took)
        elif not batch.is_asked_again:
            batch.is_asked_again = True
            self._retried += 1
            self._start(batch)
            return
        # a worker is free now
        self._throttled.relax()
        self._ask_one_that_waits(self._tasks.now())

    def _ask_one_that_waits(self, now: float) -> None:
        """Ask a worker about batches that none was free for: about several, where many wait and few are at work."""
        joined = self._throttled.take(len(self._calls), now)
        if not joined:
            return
        if len(joined) == 1:
            (batch,) = joined
            batch.began = now
        else:
            numbers = [*chain.from_iterable(one.numbers for one in joined)]
            batch = _Batch(numbers, now, joined=sum(one.joined for one in joined))
            for one in joined:
                batch.errors |= one.errors
                self._batches.remove(one)
            self._batches.append(batch)
        self._start(batch)

    def _ask_laggards(self, now: float) -> float:
        """Ask the laggards that are due again, and return the time at which the next will be."""
        if self._throttled.count:
            # batches are not of one size any more, and a second worker for one would be missing for another
            return self._end
        out = [batch for batch in self._batches if batch.numbers and batch.out]
        if len(out) > max(1, round((1 - PERCENTILE) * len(self._batches))) or not self._took:
            return self._end
        took = sorted(self._took)
        patience = LAG * took[min(int(PERCENTILE * len(took)), len(took) - 1)]
        soonest = self._end
        for batch in out:
            if batch.is_asked_again:
                continue
            if now - batch.began >= patience:
                batch.is_asked_again = True
                self._hedged += 1
                self._start(batch)
            else:
                soonest = min(soonest, batch.began + patience)
        return soonest
