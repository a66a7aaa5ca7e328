"""Listings: the images of a snapshot in the order of their keys' hashes, which all segments are sorted by."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from shards.table.format import names
from shards.table.read.snapshot import Image, Snapshot, Source

LISTED = 4096
"""Rows that a listing reads at a time."""


def listed(snapshot: Snapshot, after: str | None = None) -> Iterator[Image]:
    """Yield the live images by rising (key hash, key): all, or those after the key `after`, which need not exist."""
    start = 0 if after is None else names.key_hash(names.key_bytes(after))
    merged = heapq.merge(
        *(in_hash_order(source, start) for source in snapshot.sources),
        key=lambda pair: (pair[0], pair[1].key),
    )
    return (image for hashed, image in merged if after is None or (hashed, image.key) > (start, after))


def in_hash_order(source: Source, after: int) -> Iterator[tuple[int, Image]]:
    """Yield (key hash, image) of the live rows whose key hash is `after` or more, by rising hash."""
    first = int(np.searchsorted(source.reader.column("key_hash"), np.uint64(after))) if after else 0
    for start in range(first, source.reader.rows, LISTED):
        rows = source.live_rows(start, start + LISTED)
        hashes = source.reader.take("key_hash", rows)
        yield from zip(hashes.tolist(), source.images(rows), strict=True)
