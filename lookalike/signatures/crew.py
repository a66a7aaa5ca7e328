"""The processes of a pool: who lives, who is idle, and what each answers to one picture."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from hashlib import sha256
from threading import Lock

from lookalike.signatures import messages
from lookalike.signatures.confinement import LIMITS
from lookalike.signatures.fair_queue import STOPPED
from lookalike.signatures.messages import READY, READY_BYTES, Result, Wanted
from lookalike.signatures.process import Process, crash, ending
from lookalike.signatures.watchdog import Watchdog
from lookalike.signatures.worker import LIFE_SECONDS, Task, WorkerSettings
from shards.errors import PictureError, WorkerNotStarted
from shards.families import Family, family
from shards.pictures.orientations import ORIENTATIONS

log = logging.getLogger("lookalike")

START_SECONDS = 600.0
"""A process imports its libraries in half a second, and within a minute where the machine is busy with other things.
Where it takes so much longer, something is stuck."""

KEPT = 256 << 20
"""Bytes that a process may keep when it has answered. One that keeps more is replaced."""


class Crew:
    """Processes with these settings. Each call of `answer` has one of them to itself. Safe to use from several threads.

    A picture that takes longer than `seconds` is given up, and its process killed.
    """

    def __init__(self, settings: WorkerSettings, seconds: float) -> None:
        self._settings = settings
        self._seconds = seconds
        self._watchdog = Watchdog()
        self._lock = Lock()
        self._families: Sequence[Family] | None = None
        self._living: set[Process] = set()
        self._idle: list[Process] = []
        self.is_closed = False
        self._is_told = False

    @property
    def pids(self) -> list[int]:
        """The processes that live now."""
        with self._lock:
            return sorted(process.pid for process in self._living)

    @property
    def has_begun(self) -> bool:
        """Whether one of them could begin."""
        with self._lock:
            return any(process.is_ready for process in self._living)

    def start(self) -> None:
        """Start a process, unless one is idle. Raises WorkerNotStarted."""
        self._release(self._idle_process() or self._new_process())

    def answer(self, task: Task, memory: int) -> Result:
        """Return what a process answers, which may have so many bytes of memory for it.

        Raises PictureError with the reason `timeout` or `crashed`, and WorkerNotStarted.
        """
        process = self._idle_process() or self._new_process()
        process.allow_memory(memory)
        try:
            answer, was_killed = self._ask(process, task)
        except BaseException:
            self._end(process)
            raise
        if answer is None or was_killed:
            status = self._end(process, has_hung_up=answer is None)
        elif process.seconds > LIFE_SECONDS or (memory > KEPT and process.kept > KEPT):
            self._end(process)
        else:
            self._release(process)
        if answer is None:
            if was_killed:
                message = f"its signatures were not computed within {self._seconds:g} s; send a smaller copy"
                raise PictureError("timeout", message)
            raise PictureError("crashed", crash(status))
        return answer

    def kill(self) -> None:
        """Kill the processes, whatever they are at, and start no more."""
        with self._lock:
            self.is_closed = True
            for process in self._living:
                process.kill()

    def close(self) -> None:
        """Leave no process behind. `kill` comes before, and nobody may wait for an answer any more."""
        self._watchdog.close()
        for process in list(self._living):
            self._end(process)

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

    def _release(self, process: Process) -> None:
        with self._lock:
            self._idle.append(process)

    def _new_process(self) -> Process:
        with self._lock:
            if self.is_closed:
                raise WorkerNotStarted(STOPPED)
            process = Process("lookalike.signatures.worker")
            self._living.add(process)
        process.send(self._settings)
        connection = process.connection
        try:
            if connection.poll(START_SECONDS):
                said, *layers = connection.recv_bytes(READY_BYTES).decode(errors="replace").split()
                if said == READY.decode():
                    process.begins()
                    self._tell(layers)
                    return process
            status = self._end(process)
        except (EOFError, OSError, ValueError):
            status = self._end(process, has_hung_up=True)
        raise WorkerNotStarted(
            f"a process for signatures ended before it began ({ending(status)}); what it said stands above"
        )

    def _tell(self, layers: Sequence[str]) -> None:
        """Say once where pictures are decoded with nothing but limits around them."""
        if not self._is_told and layers == [LIMITS]:
            self._is_told = True
            log.warning(
                "this system has neither Landlock nor a filter of system calls that is known here: processes that "
                "decode pictures are confined by limits of resources alone (see docs/security.md)"
            )

    def _end(self, process: Process, *, has_hung_up: bool = False) -> int:
        """End a process for good, and return its exit status."""
        with self._lock:
            self._living.discard(process)
        return process.close(has_hung_up=has_hung_up)

    def _ask(self, process: Process, task: Task) -> tuple[Result | None, bool]:
        """Return the answer of a process, and whether it was killed for its slowness.

        The answer is None where the process died instead, or sent what is no answer.
        """
        answer, wanted, began = None, self._wanted(task), time.monotonic()
        # a process that hangs may hang with half of the picture sent, or of its answer
        self._watchdog.begin(process, self._seconds)
        try:
            process.connection.send(task)
            # while it is at work; and it need not be believed
            digest = sha256(task.data).digest()
            answer = messages.read(process.connection.recv_bytes(wanted.max_bytes), wanted, digest)
        except (EOFError, OSError, ValueError):
            pass
        finally:
            was_killed = self._watchdog.end(process)
        process.seconds += time.monotonic() - began
        return answer, was_killed

    def _wanted(self, task: Task) -> Wanted:
        if self._families is None:
            # here, so that an unknown family is the error of a process first
            self._families = tuple(family(name) for name in self._settings.families)
        asked = [kind for kind in self._families if kind.name in task.asked]
        return Wanted(
            families=() if task.drawn or task.looked else asked or self._families,
            orientations=0 if not asked else len(ORIENTATIONS) if task.orientations else 1,
            thumbnail=0 if task.looked else task.drawn or self._settings.thumbnail,
            looked=task.looked,
            max_pixels=self._settings.pictures.max_pixels,
        )
