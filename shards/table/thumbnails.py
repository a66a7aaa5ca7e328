"""Thumbnails: small copies of the images, for people to look at. Each is an object, named by the image's SHA-256.

They are a convenience, not part of what an index promises: a search needs none of them, and a missing one can be drawn
again from the image. A thumbnail is stored before the records that have it, so every image that is found has its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from shards.errors import ObjectNotFound
from shards.storage.base import Store
from shards.storage.deciding import write_once
from shards.table.format import names, thumbnails, whole
from shards.table.format.records import Record
from shards.table.table import Table


def store(table: Table, records: Sequence[Record]) -> None:
    """Store the thumbnails that these records have."""
    drawn = {
        names.thumbnail(record.sha256): thumbnails.seal(record.thumbnail)
        for record in records
        if record.thumbnail is not None and any(record.sha256)
    }
    table.parallel_map(lambda item: write_once(table.store, table.effects, *item), list(drawn.items()))


def read(store: Store, sha256: bytes) -> bytes | None:
    """Return the thumbnail of the image with this SHA-256, or None. Raises CorruptObject."""
    name = names.thumbnail(sha256)
    try:
        return thumbnails.unseal(name, whole.get(store, name))
    except ObjectNotFound:
        return None
