"""Confirmation on the pixels in this process: for tests that have nothing to do with processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

from lookalike.duplicates.confirming import Pixels
from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.messages import Result
from lookalike.signatures.pool import Original, Reader
from lookalike.signatures.worker import Task, WorkerSettings, answer
from shards.errors import PictureError
from shards.families import family
from shards.storage.originals import Roots
from shards.table.format.settings import IndexSettings


class Here:
    """Answers as a pool does, at once."""

    def __init__(self, settings: WorkerSettings, processes: int | None = None, reader: Reader | None = None) -> None:
        del processes
        self._settings = settings
        self._families = tuple(family(name) for name in settings.families)
        self._reader = reader

    def run(self, tasks: Iterable[tuple[Any, Original]]) -> Iterator[list[tuple[Any, Result]]]:
        for label, original in tasks:
            assert self._reader is not None
            try:
                data, _ = self._reader(original.source, self._settings.pictures.max_bytes)
            except PictureError as error:
                yield [(label, error)]
                continue
            yield [(label, answer(Task(data, looked=original.looked), self._families, self._settings))]

    def compute(self, data: bytes) -> ComputedPicture:
        computed = answer(Task(data), self._families, self._settings)
        if isinstance(computed, PictureError):
            raise computed
        return replace(computed, sha256=sha256(data).digest())

    def close(self) -> None:
        pass


class PixelsHere(Pixels):
    """Reads and decodes in this process."""

    def __init__(self, settings: IndexSettings, roots: Roots) -> None:
        super().__init__(settings, roots)
        self._pool.close()
        self._pool = Here(WorkerSettings.of(settings), reader=self._read)  # type: ignore[assignment]
