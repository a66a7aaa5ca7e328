"""The executor that has workers scan what is cold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from shards.errors import LookalikeError, ObjectNotFound
from shards.search.executors import messages
from shards.search.executors.base import ScanHere
from shards.search.executors.messages import PayloadTooLarge, WorkerFailed
from shards.search.executors.scatter_gather import ScatterGather
from shards.search.executors.tasks import TaskRunner, Threads
from shards.search.found import LaneRows, ScanOutcome
from shards.search.plan import WORKERS, ScanPlan, cold_bytes, plan
from shards.search.query import Query
from shards.table.read.snapshot import Source

DOES_NOT_FIT = "what a worker was asked, or answered, does not fit into one message"

DEADLINE = 20.0
"""Seconds that workers have: the largest batch takes three of them, and an HTTP API of AWS gives up after thirty."""

CALLS_A_WORKER = 2
"""Calls at once, for each worker that a query may have: that of the query, and one that the query before gave up and
that has not come back yet."""

Ask: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Sends one request to one worker, and waits for its answer; both are as in `shards.search.executors.messages`.

Raises LookalikeError where no answer comes.
"""


@dataclass(frozen=True, slots=True)
class FanOutReport:
    """The numbers of one query that workers were asked about."""

    workers: int
    """Batches that the query was divided into."""

    retried: int
    """Batches that were asked a second time because something failed."""

    hedged: int
    """Batches that were asked a second time because they were late."""

    throttled: int
    """Calls that no worker was free for, and that were made again later."""

    cold: int
    """Bytes that workers fetched, at most."""

    seconds: float
    """Time until the last worker was no longer waited for."""

    missing: Mapping[str, LookalikeError]
    """Names of the segments that are not in the answer, with the reason of each."""

    @property
    def requests(self) -> int:
        """Number of requests to workers."""
        return self.workers + self.retried + self.hedged + self.throttled


class FanOut:
    """Has workers scan what is cold, where that is much, and scans the rest itself. Safe to use from several threads.

    `ask` reaches a worker. After `deadline` seconds, what is missing is left out of the answer. `tasks` makes the
    calls, and is closed together with this; by default it has threads. `report` gets the numbers of each query that
    workers were asked about.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        deadline: float = DEADLINE,
        tasks: TaskRunner | None = None,
        planner: Callable[[Sequence[int]], ScanPlan] = plan,
        report: Callable[[FanOutReport], None] | None = None,
    ) -> None:
        self._ask = ask
        self._deadline = deadline
        self._tasks = tasks or Threads(CALLS_A_WORKER * WORKERS)
        self._planner = planner
        self._report = report

    def scan(
        self, sources: Sequence[Source], query: Query, scan_here: ScanHere, *, max_rows: int
    ) -> Sequence[ScanOutcome]:
        """Scan these sources as `Executor.scan` says. If the part of this process fails, the workers' is cancelled."""
        made = self._planner([cold_bytes(source, query) for source in sources])
        if not made.batches:
            return scan_here(sources)

        def ask(numbers: Sequence[int]) -> dict[int, LaneRows | LookalikeError | None]:
            asked = [sources[number] for number in numbers]
            outcomes = self._ask_worker(asked, query, max_rows, len(made.batches))
            return dict(zip(numbers, outcomes, strict=True))

        began = self._tasks.now()
        with ScatterGather[LaneRows | None](made.batches, ask, self._tasks, self._deadline) as calls:
            outcomes = dict(zip(made.here, scan_here([sources[n] for n in made.here]), strict=True))
            gathered = calls.finish()
        outcomes |= gathered.errors
        for number, rows in gathered.results.items():
            if rows is not None:
                outcomes[number] = rows
            elif self._tasks.now() - began < self._deadline:
                # one after another: this process has not the memory for what so many workers were to scan
                (outcomes[number],) = scan_here([sources[number]])
            else:
                outcomes[number] = WorkerFailed(f"{DOES_NOT_FIT}, and there was no time to do without")
        if self._report is not None:
            self._report(
                FanOutReport(
                    workers=len(made.batches),
                    retried=gathered.retried,
                    hedged=gathered.hedged,
                    throttled=gathered.throttled,
                    cold=made.cold,
                    seconds=self._tasks.now() - began,
                    missing={
                        sources[number].name: outcome
                        for number, outcome in sorted(outcomes.items())
                        if isinstance(outcome, LookalikeError)
                    },
                )
            )
        return [outcomes[number] for number in range(len(sources))]

    def close(self) -> None:
        """Close the task runner. A query under way may fail."""
        self._tasks.close()

    def _ask_worker(
        self, sources: Sequence[Source], query: Query, max_rows: int, workers: int
    ) -> Sequence[LaneRows | LookalikeError | None]:
        """Return a worker's outcome for each of these sources; None where it does not fit into one message."""
        try:
            request = messages.write_request(query, sources, max_rows, workers)
            outcomes = messages.read_answer(self._ask(request), query, sources)
        except PayloadTooLarge:
            return [None] * len(sources)
        except LookalikeError as error:
            return [error] * len(sources)
        for outcome in outcomes:
            if isinstance(outcome, ObjectNotFound):
                raise outcome
        return outcomes
