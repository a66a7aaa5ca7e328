"""A pool of threads, for tests of the service that have nothing to do with processes: it begins at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lookalike.signatures.compute import compute_picture, compute_thumbnail
from lookalike.signatures.computed import ComputedPicture
from shards.table.format.settings import IndexSettings

THREADS = 4


class Threads:
    """Computes in this process what the real pool computes in others."""

    def __init__(self, settings: IndexSettings) -> None:
        self._settings = settings
        self._families = settings.load_families()
        self._threads = ThreadPoolExecutor(THREADS, "signatures")

    async def compute(
        self, data: bytes, *, asked: Sequence[str] = (), orientations: bool = False, caller: str = ""
    ) -> ComputedPicture:
        settings = self._settings
        kinds = [kind for kind in self._families if kind.name in asked]
        computing = partial(compute_picture, thumbnail=settings.thumbnails, asked=kinds, orientations=orientations)
        return await self._run(partial(computing, data, self._families, settings.pictures))

    async def thumbnail(self, data: bytes, side: int, *, caller: str = "") -> bytes:
        drawn = await self._run(partial(compute_thumbnail, data, self._settings.pictures, side))
        assert drawn.thumbnail is not None
        return drawn.thumbnail

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, computing: Callable[[], ComputedPicture]) -> ComputedPicture:
        return await asyncio.get_running_loop().run_in_executor(self._threads, computing)
