"""Putting images whose files are back into the index again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lookalike.signatures.pool import Pool
from lookalike.signatures.worker import WorkerSettings
from shards.errors import PictureError
from shards.storage import originals
from shards.table.format.records import UNDATED, Record
from shards.table.format.settings import IndexSettings


class Written(Protocol):
    """An index that records are written to: `lookalike.Index` is one."""

    @property
    def settings(self) -> IndexSettings: ...

    def dated(self, records: Sequence[Record]) -> list[Record]: ...

    def write(self, records: Sequence[Record]) -> None: ...


class Restoring:
    """Computes the signatures of a picture again, in a process that can be killed. A context manager."""

    def __init__(self, index: Written) -> None:
        self._index = index
        self._pool = Pool(WorkerSettings.of(index.settings), 1)

    def __enter__(self) -> Restoring:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.close()

    def __call__(self, key: str, path: str, meta: Mapping[str, Any], source: Mapping[str, Any]) -> None:
        """Add the picture again. One that cannot be read is left to the next `add`, which says why."""
        try:
            data = originals.read_file(path, self._index.settings.pictures.max_bytes)
            computed = self._pool.compute(data)
        except PictureError:
            return
        self._index.write(self._index.dated([computed.record(key, UNDATED, meta, source)]))
