"""Computing signatures off the event loop, within a time limit: in processes that can be killed, or in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from lookalike.signatures.compute import compute_picture, compute_thumbnail
from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import Task
from shards.errors import PictureError
from shards.table.format.settings import IndexSettings

Result = TypeVar("Result")

THREADS = 4
"""Of an AsyncThreadPool: it is meant to work at one picture after another, and some may hang."""


class AsyncPool(Protocol):
    """Computes signatures for one index."""

    async def compute(self, data: bytes, *, orientations: bool = False, caller: str = "") -> ComputedPicture:
        """Compute everything of an encoded picture; with `orientations`, the signatures of all eight.

        `caller`: whoever asks, by any name; callers get their turns in fairness. Raises PictureError, WorkerNotStarted
        and PoolBusy, as `Pool.submit` does.
        """
        ...

    async def thumbnail(self, data: bytes, side: int, *, caller: str = "") -> bytes:
        """Draw an encoded picture as a WebP file of up to `side` × `side` pixels. Raises as `compute` does."""
        ...

    def close(self) -> None:
        """Compute no more, and leave no process behind."""
        ...


class AsyncProcessPool:
    """A pool of processes. A request that is cancelled while it waits for one costs nothing."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def compute(self, data: bytes, *, orientations: bool = False, caller: str = "") -> ComputedPicture:
        return await asyncio.wrap_future(self._pool.submit(Task(data, orientations), caller))

    async def thumbnail(self, data: bytes, side: int, *, caller: str = "") -> bytes:
        drawn = await asyncio.wrap_future(self._pool.submit(Task(data, drawn=side), caller))
        return drawn.thumbnail or b""

    def close(self) -> None:
        self._pool.close()


class AsyncThreadPool:
    """Threads of this process, for where no others should be started, as in a function that answers one request.

    A thread cannot be killed: after `seconds`, waiting for a thread included, the request is answered although its
    picture is still at work. Nothing protects this process from a picture that crashes it.
    """

    def __init__(self, settings: IndexSettings, seconds: float) -> None:
        families = settings.load_families()
        self._compute = partial(
            compute_picture, families=families, settings=settings.pictures, thumbnail=settings.thumbnails
        )
        self._pictures = settings.pictures
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(THREADS, "signatures")

    async def compute(self, data: bytes, *, orientations: bool = False, caller: str = "") -> ComputedPicture:  # noqa: ARG002
        return await self._within(partial(self._compute, data, orientations=orientations))

    async def thumbnail(self, data: bytes, side: int, *, caller: str = "") -> bytes:  # noqa: ARG002
        return await self._within(partial(compute_thumbnail, data, self._pictures, side))

    async def _within(self, computing: Callable[[], Result]) -> Result:
        work = asyncio.get_running_loop().run_in_executor(self._threads, computing)
        try:
            return await asyncio.wait_for(work, self._seconds)
        except TimeoutError:
            message = f"its signatures were not computed within {self._seconds:g} s; send a smaller copy"
            raise PictureError("timeout", message) from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
