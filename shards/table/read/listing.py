"""Listings: the images of a snapshot in the order of their keys' hashes, which all segments are sorted by."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.table.format import names
from shards.table.format.records import Record
from shards.table.read.snapshot import Image, Snapshot, Source

Listed = TypeVar("Listed", Image, Record)

LISTED = 4096
"""Rows that a listing reads at a time."""


def listed(snapshot: Snapshot, after: str | None = None) -> Iterator[Image]:
    """Yield the live images by rising (key hash, key): all, or those after the key `after`, which need not exist."""
    return _merged(snapshot, after, Source.images)


def recorded(snapshot: Snapshot, families: Sequence[Family], after: str | None = None) -> Iterator[Record]:
    """Yield the records of the live images, with their signatures, in the order of `listed`."""
    return _merged(snapshot, after, lambda source, rows: _records(source, rows, families))


def records_of(snapshot: Snapshot, families: Sequence[Family], keys: Iterable[str]) -> dict[str, Record]:
    """Return the records of those of these keys that live, with their signatures, by key."""
    found = (_records(placed.source, placed.rows, families) for placed in snapshot.places(keys))
    return {record.key: record for records in found for record in records}


def _merged(
    snapshot: Snapshot, after: str | None, read: Callable[[Source, NDArray[np.int64]], Sequence[Listed]]
) -> Iterator[Listed]:
    start = 0 if after is None else names.key_hash(names.key_bytes(after))
    merged = heapq.merge(
        *(in_hash_order(source, start, read) for source in snapshot.sources),
        key=lambda pair: (pair[0], pair[1].key),
    )
    return (one for hashed, one in merged if after is None or (hashed, one.key) > (start, after))


def in_hash_order(
    source: Source, after: int, read: Callable[[Source, NDArray[np.int64]], Sequence[Listed]]
) -> Iterator[tuple[int, Listed]]:
    """Yield (key hash, what is read) of the live rows whose key hash is `after` or more, by rising hash."""
    first = int(np.searchsorted(source.reader.column("key_hash"), np.uint64(after))) if after else 0
    for start in range(first, source.reader.rows, LISTED):
        rows = source.live_rows(start, start + LISTED)
        hashes = source.reader.take("key_hash", rows)
        yield from zip(hashes.tolist(), read(source, rows), strict=True)


def _records(source: Source, rows: NDArray[np.int64], families: Sequence[Family]) -> list[Record]:
    picked = source.reader.pick(rows, [family.name for family in families])
    return [
        Record(
            image.key,
            (time, tie),
            sha256=bytes.fromhex(image.sha256) or bytes(32),
            width=image.width,
            height=image.height,
            meta=image.meta,
            source=image.source,
            rows={family.name: picked.columns[family.name][i] for family in families},
        )
        for i, (image, (time, tie)) in enumerate(
            zip(source.images(rows), source.reader.take("order", rows).tolist(), strict=True)
        )
    ]
