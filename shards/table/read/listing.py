"""Listing: the images of a snapshot in the order of their keys' hashes, the one order that segments have in common."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from shards.table.format import names
from shards.table.read.snapshot import Image, Snapshot, Source

LISTED = 4096
"""Rows read at a time by a listing."""


def listed(snapshot: Snapshot, after: str | None = None) -> Iterator[Image]:
    """The live images by rising (key hash, key): all, or those that come after this key, which need not be there."""
    start = 0 if after is None else names.key_hash(names.key_bytes(after))
    merged = heapq.merge(
        *(in_hash_order(source, start) for source in snapshot.sources),
        key=lambda found: (found[0], found[1].key),
    )
    return (image for hashed, image in merged if after is None or (hashed, image.key) > (start, after))


def in_hash_order(source: Source, after: int) -> Iterator[tuple[int, Image]]:
    """(key hash, image) of the live rows whose key hash is `after` or more, by rising hash."""
    first = int(np.searchsorted(source.reader.column("key_hash"), np.uint64(after))) if after else 0
    for start in range(first, source.reader.rows, LISTED):
        rows = source.live_rows(start, start + LISTED)
        hashes = source.reader.take("key_hash", rows)
        yield from zip(hashes.tolist(), source.images(rows), strict=True)
