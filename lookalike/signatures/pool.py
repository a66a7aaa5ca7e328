"""Signing pictures in processes that can be killed: each picture has one answer, in time, whatever becomes of them."""

from __future__ import annotations

import logging
from threading import Event, Lock, Timer

from lookalike.signatures.process import READY, Process, crash, ending
from lookalike.signatures.worker import Job, SignedPicture
from shards.errors import LookalikeError, PictureError, SigningFailed

log = logging.getLogger("lookalike")

START_SECONDS = 600.0
"""A process imports its libraries in half a second, and within a minute where the machine is busy with other things.
Where it takes so much longer, something is stuck."""


class SigningProcesses:
    """Signs each picture in a process: one that is idle, or a new one. Safe to use from several threads.

    There are as many processes as there were pictures at once. A picture that takes longer than `seconds` is given up:
    its process is killed, and a later picture gets a new one.
    """

    def __init__(self, job: Job, seconds: float) -> None:
        self._job = job
        self._seconds = seconds
        self._lock = Lock()
        self._processes: set[Process] = set()
        self._idle: list[Process] = []
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        with self._lock:
            return sorted(process.pid for process in self._processes)

    def start(self) -> None:
        """Have a process idle: the next picture then waits no half second for one. Raises SigningFailed."""
        self._idle.append(self._idle_process() or self._new_process())

    def sign(self, data: bytes, *, orientations: bool = False) -> SignedPicture:
        """All that is computed of an encoded picture; with `orientations`, of all eight.

        Raises PictureError. Its reason is one of `shards.pictures.decoding.decode`, or `memory`; `timeout` where it
        took too long; `crashed` where the process that read it died. Raises SigningFailed where no process can be
        started.
        """
        process = self._idle_process() or self._new_process()
        try:
            answer, was_killed = _ask(process, data, orientations, self._seconds)
        except BaseException:
            self._end(process)
            raise
        if answer is None or was_killed:
            status = self._end(process, has_hung_up=answer is None)
        else:
            self._idle.append(process)
        if answer is None:
            if was_killed:
                raise PictureError("timeout", f"it was not signed within {self._seconds:g} s; send a smaller copy")
            raise PictureError("crashed", crash(status))
        if isinstance(answer, LookalikeError):
            raise answer
        return answer

    def kill(self) -> None:
        """Start no more processes, and end those there are, whatever they are at: their pictures have crashed."""
        with self._lock:
            self._is_closed = True
            for process in self._processes:
                process.kill()

    def close(self) -> None:
        """Leave no process behind. Nothing may be signed at the same time: see `kill`."""
        self.kill()
        for process in list(self._processes):
            self._end(process)

    def _idle_process(self) -> Process | None:
        """The one that was busy last, so that the others' memory may be paged out."""
        while self._idle:
            process = self._idle.pop()
            if not process.has_ended:
                return process
            log.warning("an idle signing process ended (%s)", ending(self._end(process)))
        return None

    def _new_process(self) -> Process:
        with self._lock:
            if self._is_closed:
                raise SigningFailed("no picture is signed any more: this is being stopped")
            process = Process("lookalike.signatures.worker")
            self._processes.add(process)
        process.send(self._job)
        connection = process.connection
        try:
            if connection.poll(START_SECONDS) and connection.recv() == READY:
                return process
            status = self._end(process)
        except (EOFError, OSError):
            status = self._end(process, has_hung_up=True)
        raise SigningFailed(f"a signing process ended before it began ({ending(status)}); what it said stands above")

    def _end(self, process: Process, *, has_hung_up: bool = False) -> int:
        """End it for good; its exit status."""
        with self._lock:
            self._processes.discard(process)
        return process.close(has_hung_up=has_hung_up)


def _ask(
    process: Process, data: bytes, orientations: bool, seconds: float
) -> tuple[SignedPicture | LookalikeError | None, bool]:
    """What the process says of the picture, None where it died instead; and whether it was killed for its slowness."""
    was_killed = Event()

    def kill() -> None:
        was_killed.set()
        process.kill()

    # from a thread of its own: a process that hangs may hang with half of the picture sent, or of its answer
    timer = Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    answer = None
    try:
        process.connection.send(orientations)
        process.connection.send_bytes(data)
        answer = process.connection.recv()
    except (EOFError, OSError):
        pass
    finally:
        timer.cancel()
        # it may have been too late to cancel it: from here on it is certain whether it struck
        timer.join()
    return answer, was_killed.is_set()
