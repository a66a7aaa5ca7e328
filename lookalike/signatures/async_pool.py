"""Computing signatures off the event loop, in processes that can be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol
from weakref import finalize

from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.fair_queue import Sharing
from lookalike.signatures.pool import Pool, drawing
from lookalike.signatures.worker import Task, WorkerSettings
from shards.table.format.settings import IndexSettings

AT_ONCE = 1 << 18
"""Bytes of a picture up to which the event loop itself looks at its header, in less than a millisecond. It takes 20 ms
for the worst of 32 MB."""


class AsyncPool(Protocol):
    """Computes signatures for one index."""

    async def compute(
        self, data: bytes, *, asked: Sequence[str] = (), orientations: bool = False, caller: str = ""
    ) -> ComputedPicture:
        """Compute everything of an encoded picture, for a record of it.

        Or, given names of families that are to be `asked`, for a question to these; with `orientations` in all eight.
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

    @classmethod
    def shared(cls, settings: IndexSettings, seconds: float, processes: int | None = None) -> AsyncProcessPool:
        """Return the pool of a service for an index, whose callers do not know each other.

        `seconds`: for one picture. It is closed at the latest when nobody refers to it any more, or this process ends.
        """
        pool = Pool(WorkerSettings.of(settings), processes, seconds, sharing=Sharing())
        shared = cls(pool)
        finalize(shared, pool.close)
        return shared

    def start(self) -> None:
        """Begin to start a process, so that the first picture does not wait for one."""
        self._pool.start()

    async def compute(
        self, data: bytes, *, asked: Sequence[str] = (), orientations: bool = False, caller: str = ""
    ) -> ComputedPicture:
        return await self._computed(Task(data, tuple(asked), orientations), caller)

    async def thumbnail(self, data: bytes, side: int, *, caller: str = "") -> bytes:
        return drawing(await self._computed(Task(data, drawn=side), caller))

    def close(self) -> None:
        self._pool.close()

    async def _computed(self, task: Task, caller: str) -> ComputedPicture:
        if len(task.data) <= AT_ONCE:
            return await asyncio.wrap_future(self._pool.submit(task, caller))
        return await asyncio.wrap_future(await asyncio.to_thread(self._pool.submit, task, caller))
