"""Signing in a process of its own: a picture that takes its process along takes no other picture with it.

Else a batch would die with it, and come again, until all of its messages were dead letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol
from weakref import finalize

from functions.aws.settings import Settings
from lookalike.index import Index
from lookalike.signatures.pool import SigningProcesses
from lookalike.signatures.worker import Job
from shards.errors import PictureError
from shards.table.format.records import Order, Record


class Sign(Protocol):
    """Signs one encoded picture, as `Index.sign` does. Raises PictureError."""

    def __call__(
        self, key: str, image: bytes, meta: Mapping[str, Any] | None, *, source: Mapping[str, Any], order: Order
    ) -> Record: ...


class SafeSigner:
    """Signs for one index, in a process that is replaced when it dies."""

    def __init__(self, index: Index, settings: Settings) -> None:
        job = Job.of(index)
        job = replace(job, memory=min(job.memory, settings.sign_memory))
        self._processes = SigningProcesses(job, settings.sign_seconds)
        self._at_the_end = finalize(self, self._processes.close)

    def __call__(
        self, key: str, image: bytes, meta: Mapping[str, Any] | None, *, source: Mapping[str, Any], order: Order
    ) -> Record:
        try:
            return self._processes.sign(image).record(key, order, meta, source)
        except PictureError as error:
            raise PictureError(error.reason, f"image {key!r}: {error}") from error

    def close(self) -> None:
        """Leave no process behind. Happens by itself when nobody refers to this any more, or this process ends."""
        self._at_the_end()
