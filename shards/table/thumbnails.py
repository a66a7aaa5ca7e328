"""Thumbnails: small copies of the images, for people to look at. An object each, named by the image's own SHA-256.

They are a convenience, not part of what an index promises: a search needs none of them, and one that is missing can be
drawn again from the image. Stored before the records that have them, so that whatever is found has its thumbnail.
The object is a WebP file and, behind its end where no decoder looks, 16 bytes: the BLAKE2b of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from shards.errors import CorruptObject, ObjectNotFound
from shards.storage.base import Store
from shards.table.format import names
from shards.table.format.records import Record
from shards.table.maintain.collect import ORPHAN_SECONDS, Collected
from shards.table.read.snapshot import Snapshot
from shards.table.table import Table
from shards.table.write.commit import write_once

DIGEST = 16
"""Bytes."""


def store(table: Table, records: Sequence[Record]) -> None:
    """Store the thumbnails that these records have."""
    drawn = {names.thumbnail(one.sha256): _seal(one.thumbnail) for one in records if one.thumbnail is not None}
    table.each(lambda item: write_once(table.store, table.effects, *item), list(drawn.items()))


def read(store: Store, sha256: bytes) -> bytes | None:
    """The thumbnail of the image with this SHA-256, if there is one. Raises CorruptObject."""
    name = names.thumbnail(sha256)
    try:
        return unseal(name, store.get(name))
    except ObjectNotFound:
        return None


def _seal(drawn: bytes) -> bytes:
    return drawn + blake2b(drawn, digest_size=DIGEST).digest()


def unseal(name: str, stored: memoryview) -> bytes:
    """The WebP file in an object of this name. Raises CorruptObject."""
    drawn = bytes(stored[:-DIGEST])
    if _seal(drawn) != stored:
        raise CorruptObject(name, "the digest at its end is not that of the thumbnail before it")
    return drawn


def collect(table: Table) -> Collected:
    """Delete the thumbnails of images that the table does not have any more.

    Only old ones: a younger one may belong to records that are about to be written. An image that is added again in
    this very moment, long after it was removed, may lose its thumbnail, and nothing else.
    """
    old = table.effects.now_ns() / 1e9 - ORPHAN_SECONDS
    listed = [
        (digest, entry)
        for entry in table.store.list(names.THUMBNAILS)
        if entry.modified < old and (digest := names.thumbnail_sha256(entry.name)) is not None
    ]
    if not listed:
        return Collected((), 0)
    used = table.read(_sha256)
    gone = [entry for digest, entry in listed if digest not in used]
    table.store.delete([entry.name for entry in gone])
    return Collected(tuple(entry.name for entry in gone), sum(entry.size for entry in gone))


def _sha256(snapshot: Snapshot) -> set[bytes]:
    """Of every image."""
    found: set[bytes] = set()
    for source in snapshot.sources:
        digests = source.reader.column("sha256")[source.live_rows()].tobytes()
        found.update(digests[start : start + 32] for start in range(0, len(digests), 32))
    return found
