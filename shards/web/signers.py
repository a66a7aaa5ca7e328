"""Signing pictures off the event loop, within a time limit: in processes that can be killed, or in threads."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Timer
from typing import Protocol

from shards.errors import LookalikeError, PictureError
from shards.index import Index
from shards.processes import READY, Process, crash, ending, processors
from shards.signing_process import Job, SignedPicture, sign
from shards.web.problems import Problem

__all__ = ["ProcessSigner", "SignedPicture", "Signer", "ThreadSigner"]

log = logging.getLogger("lookalike")

SECONDS = 20.0
"""The largest picture that is taken by default needs 6 s of a slow processor, and 30 s in all orientations."""

START_SECONDS = 60.0
"""A process imports its libraries in half a second; where it takes so much longer, something is stuck."""

THREADS = 4
"""Of a ThreadSigner: it is meant to sign one picture after another, and some may hang."""


class Signer(Protocol):
    """Signs pictures for one index."""

    async def sign(self, data: bytes, *, orientations: bool = False) -> SignedPicture:
        """All that is computed of an encoded picture; with `orientations`, of all eight.

        Raises PictureError. Its reason is one of `shards.images.decode`, or `memory`; `timeout` where it took too
        long; `crashed` where the process that read it died. Raises Problem where the service cannot sign at all.
        """
        ...

    def close(self) -> None:
        """Sign no more, and leave no process behind."""
        ...


class ProcessSigner:
    """Signs in up to `processes` processes, by default one for each processor; each is started when it is needed.

    A picture that takes longer than `seconds`, waiting for a process not counted, is given up: its process is killed,
    and a later picture gets a new one. A request that is cancelled while it waits costs nothing. Cancelled later, its
    process finishes, unheard, within the time limit: so each is always asked and answered in step.
    """

    def __init__(self, index: Index, processes: int | None = None, seconds: float = SECONDS) -> None:
        self._job = Job.of(index)
        self._seconds = seconds
        # as many threads as processes: whoever runs in one finds a process idle, or may start one
        self._threads = ThreadPoolExecutor(processes or processors(), "signing")
        self._lock = Lock()
        self._processes: set[Process] = set()
        self._idle: list[Process] = []
        self._is_closed = False

    def __enter__(self) -> ProcessSigner:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        with self._lock:
            return sorted(process.pid for process in self._processes)

    def start(self) -> None:
        """Begin to start a process: the first picture then waits no half second for one."""
        self._threads.submit(lambda: self._idle.append(self._idle_process() or self._new_process()))

    async def sign(self, data: bytes, *, orientations: bool = False) -> SignedPicture:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._sign, data, orientations)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            for process in self._processes:
                process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in list(self._processes):
            self._end(process)

    def _sign(self, data: bytes, orientations: bool) -> SignedPicture:
        """One picture in one process."""
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
                raise _unable("the service is being stopped")
            process = Process("shards.signing_process")
            self._processes.add(process)
        process.send(self._job)
        connection = process.connection
        try:
            if connection.poll(START_SECONDS) and connection.recv() == READY:
                return process
            status = self._end(process)
        except (EOFError, OSError):
            status = self._end(process, has_hung_up=True)
        log.error("a signing process ended before it began (%s); what it said stands above", ending(status))
        raise _unable("no process could be started to read it")

    def _end(self, process: Process, *, has_hung_up: bool = False) -> int:
        """End it for good; its exit status."""
        with self._lock:
            self._processes.discard(process)
        return process.close(has_hung_up=has_hung_up)


def _unable(why: str) -> Problem:
    """It is not the picture's fault."""
    help_ = "Send it again; if it stays so, tell whoever runs this service: its log says more."
    return Problem(503, "signing-failed", "Pictures cannot be read now", why, help=help_, headers={"Retry-After": "5"})


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


class ThreadSigner:
    """Signs in threads of this process, where no others can be started, as in a function that answers one request.

    A thread cannot be killed: after `seconds`, waiting for a thread included, the request is answered although its
    picture is still being signed. Nothing protects this process from a picture that crashes it.
    """

    def __init__(self, index: Index, seconds: float = SECONDS) -> None:
        self._job = Job.of(index)
        self._families = index.families
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(THREADS, "signing")

    async def sign(self, data: bytes, *, orientations: bool = False) -> SignedPicture:
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._sign, data, orientations)
        try:
            return await asyncio.wait_for(work, self._seconds)
        except TimeoutError:
            message = f"it was not signed within {self._seconds:g} s; send a smaller copy"
            raise PictureError("timeout", message) from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _sign(self, data: bytes, orientations: bool) -> SignedPicture:
        return sign(data, self._families, self._job, orientations=orientations)
