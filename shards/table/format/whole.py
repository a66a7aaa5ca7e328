"""Objects that are read whole, each kind with the bytes that it can have at most: nobody's object fills the memory."""

from __future__ import annotations

from shards.storage.base import Store
from shards.table.format import names

MAX_BYTES = {
    names.SETTINGS: 1 << 20,
    # gzip; opened, a manifest has up to `envelope.MAX_DOCUMENT` bytes: those of 25,000 segments
    names.MANIFEST: 32 << 20,
    # 500,000 records of the default families, in one call of `Index.write`
    names.LOG: 256 << 20,
    # 4 bytes for each row of the largest segment, and a header
    names.DEAD: (4 << 22) + 128,
    # 2,048 × 2,048 pixels that cannot be compressed
    names.THUMBNAILS: 16 << 20,
    names.COPIES: 1 << 20,
    names.IMPORTS: 1 << 16,
    names.RATES: 1 << 20,
    # 100,000 marks of the longest keys; folded ones are split
    names.MARKS: 64 << 20,
}
"""Bytes by the beginning of the name."""


def get(store: Store, name: str) -> memoryview:
    """Return a whole object. Raises ObjectNotFound; CorruptObject where it has more bytes than its kind can have."""
    kind = name if name == names.SETTINGS else name[: name.find("/") + 1]
    return store.get(name, MAX_BYTES[kind])
