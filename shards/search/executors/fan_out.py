"""Where the sources of a query are scanned: in this process, or by workers that each take a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from shards.errors import LookalikeError, ObjectNotFound
from shards.families import Rows
from shards.search.executors import messages
from shards.search.executors.gathering import Crew, Gathering, Threads
from shards.search.executors.messages import PayloadTooLarge, WorkerFailed
from shards.search.plan import WORKERS, Plan, cold_bytes, plan
from shards.search.query import Query
from shards.search.scan import Outcome, Scanned
from shards.table.read.snapshot import Source

DOES_NOT_FIT = "what a worker was asked, or answered, does not fit into one message"

DEADLINE = 20.0
"""Seconds that workers have: the largest batch takes three of them, and an HTTP API of AWS gives up after thirty."""

ScanHere: TypeAlias = Callable[[Sequence[Source]], Sequence[Outcome]]
"""Scans sources in this process, several at once where their store is far away."""

Ask: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""One request to one worker, and its answer, as `shards.search.executors.messages` has them; waits for it.

Raises a LookalikeError where none comes.
"""


class Executor(Protocol):
    """Scans the sources of a snapshot."""

    def scan(
        self, sources: Sequence[Source], query: Query, questions: Sequence[Rows], here: ScanHere, *, most: int
    ) -> Sequence[Outcome]:
        """For each source, in order, its best rows for each question, or why they are not known.

        Rows that others beat may be left out, but for the best `most`: more than there may be hits, where some may turn
        out to be outdated. Raises ObjectNotFound where an object is gone, and the query has to begin again with a new
        snapshot.
        """
        ...


class Here:
    """Scans everything in this process, and raises whatever goes wrong: an answer is whole, or there is none."""

    def scan(
        self, sources: Sequence[Source], query: Query, questions: Sequence[Rows], here: ScanHere, *, most: int
    ) -> Sequence[Outcome]:
        del query, questions, most
        return here(sources)


@dataclass(frozen=True, slots=True)
class FannedOut:
    """How one query was worked on by others. `missing`: why which segment is not in the answer, by name.

    `workers`: batches; `requests`: how often workers were asked, with `retried` and `hedged` of them for the second
    time; `cold`: bytes they fetched at most; `seconds`: until the last of them was waited for.
    """

    workers: int
    retried: int
    hedged: int
    cold: int
    seconds: float
    missing: Mapping[str, LookalikeError]

    @property
    def requests(self) -> int:
        return self.workers + self.retried + self.hedged


class FanOut:
    """Has workers scan what is cold, where that is much, and does the rest itself.

    `ask` reaches a worker. `deadline`: seconds after which what is missing is left out of the answer. `report` is told
    how each query went that workers were asked about. Safe to use from several threads.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        deadline: float = DEADLINE,
        crew: Crew | None = None,
        planner: Callable[[Sequence[int]], Plan] = plan,
        report: Callable[[FannedOut], None] | None = None,
    ) -> None:
        self._ask = ask
        self._deadline = deadline
        # twice: those of one query, and those of the last that were given up and have not come back
        self._crew = crew or Threads(2 * WORKERS)
        self._planner = planner
        self._report = report

    def scan(
        self, sources: Sequence[Source], query: Query, questions: Sequence[Rows], here: ScanHere, *, most: int
    ) -> Sequence[Outcome]:
        made = self._planner([cold_bytes(source, query, questions) for source in sources])
        if not made.batches:
            return here(sources)

        def ask(numbers: Sequence[int]) -> dict[int, Scanned | LookalikeError | None]:
            asked = self._ask_worker([sources[number] for number in numbers], query, questions, most)
            return dict(zip(numbers, asked, strict=True))

        began = self._crew.now()
        gathering: Gathering[Scanned | None] = Gathering(made.batches, ask, self._crew, self._deadline)
        outcomes: dict[int, Outcome] = dict(zip(made.here, here([sources[n] for n in made.here]), strict=True))
        gathered = gathering.finish()
        outcomes |= gathered.errors
        for number, scanned in gathered.results.items():
            if scanned is not None:
                outcomes[number] = scanned
            elif self._crew.now() - began < self._deadline:
                # one after another: this process has not the memory for what so many workers were to scan
                (outcomes[number],) = here([sources[number]])
            else:
                outcomes[number] = WorkerFailed(f"{DOES_NOT_FIT}, and there was no time to do without")
        if self._report is not None:
            self._report(
                FannedOut(
                    workers=len(made.batches),
                    retried=gathered.retried,
                    hedged=gathered.hedged,
                    cold=made.cold,
                    seconds=self._crew.now() - began,
                    missing={
                        sources[number].name: one
                        for number, one in sorted(outcomes.items())
                        if isinstance(one, LookalikeError)
                    },
                )
            )
        return [outcomes[number] for number in range(len(sources))]

    def _ask_worker(
        self, sources: Sequence[Source], query: Query, questions: Sequence[Rows], most: int
    ) -> Sequence[Scanned | LookalikeError | None]:
        """What a worker says of these; None where it cannot be said in one message."""
        try:
            outcomes = messages.read_answer(self._ask(messages.write_order(query, questions, sources, most)), sources)
        except PayloadTooLarge:
            return [None] * len(sources)
        except LookalikeError as error:
            return [error] * len(sources)
        for one in outcomes:
            if isinstance(one, ObjectNotFound):
                raise one
        return outcomes
