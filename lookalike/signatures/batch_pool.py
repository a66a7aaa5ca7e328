"""The signing pool: processes that sign pictures, a few at a time, and may die of one without harm to the others.

Every worker answers in order, so that its first unanswered task is the one it died of.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from types import TracebackType
from typing import TypeAlias

from lookalike.ingest.refused import RefusedError
from lookalike.signatures.batch_worker import Failure, Job, Task
from lookalike.signatures.process import READY, Process, crash, ending
from shards.table.format.records import Record

IN_FLIGHT = 4
"""Tasks a worker has at once: it never waits while we write a batch, and what a crash repeats stays small."""

TICK = 0.25
"""Seconds after which `run` comes back without news, so that whoever waits can see to other things."""

Outcome: TypeAlias = Record | Failure


class Pool:
    """Up to `processes` signing processes; each is started when there is a task for it. A context manager."""

    def __init__(self, job: Job, processes: int) -> None:
        self._job = job
        self._processes = processes
        self._workers: list[_Worker] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.close()
        self._workers = []

    @property
    def pids(self) -> list[int]:
        """The processes that live now."""
        return [worker.process.pid for worker in self._workers]

    def run(self, tasks: Iterable[Task]) -> Iterator[list[Outcome]]:
        """Sign these, in any order; takes tasks only as workers have room. Each has one outcome.

        Comes back every TICK at the latest, perhaps with nothing. Raises RefusedError where no worker can be started.
        """
        source = iter(tasks)
        again: deque[Task] = deque()
        while True:
            while self._has_room():
                task = again.popleft() if again else next(source, None)
                if task is None:
                    break
                self._next_worker().send(task)
            busy = [worker for worker in self._workers if worker.pending]
            if not busy:
                return
            ready = wait([worker.connection for worker in busy], TICK)
            outcomes: list[Outcome] = []
            for worker in busy:
                if worker.connection in ready:
                    outcomes += worker.answers()
                    if worker.is_dead:
                        outcomes += self._bury(worker, again)
            yield outcomes

    def _has_room(self) -> bool:
        return len(self._workers) < self._processes or any(len(one.pending) < IN_FLIGHT for one in self._workers)

    def _next_worker(self) -> _Worker:
        """The worker with the least to do; a new one where all have something and more are allowed."""
        idlest = min(self._workers, key=lambda worker: len(worker.pending), default=None)
        if idlest is None or (idlest.pending and len(self._workers) < self._processes):
            idlest = _Worker(self._job)
            self._workers.append(idlest)
        return idlest

    def _bury(self, worker: _Worker, again: deque[Task]) -> list[Outcome]:
        """What its death costs: the task it was at. The others are handed out again."""
        status = worker.close()
        self._workers.remove(worker)
        if not worker.is_ready:
            if any(other.is_ready for other in self._workers):
                # others could begin, so this one was ended from outside before it did anything
                again.extendleft(reversed(worker.pending))
                return []
            raise RefusedError(f"a signing process ended before it began ({ending(status)}); what it said stands above")
        if not worker.pending:
            return []
        guilty = worker.pending.popleft()
        again.extendleft(reversed(worker.pending))
        return [Failure(guilty.key, guilty.path, "crashed", crash(status))]


class _Worker:
    """One process, and the tasks it has not answered, oldest first."""

    def __init__(self, job: Job) -> None:
        self.pending: deque[Task] = deque()
        self.is_ready = self.is_dead = False
        self.process = Process("lookalike.signatures.batch_worker")
        self.connection = self.process.connection
        self.process.send(job)

    def send(self, task: Task) -> None:
        self.pending.append(task)
        self.process.send(task)

    def answers(self) -> list[Outcome]:
        """What has arrived. Afterwards `is_dead` says whether more can come."""
        arrived: list[Outcome] = []
        try:
            while self.connection.poll():
                answer = self.connection.recv()
                if answer == READY:
                    self.is_ready = True
                else:
                    self.pending.popleft()
                    arrived.append(answer)
        except (EOFError, OSError):
            self.is_dead = True
        return arrived

    def close(self) -> int:
        """End the process, whatever it is at; its exit status."""
        return self.process.close(has_hung_up=self.is_dead)
