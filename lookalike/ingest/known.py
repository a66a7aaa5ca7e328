"""Images of an index, known by their content: a file that was moved or copied needs no computing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from lookalike.ingest.changes import ToAdd
from lookalike.ingest.original import Original
from lookalike.ingest.writer import Writer
from shards.errors import LookalikeError
from shards.storage import originals
from shards.table.format.records import Record
from shards.table.read.snapshot import Image


@dataclass(frozen=True, slots=True)
class Recognised:
    """An original with the content of an image that the index has."""

    wanted: ToAdd

    key: str
    """The key of that image."""

    source: Mapping[str, Any]
    """The original as it was when it was read."""


@dataclass(frozen=True, slots=True)
class KnownContent:
    """Images of an index by the size of the files that they were made of, of those sizes alone that are looked for."""

    sizes: frozenset[int]

    _keys: dict[int, dict[str, str]] = field(default_factory=dict)
    """By size and SHA-256: a key."""

    @classmethod
    def of(cls, found: Iterable[Original]) -> KnownContent:
        """Return an empty one, for the sizes of these."""
        return cls(frozenset(original.size for original in found))

    def note(self, image: Image) -> None:
        """Take note of an image of the index."""
        size = image.source.get("size")
        if size in self.sizes and image.sha256:
            self._keys.setdefault(size, {})[image.sha256] = image.key

    def recognised(self, wanted: ToAdd, max_bytes: int) -> Recognised | None:
        """Return the image with the content of this file; None where there is none, or it cannot be read.

        A file is read only where an image of its size is known. Objects are not: they would have to be fetched.
        """
        keys = self._keys.get(wanted.original.size)
        if not keys or originals.is_url(wanted.original.path) or wanted.original.size > max_bytes:
            return None
        try:
            data, source = originals.read_listed(wanted.original.source, max_bytes)
        except LookalikeError:
            return None  # whoever adds it says so
        key = keys.get(sha256(data).hexdigest())
        return None if key is None else Recognised(wanted, key, source)


def records(index: Writer, recognised: Sequence[Recognised]) -> tuple[list[Record], list[ToAdd]]:
    """Return records of now with the signatures that the index has, and those whose image is gone meanwhile."""
    known = index.records_of({one.key for one in recognised})
    orders = index.orders([one.wanted.original.key for one in recognised])
    made, gone = list[Record](), list[ToAdd]()
    for one, order in zip(recognised, orders, strict=True):
        record = known.get(one.key)
        if record is None:
            gone.append(one.wanted)
        else:
            key = one.wanted.original.key
            made.append(replace(record, key=key, order=order, source=one.source, meta=one.wanted.meta or {}))
    return made, gone
