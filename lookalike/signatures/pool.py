"""A pool of processes that compute signatures and can be killed.

Each picture has one answer, in time, whatever becomes of the processes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from itertools import chain
from threading import Lock, Thread
from typing import Any, TypeAlias, TypeVar

from lookalike.signatures import memory
from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.crew import Crew
from lookalike.signatures.fair_queue import FairQueue, Job, Sharing
from lookalike.signatures.memory import MemoryBudget
from lookalike.signatures.messages import Result
from lookalike.signatures.process import processors
from lookalike.signatures.worker import LIFE_SECONDS, Task, WorkerSettings, memory_for
from shards.errors import LookalikeError, PictureError, WorkerNotStarted
from shards.pictures.costs import COST_A_SECOND, stated_cost
from shards.pictures.looks import Look

log = logging.getLogger("lookalike")

SECONDS = 300.0
"""Time limit for one picture where nobody waits for it. The largest that is taken by default needs 6 s of a slow
processor; the rest is for disks and stores that are slow, and for a machine that is busy with other things."""

IN_FLIGHT = 4
"""Tasks that `run` takes for each process: one at work, and others at hand while the caller is busy with results."""

TICK = 0.25
"""Seconds after which `run` comes back without news, so that its caller can see to other things."""

TURNED = 7.0
"""Cost of the signatures of all orientations, in costs of one: decoding is done once."""

GIVES_WAY = 3
"""Niceness of processes that take any picture, where others are kept for small ones: these, and the service itself, get
twice the share of a processor that both want."""

Reader: TypeAlias = Callable[[Mapping[str, Any], int], tuple[bytes, Mapping[str, Any]]]
"""Reads an original, given the source of its record and the most bytes that it may have; returns the bytes, and the
source as it was when they were read. Raises LookalikeError."""

Label = TypeVar("Label")


def drawing(picture: ComputedPicture) -> bytes:
    """Return the thumbnail of a picture of which nothing else was wanted."""
    if picture.thumbnail is None:
        raise PictureError("crashed", "the process that read it drew nothing")
    return picture.thumbnail


def looking(picture: ComputedPicture) -> Look:
    """Return the look of a picture of which nothing else was wanted."""
    if picture.look is None:
        raise PictureError("crashed", "the process that read it made no look")
    return picture.look


@dataclass(frozen=True, slots=True)
class Original:
    """A picture that the pool's reader reads when its turn has come."""

    source: Mapping[str, Any]
    """The place that it is read from, as its record will name it."""

    looked: bool = False
    """Whether it is its look alone that is wanted."""


@dataclass(slots=True)
class Lane:
    """Processes that take the same kind of pictures, and the threads that talk to them, one each."""

    crew: Crew
    only_small: bool
    most: int
    """Most threads, and so processes."""
    threads: list[Thread] = field(default_factory=list)


class Pool:
    """Up to `processes` processes, by default one for each processor; each is started when there is a task for it.

    Each of them has one thread here that talks to it, so a process is sent one picture at a time, and only that picture
    is lost with it. A picture that takes longer than `seconds`, not counting the time that it waits for a process, is
    given up: its process is killed, and a later picture gets a new one. A picture that would take longer, by the work
    that it is, is refused.

    `reader` reads the originals, in this process: the others can read nothing. `sharing`: rules among callers who do
    not know each other; with them there is one more process, for small pictures alone, and two at least for all others.
    `budget`: bytes of memory that all pictures at work may have together. Safe to use from several threads. A context
    manager.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        processes: int | None = None,
        seconds: float = SECONDS,
        *,
        reader: Reader | None = None,
        sharing: Sharing | None = None,
        budget: int | None = None,
    ) -> None:
        # what it is at when its life is over may still take its time
        settings = replace(settings, processor_seconds=2 * LIFE_SECONDS + 2 * seconds)
        count = processes or processors()
        if sharing is not None:
            count = max(2, count)
        self._settings = settings
        self._count = count
        self._seconds = seconds
        self._reader = reader
        self._queue = FairQueue(count, sharing)
        self._budget = MemoryBudget(budget or memory.for_pictures())
        patient = replace(settings, niceness=GIVES_WAY if sharing else 0)
        self._lanes = [Lane(Crew(patient, seconds), only_small=False, most=count)]
        if sharing is not None:
            self._lanes.append(Lane(Crew(settings, seconds), only_small=True, most=1))
        self._lock = Lock()
        self._is_closed = False

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def processes(self) -> int:
        """The most processes that take any picture."""
        return self._count

    @property
    def pids(self) -> list[int]:
        """The processes that live now."""
        return sorted(pid for lane in self._lanes for pid in lane.crew.pids)

    def start(self) -> None:
        """Begin to start a process, so that the first picture does not wait half a second for one."""
        self._hire(self._lanes[-1], starts=True)

    def submit(self, task: Task | Original, caller: str = "") -> Future[ComputedPicture]:
        """Have a picture's signatures computed. The future's errors are those of `compute`.

        `caller`: whoever asks, by any name; callers take turns. Raises PoolBusy where too many pictures wait. A future
        that is cancelled before a process has the picture costs nothing. Later, the process finishes the picture,
        unheard, within the time limit.
        """
        job = self._job(task, caller)
        self._enqueue(job)
        return job.future

    def compute(self, data: bytes, *, asked: Sequence[str] = (), orientations: bool = False) -> ComputedPicture:
        """Compute everything of an encoded picture, for a record of it.

        Or, given names of families that are to be `asked`, for a question to these; with `orientations` in all eight.
        Raises PictureError. Its reason is one of `shards.pictures.decoding.decode`, or `memory`; `timeout` where the
        picture took too long; `crashed` where the process that read it died. Raises WorkerNotStarted where no process
        can be started.
        """
        return self.submit(Task(data, tuple(asked), orientations)).result()

    def thumbnail(self, data: bytes, side: int) -> bytes:
        """Draw an encoded picture as a WebP file of up to `side` × `side` pixels. Raises as `compute` does."""
        return drawing(self.submit(Task(data, drawn=side)).result())

    def look(self, data: bytes) -> Look:
        """Make the pixels of an encoded picture small, to be compared with others. Raises as `compute` does."""
        return looking(self.submit(Task(data, looked=True)).result())

    def run(self, tasks: Iterable[tuple[Label, Task | Original]]) -> Iterator[list[tuple[Label, Result]]]:
        """Compute the signatures of many pictures, and yield results as they come, each with its task's label.

        Takes tasks only as there is room for them, IN_FLIGHT for each process. Yields every TICK at the latest, perhaps
        nothing. Raises WorkerNotStarted where no process can be started.
        """
        upcoming = iter(tasks)
        running: dict[Future[ComputedPicture], tuple[Label, Task | Original]] = {}
        try:
            while True:
                while len(running) < self._count * IN_FLIGHT:
                    labelled = next(upcoming, None)
                    if labelled is None:
                        break
                    running[self.submit(labelled[1])] = labelled
                if not running:
                    return
                results: list[tuple[Label, Result]] = []
                for future in wait(running, TICK, FIRST_COMPLETED).done:
                    labelled = running.pop(future)
                    try:
                        results.append((labelled[0], future.result()))
                    except WorkerNotStarted:
                        if not any(lane.crew.has_begun for lane in self._lanes):
                            raise
                        # others could begin, so this one was ended from outside before it did anything
                        upcoming = chain([labelled], upcoming)
                    except PictureError as error:
                        results.append((labelled[0], error))
                yield results
        finally:
            for future in running:
                future.cancel()

    def close(self) -> None:
        """Kill the processes, whatever they are at, and leave none behind: pictures that are at work have crashed."""
        with self._lock:
            self._is_closed = True
        self._queue.close()
        for lane in self._lanes:
            lane.crew.kill()
        for lane in self._lanes:
            for thread in lane.threads:
                thread.join()
            lane.crew.close()

    def _job(self, task: Task | Original, caller: str) -> Job:
        if isinstance(task, Original):
            # nobody knows yet what is there
            return Job(task, caller, 0, 0.0)
        cost, pixels = stated_cost(task.data, self._settings.pictures.max_pixels)
        task = replace(task, max_cost=self._seconds * COST_A_SECOND, max_pixels=pixels)
        return Job(task, caller, len(task.data), cost * (TURNED if task.orientations else 1.0))

    def _enqueue(self, job: Job) -> None:
        self._queue.put(job)
        for lane in self._lanes:
            if job.is_small or not lane.only_small:
                self._hire(lane)

    def _hire(self, lane: Lane, *, starts: bool = False) -> None:
        """Start one more thread if there is more to do; or one that `starts` a process before there is anything."""
        with self._lock:
            if self._is_closed or len(lane.threads) == lane.most:
                return
            if not starts and not self._queue.is_short(only_small=lane.only_small):
                return
            # a daemon: it must not keep a program from ending that has not closed the pool
            thread = Thread(target=self._work, args=(lane, starts), name="signatures", daemon=True)
            lane.threads.append(thread)
            thread.start()

    def _work(self, lane: Lane, starts: bool) -> None:
        """Have pictures computed, one after the other, until the pool is closed."""
        if starts:
            try:
                lane.crew.start()
            except WorkerNotStarted as error:
                # whoever sends a picture is told, too; a pool that is closed had no time to start it
                if not lane.crew.is_closed:
                    log.warning("%s", error)
        while (job := self._queue.take(only_small=lane.only_small)) is not None:
            outcome: ComputedPicture | BaseException | None
            try:
                outcome = self._compute(job, lane)
            except BaseException as error:  # of interest to whoever waits for this picture
                outcome = error
            self._queue.done(job)
            if isinstance(outcome, BaseException):
                job.future.set_exception(outcome)
            elif outcome is not None:
                job.future.set_result(outcome)

    def _compute(self, job: Job, lane: Lane) -> ComputedPicture | None:
        """Return the picture of a job; `None` where it has gone back into the queue."""
        task, source = job.task, None
        if isinstance(task, Original):
            data, source = self._read(task)
            task = self._job(Task(data, looked=task.looked), job.caller).task
        answer = self._answer(task, lane)
        if isinstance(answer, PictureError):
            if answer.reason == "too_many_pixels" and task.max_pixels < self._settings.pictures.max_pixels:
                self._again(job, task, source)
                return None
            raise answer
        return answer if source is None else replace(answer, source=source)

    def _answer(self, task: Task, lane: Lane) -> Result:
        pixels = min(task.max_pixels or 0, self._settings.pictures.max_pixels)
        needed = min(self._settings.memory, memory_for(len(task.data), pixels))
        if lane.only_small:
            # its pictures are small, and wait for nobody: that much is beside the budget
            return lane.crew.answer(task, needed)
        with self._budget.lent(needed) as size:
            return lane.crew.answer(task, size)

    def _read(self, original: Original) -> tuple[bytes, Mapping[str, Any]]:
        """Return the bytes of an original, and its source. Raises PictureError whatever is wrong with it."""
        if self._reader is None:
            raise PictureError("unreadable", "no originals are read here: send the picture itself")
        try:
            return self._reader(original.source, self._settings.pictures.max_bytes)
        except PictureError:
            raise
        except LookalikeError as error:
            # a store that does not answer, say
            raise PictureError("unreadable", str(error)) from error
        except Exception as error:
            message = f"its signatures cannot be computed ({type(error).__name__}: {error})"
            raise PictureError("error", message) from error

    def _again(self, job: Job, task: Task, source: Mapping[str, Any] | None) -> None:
        """Queue a picture once more that is larger than its header says: as one of which nothing is known."""
        most = self._settings.pictures.max_pixels
        again = Job(replace(task, max_pixels=most), job.caller, len(task.data), task.max_cost)

        def finish(future: Future[ComputedPicture]) -> None:
            if (error := future.exception()) is not None:
                job.future.set_exception(error)
            else:
                picture = future.result()
                job.future.set_result(picture if source is None else replace(picture, source=source))

        self._enqueue(again)
        again.future.add_done_callback(finish)
