"""A pool of processes that compute signatures and can be killed.

Each picture has one answer, in time, whatever becomes of the processes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain
from threading import Lock
from typing import TypeVar

from lookalike.signatures import messages
from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.messages import READY, Result
from lookalike.signatures.process import Process, crash, ending, processors
from lookalike.signatures.watchdog import Watchdog
from lookalike.signatures.worker import Task, WorkerSettings
from shards.errors import PictureError, WorkerNotStarted

log = logging.getLogger("lookalike")

SECONDS = 300.0
"""Time limit for one picture where nobody waits for it. The largest that is taken by default needs 6 s of a slow
processor; the rest is for disks and stores that are slow, and for a machine that is busy with other things."""

START_SECONDS = 600.0
"""A process imports its libraries in half a second, and within a minute where the machine is busy with other things.
Where it takes so much longer, something is stuck."""

IN_FLIGHT = 4
"""Tasks that `run` takes for each process: one at work, and others at hand while the caller is busy with results."""

TICK = 0.25
"""Seconds after which `run` comes back without news, so that its caller can see to other things."""

Label = TypeVar("Label")


class Pool:
    """Up to `processes` processes, by default one for each processor; each is started when there is a task for it.

    Each of them has one thread here that talks to it, so a process is sent one picture at a time, and only that picture
    is lost with it. A picture that takes longer than `seconds`, not counting the time that it waits for a process, is
    given up: its process is killed, and a later picture gets a new one. `credentials`: leave what opens buckets in the
    environment of the processes. Safe to use from several threads. A context manager.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        processes: int | None = None,
        seconds: float = SECONDS,
        *,
        credentials: bool = False,
    ) -> None:
        self._settings = settings
        self._count = processes or processors()
        self._seconds = seconds
        self._credentials = credentials
        self._threads = ThreadPoolExecutor(self._count, "signatures")
        self._watchdog = Watchdog()
        self._lock = Lock()
        self._processes: set[Process] = set()
        self._idle: list[Process] = []
        self._is_closed = False

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """The processes that live now."""
        with self._lock:
            return sorted(process.pid for process in self._processes)

    def start(self) -> None:
        """Begin to start a process, so that the first picture does not wait half a second for one."""
        self._threads.submit(self._start)

    def submit(self, task: Task, caller: str = "") -> Future[ComputedPicture]:  # noqa: ARG002
        """Have a picture's signatures computed. The future's errors are those of `compute`.

        A future that is cancelled before a process has the picture costs nothing. Later, the process finishes the
        picture, unheard, within the time limit.
        """
        return self._threads.submit(self._compute, task)

    def compute(self, data: bytes, *, orientations: bool = False) -> ComputedPicture:
        """Compute everything of an encoded picture; with `orientations`, the signatures of all eight.

        Raises PictureError. Its reason is one of `shards.pictures.decoding.decode`, or `memory`; `timeout` where the
        picture took too long; `crashed` where the process that read it died. Raises WorkerNotStarted where no process
        can be started.
        """
        return self.submit(Task(data, orientations)).result()

    def run(self, tasks: Iterable[tuple[Label, Task]]) -> Iterator[list[tuple[Label, Result]]]:
        """Compute the signatures of many pictures, and yield results as they come, each with its task's label.

        Takes tasks only as there is room for them, IN_FLIGHT for each process. Yields every TICK at the latest, perhaps
        nothing. Raises WorkerNotStarted where no process can be started.
        """
        upcoming = iter(tasks)
        running: dict[Future[ComputedPicture], tuple[Label, Task]] = {}
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
                        if not self._has_begun():
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
            for process in self._processes:
                process.kill()
        self._threads.shutdown(cancel_futures=True)
        self._watchdog.close()
        for process in list(self._processes):
            self._end(process)

    def _has_begun(self) -> bool:
        with self._lock:
            return any(process.is_ready for process in self._processes)

    def _start(self) -> None:
        self._idle.append(self._idle_process() or self._new_process())

    def _compute(self, task: Task) -> ComputedPicture:
        process = self._idle_process() or self._new_process()
        try:
            answer, was_killed = self._ask(process, task)
        except BaseException:
            self._end(process)
            raise
        if answer is None or was_killed:
            status = self._end(process, has_hung_up=answer is None)
        else:
            self._idle.append(process)
        if answer is None:
            if was_killed:
                message = f"its signatures were not computed within {self._seconds:g} s; send a smaller copy"
                raise PictureError("timeout", message)
            raise PictureError("crashed", crash(status))
        if isinstance(answer, PictureError):
            raise answer
        return answer

    def _idle_process(self) -> Process | None:
        """Take the process that was busy last, so that the others' memory may be paged out."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                process = self._idle.pop()
            if not process.has_ended:
                return process
            log.warning("an idle process ended (%s)", ending(self._end(process)))

    def _new_process(self) -> Process:
        with self._lock:
            if self._is_closed:
                raise WorkerNotStarted("no signatures are computed any more: this is being stopped")
            process = Process("lookalike.signatures.worker", credentials=self._credentials)
            self._processes.add(process)
        process.send(self._settings)
        connection = process.connection
        try:
            if connection.poll(START_SECONDS) and connection.recv_bytes(len(READY)) == READY:
                process.is_ready = True
                return process
            status = self._end(process)
        except (EOFError, OSError):
            status = self._end(process, has_hung_up=True)
        raise WorkerNotStarted(
            f"a process for signatures ended before it began ({ending(status)}); what it said stands above"
        )

    def _end(self, process: Process, *, has_hung_up: bool = False) -> int:
        """End a process for good, and return its exit status."""
        with self._lock:
            self._processes.discard(process)
        return process.close(has_hung_up=has_hung_up)

    def _ask(self, process: Process, task: Task) -> tuple[Result | None, bool]:
        """Return the answer of a process, and whether it was killed for its slowness.

        The answer is None where the process died instead, or sent what is no answer.
        """
        answer = None
        # a process that hangs may hang with half of the picture sent, or of its answer
        self._watchdog.begin(process, self._seconds)
        try:
            process.connection.send(task)
            answer = messages.read(process.connection.recv_bytes(messages.MAX_BYTES), self._settings.families)
        except (EOFError, OSError, ValueError):
            pass
        finally:
            was_killed = self._watchdog.end(process)
        return answer, was_killed
