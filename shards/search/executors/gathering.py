"""Asking many workers at once: again what failed, elsewhere what lags behind, and no longer than there is time for.

Knows nothing of segments and of how workers are reached: batches are numbers, and each number has a result or an error
in the end. The clock and the waiting come from a `Crew`, so that tests need neither threads nor time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from shards.errors import LookalikeError
from shards.search.executors.messages import WorkerFailed

Result = TypeVar("Result")

PERCENTILE = 0.95
"""Of the batches: those that are still out when so many have answered are laggards. Asking these again, and no others,
costs a twentieth more requests and cuts off the tail (J. Dean and L. A. Barroso, "The Tail at Scale", 2013)."""

LAG = 1.5
"""Times what 95 % took: batches are of one size, so less is chance, of which there is much where few are asked."""


class Crew(Protocol):
    """Whoever makes the calls that wait for workers, and the clock they are timed by."""

    def now(self) -> float:
        """Seconds, since whenever."""
        ...

    def start(self, call: Callable[[], Result]) -> Future[Result]:
        """Begin a call; does not wait for it."""
        ...

    def wait(self, calls: Collection[Future[Result]], seconds: float) -> None:
        """Until one of these is done, or so many seconds have passed."""
        ...


class Threads:
    """A crew in which each call waits in a thread of its own, in real time."""

    def __init__(self, calls: int) -> None:
        self._pool = ThreadPoolExecutor(calls, "lookalike-worker")

    def now(self) -> float:
        return time.monotonic()

    def start(self, call: Callable[[], Result]) -> Future[Result]:
        return self._pool.submit(call)

    def wait(self, calls: Collection[Future[Result]], seconds: float) -> None:
        wait(calls, seconds, FIRST_COMPLETED)


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Result]):
    """`results` and `errors` by number: each number is in one of them. `retried`, `hedged`: batches asked twice."""

    results: Mapping[int, Result]
    errors: Mapping[int, LookalikeError]
    retried: int
    hedged: int


@dataclass(slots=True, eq=False)
class _Batch:
    """`numbers` without a result yet, and why; `out`: calls that may bring one. No batch is asked more than twice."""

    numbers: list[int]
    began: float
    out: int = 0
    is_asked_again: bool = False
    errors: dict[int, LookalikeError] = field(default_factory=dict)


class Gathering(Generic[Result]):
    """Calls to workers, on their way from the moment this is made.

    `ask` says for some numbers what came of each; what it raises ends the gathering.
    """

    def __init__(
        self,
        batches: Sequence[Sequence[int]],
        ask: Callable[[Sequence[int]], Mapping[int, Result | LookalikeError]],
        crew: Crew,
        seconds: float,
    ) -> None:
        self._ask = ask
        self._crew = crew
        self._seconds = seconds
        self._end = crew.now() + seconds
        self._batches = [_Batch(list(batch), crew.now()) for batch in batches]
        self._results: dict[int, Result] = {}
        self._took: list[float] = []
        self._calls: dict[Future[tuple[Mapping[int, Result | LookalikeError], float]], _Batch] = {}
        self._retried = self._hedged = 0
        for batch in self._batches:
            self._start(batch)

    def finish(self) -> Gathered[Result]:
        """What has come when all is there, when nothing more can come, or at the deadline."""
        try:
            while any(batch.numbers and batch.out for batch in self._batches):
                now = self._crew.now()
                if now >= self._end:
                    break
                soonest = self._ask_laggards(now)
                self._crew.wait(self._calls.keys(), min(soonest, self._end) - now)
                for call in [call for call in self._calls if call.done()]:
                    self._take(self._calls.pop(call), *call.result())
        finally:
            for call in self._calls:
                call.cancel()
        late = WorkerFailed(f"no worker had answered after {self._seconds:g} s")
        errors = {n: batch.errors.get(n, late) for batch in self._batches for n in batch.numbers}
        return Gathered(self._results, errors, self._retried, self._hedged)

    def _start(self, batch: _Batch) -> None:
        numbers = tuple(batch.numbers)
        batch.out += 1
        # what a call took is noted when it ends: nobody may be looking then
        self._calls[self._crew.start(lambda: (self._ask(numbers), self._crew.now() - batch.began))] = batch

    def _take(self, batch: _Batch, found: Mapping[int, Result | LookalikeError], took: float) -> None:
        """The first answer counts; what failed is asked again once, unless it has been."""
        batch.out -= 1
        for number, one in found.items():
            if number not in batch.numbers:
                continue
            if isinstance(one, LookalikeError):
                batch.errors[number] = one
            else:
                self._results[number] = one
                batch.numbers.remove(number)
        if not batch.numbers:
            self._took.append(took)
        elif not batch.is_asked_again:
            batch.is_asked_again = True
            self._retried += 1
            self._start(batch)

    def _ask_laggards(self, now: float) -> float:
        """Ask again those that are due; when the next will be."""
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
