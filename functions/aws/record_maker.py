"""Records whose signatures are computed in a process of its own.

A picture that kills its process takes no other picture with it. Otherwise its batch would die with it, and come again,
until all of its messages were dead letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import finalize

from functions.aws.pools import pool
from functions.aws.settings import Settings
from lookalike.ingest.original import Originals
from lookalike.ingest.reading import RecordReader
from shards.errors import PictureError
from shards.table.format.records import Order, Record
from shards.table.format.settings import IndexSettings


class RecordMaker:
    """A maker of records for one index, as `Index.sign` makes them, within the limits of the function's settings."""

    def __init__(self, index: IndexSettings, settings: Settings) -> None:
        self._pool = pool(index, settings, settings.sign_seconds)
        self._at_the_end = finalize(self, self._pool.close)

    def __call__(
        self, key: str, image: bytes, meta: Mapping[str, Any] | None, *, source: Mapping[str, Any], order: Order
    ) -> Record:
        try:
            return self._pool.compute(image).record(key, order, meta, source)
        except PictureError as error:
            raise PictureError(error.reason, f"image {key!r}: {error}") from error

    def close(self) -> None:
        """Leave no process behind. Happens by itself when nobody refers to this any more, or this process ends."""
        self._at_the_end()


def record_reader(originals: Originals, index: IndexSettings, settings: Settings) -> RecordReader:
    """Return what makes records for this index of originals in the image bucket."""
    maker = RecordMaker(index, settings)
    return RecordReader(originals, maker, max_bytes=index.pictures.max_bytes, readers=settings.readers)
