"""The queue of pictures that wait for a process: callers take turns, and small pictures have a lane of their own.

Each caller's turns are measured by the work that its pictures are (`shards.pictures.costs`), so whoever sends much, or
what is dear, waits behind itself and nobody else. This is start-time fair queueing (Goyal, Vin and Cheng, 1996).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, RLock
from typing import Any

from shards.errors import PoolBusy, WorkerNotStarted
from shards.pictures.costs import COST_A_SECOND

SMALL = 2e6
"""Cost of a small picture: 50 ms of a processor. Whoever searches by a picture of the web sends such."""

LARGE = 16e6
"""Cost of a large one, half a second of a processor: more than a telephone's photograph."""

REMEMBERED = 10_000
"""Callers of whom is known what they have got. One that is forgotten is as good as new."""

STOPPED = "no signatures are computed any more: this is being stopped"

LONGEST_RETRY = 60
"""Seconds after which a caller is told to come again at the latest."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """The rules by which callers who do not know each other share a pool."""

    waiting: int = 256
    """Pictures that wait."""

    of_one: int = 128
    """Pictures of one caller that wait."""

    held: int = 1 << 30
    """Bytes of pictures that wait."""

    seconds: float = 30.0
    """Work of one caller that waits, in seconds of all processes: nobody waits longer for an answer."""


@dataclass(eq=False, slots=True)
class Job:
    """A picture on its way through the queue."""

    task: Any
    """The task: the queue does not look at it."""

    caller: str
    """Whoever sent it."""

    size: int
    """Bytes that it keeps while it waits."""

    cost: float
    """The work that it is."""

    number: int = 0
    """Its place in the order of arrival."""

    future: Future[Any] = field(default_factory=Future)
    """Its answer."""

    @property
    def is_small(self) -> bool:
        return self.cost <= SMALL

    @property
    def is_large(self) -> bool:
        return self.cost > LARGE


class FairQueue:
    """Jobs that wait, and those that are at work. Safe to use from several threads.

    `processes`: the number of those that take any job. `sharing`: rules among callers, without which anything is taken.
    """

    def __init__(self, processes: int, sharing: Sharing | None = None) -> None:
        self._processes = processes
        self._sharing = sharing
        self._lock = RLock()
        self._any = Condition(self._lock)
        """Told that a job may be there for those who take any."""
        self._small = Condition(self._lock)
        """Told that a small one may be there, for those who take only these."""
        self._idle: Counter[Condition] = Counter()
        """Number of those who wait for each."""
        self._waiting: dict[str, tuple[deque[Job], deque[Job]]] = {}
        """By caller: small pictures, and all others, in the order of arrival."""
        self._served: dict[str, float] = {}
        """Cost of what each caller has got, counted from where it began."""
        self._now = 0.0
        """The number in `_served` of the caller that had the last turn."""
        self._large: Counter[str] = Counter()
        """Large pictures at work, by caller."""
        self._count = self._held = self._arrived = self._working = 0
        self._is_closed = False

    def put(self, job: Job) -> None:
        """Add a job. Raises PoolBusy where too many wait, and WorkerNotStarted once the queue is closed."""
        with self._lock:
            if self._is_closed:
                raise WorkerNotStarted(STOPPED)
            if self._sharing is not None:
                self._check_room(job, self._sharing)
            lanes = self._waiting.get(job.caller)
            if lanes is None:
                lanes = self._waiting[job.caller] = (deque(), deque())
                self._served[job.caller] = max(self._tag(job.caller), self._now)
            self._arrived += 1
            job.number = self._arrived
            lanes[not job.is_small].append(job)
            self._count += 1
            self._held += job.size
            self._any.notify()
            if job.is_small:
                self._small.notify()
        job.future.add_done_callback(lambda future: self._leave(job) if future.cancelled() else None)

    def take(self, *, only_small: bool = False) -> Job | None:
        """Wait for a job that may begin, and return it; `None` once the queue is closed. `done` must follow."""
        there = self._small if only_small else self._any
        with self._lock:
            while not self._is_closed:
                job = self._next(only_small)
                if job is None:
                    self._idle[there] += 1
                    there.wait()
                    self._idle[there] -= 1
                    continue
                self._remove(job)
                if job.future.set_running_or_notify_cancel():
                    self._begin(job)
                    # perhaps there is more that may begin
                    there.notify()
                    return job
            return None

    def done(self, job: Job) -> None:
        """Take note that a job is at work no more."""
        with self._lock:
            self._working -= 1
            if not self._working and not self._waiting:
                # nobody is owed anything
                self._served.clear()
                self._now = 0.0
            if job.is_large:
                self._large[job.caller] -= 1
                self._large += Counter()  # forget those that have none
            self._any.notify()

    def close(self) -> None:
        """Give up what waits, with WorkerNotStarted, and let `take` return `None`."""
        with self._lock:
            self._is_closed = True
            jobs = [job for lanes in self._waiting.values() for lane in lanes for job in lane]
            self._waiting.clear()
            self._count = self._held = 0
            self._any.notify_all()
            self._small.notify_all()
        for job in jobs:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(WorkerNotStarted(STOPPED))

    def is_short(self, *, only_small: bool = False) -> bool:
        """Return whether more jobs wait that could be taken so than there are idle takers."""
        with self._lock:
            waiting = sum(len(lanes[0]) for lanes in self._waiting.values()) if only_small else self._count
            return waiting > self._idle[self._small if only_small else self._any]

    def _check_room(self, job: Job, rules: Sharing) -> None:
        mine = [waiting for lane in self._waiting.get(job.caller, ()) for waiting in lane]
        work = sum(waiting.cost for waiting in mine)
        speed = COST_A_SECOND * self._processes
        after = max(1, min(LONGEST_RETRY, math.ceil(work / speed)))
        if len(mine) >= rules.of_one or (mine and work + job.cost > rules.seconds * speed):
            message = f"{len(mine)} pictures of this caller wait already, about {work / speed:,.0f} s of work"
            raise PoolBusy(message, after, is_callers=True)
        if self._count >= rules.waiting or self._held + job.size > rules.held:
            raise PoolBusy(f"{self._count} pictures wait already, of {self._held:,} bytes", after, is_callers=False)

    def _next(self, only_small: bool) -> Job | None:
        """Return the job whose turn it is; `None` where none may begin now."""
        best: tuple[float, int] | None = None
        chosen: Job | None = None
        for caller, lanes in self._waiting.items():
            job = self._first(caller, lanes, only_small)
            if job is not None and (best is None or (self._tag(caller), job.number) < best):
                best, chosen = (self._tag(caller), job.number), job
        return chosen

    def _first(self, caller: str, lanes: tuple[deque[Job], deque[Job]], only_small: bool) -> Job | None:
        """Return the first job of a caller that may have its turn."""
        small, others = (lane[0] if lane else None for lane in lanes)
        if only_small or others is None or not self._may_begin(others, caller):
            return small
        return others if small is None or others.number < small.number else small

    def _may_begin(self, job: Job, caller: str) -> bool:
        """Return whether a process is left for others when this job begins: large pictures keep one for long."""
        return (
            self._sharing is None
            or not job.is_large
            or self._processes == 1
            or self._large[caller] < self._processes - 1
        )

    def _begin(self, job: Job) -> None:
        begun = self._tag(job.caller)
        self._now = max(self._now, begun)
        # put in anew, so that those that had their turn longest ago come first
        self._served.pop(job.caller, None)
        self._served[job.caller] = begun + job.cost
        self._working += 1
        if job.is_large:
            self._large[job.caller] += 1
        while len(self._served) > REMEMBERED:
            del self._served[next(iter(self._served))]

    def _tag(self, caller: str) -> float:
        return self._served.get(caller, self._now)

    def _leave(self, job: Job) -> None:
        """Forget a job that was cancelled while it waited."""
        with self._lock:
            self._remove(job)

    def _remove(self, job: Job) -> None:
        for lane in self._waiting.get(job.caller, ()):
            if job in lane:
                lane.remove(job)
                self._count -= 1
                self._held -= job.size
                break
        if not any(self._waiting.get(job.caller, ((),))):
            self._waiting.pop(job.caller, None)
