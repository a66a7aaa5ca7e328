"""Signing pictures off the event loop, within a time limit: in processes that can be killed, or in threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

from lookalike.index import Index
from lookalike.signatures.pool import SigningProcesses
from lookalike.signatures.process import processors
from lookalike.signatures.worker import Job, SignedPicture, sign
from shards.errors import PictureError

__all__ = ["ProcessSigner", "SignedPicture", "Signer", "ThreadSigner"]

SECONDS = 20.0
"""The largest picture that is taken by default needs 6 s of a slow processor, and 30 s in all orientations."""

THREADS = 4
"""Of a ThreadSigner: it is meant to sign one picture after another, and some may hang."""


class Signer(Protocol):
    """Signs pictures for one index."""

    async def sign(self, data: bytes, *, orientations: bool = False) -> SignedPicture:
        """All that is computed of an encoded picture; with `orientations`, of all eight.

        Raises PictureError and SigningFailed, as `SigningProcesses.sign` does.
        """
        ...

    def close(self) -> None:
        """Sign no more, and leave no process behind."""
        ...


class ProcessSigner:
    """Signs in up to `processes` processes, by default one for each processor; each is started when it is needed.

    A picture that takes longer than `seconds`, waiting for a process not counted, is given up. A request that is
    cancelled while it waits costs nothing. Cancelled later, its process finishes, unheard, within the time limit: so
    each is always asked and answered in step.
    """

    def __init__(self, index: Index, processes: int | None = None, seconds: float = SECONDS) -> None:
        self._signing = SigningProcesses(Job.of(index), seconds)
        # as many threads as processes: whoever runs in one finds a process idle, or may start one
        self._threads = ThreadPoolExecutor(processes or processors(), "signing")

    def __enter__(self) -> ProcessSigner:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        return self._signing.pids

    def start(self) -> None:
        """Begin to start a process: the first picture then waits no half second for one."""
        self._threads.submit(self._signing.start)

    async def sign(self, data: bytes, *, orientations: bool = False) -> SignedPicture:
        signing = partial(self._signing.sign, data, orientations=orientations)
        return await asyncio.get_running_loop().run_in_executor(self._threads, signing)

    def close(self) -> None:
        self._signing.kill()
        self._threads.shutdown(cancel_futures=True)
        self._signing.close()


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
