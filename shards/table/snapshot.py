"""A snapshot: one manifest and the log tail it has not folded yet. What a query sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.table import names
from shards.table.manifest import Manifest
from shards.table.reader import Reader, SegmentReader, TailReader
from shards.table.records import meta_of


@dataclass(frozen=True, slots=True)
class Image:
    """What an index says of one image.

    `width`, `height`: pixels of the picture as it was added. `sha256`: hex, of the bytes that were added. `added`:
    its order's time, in ns since 1970. `meta`: the user's own; `source`: where it was read from.
    """

    key: str
    width: int
    height: int
    sha256: str
    added: int
    meta: Mapping[str, Any] = field(hash=False)
    source: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that are scanned together: a segment's or the tail's. `dead`: sorted uint32 rows that do not count."""

    reader: Reader
    dead: NDArray[np.uint32]

    @property
    def live(self) -> int:
        return self.reader.rows - len(self.dead)

    def live_rows(self, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
        """(n,) int64: those rows that count."""
        stop = self.reader.rows if stop is None else min(stop, self.reader.rows)
        is_live = np.ones(stop - start, bool)
        first, last = np.searchsorted(self.dead, [start, stop])
        is_live[self.dead[first:last].astype(np.int64) - start] = False
        return np.flatnonzero(is_live) + start

    def images(self, rows: NDArray[np.int64]) -> list[Image]:
        """What is known of these rows, in this order."""
        reader = self.reader
        keys = reader.texts("key", rows)
        metas = map(meta_of, reader.texts("meta", rows))
        widths, heights, hashes, orders = (reader.take(name, rows) for name in ("width", "height", "sha256", "order"))
        return [
            Image(key.decode(), width, height, digest.tobytes().hex(), added, meta, source)
            for key, width, height, digest, added, (meta, source) in zip(
                keys, widths.tolist(), heights.tolist(), hashes, orders[:, 0].tolist(), metas, strict=True
            )
        ]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`sources`: where every live record is, each key once. `tail`: names of the log objects in it, unfolded."""

    manifest: Manifest
    sources: tuple[Source, ...]
    tail: frozenset[str]

    @property
    def live(self) -> int:
        """Images that a query sees."""
        return sum(source.live for source in self.sources)

    def locate(self, key: str) -> tuple[Source, int] | None:
        """The source and the row where this key lives."""
        return self.locate_all([key]).get(key)

    def locate_all(self, keys: Iterable[str]) -> dict[str, tuple[Source, int]]:
        """The source and the row of each of these keys that lives: one search of each source for all of them."""
        found: dict[str, tuple[Source, int]] = {}
        wanted = {names.key_bytes(key): key for key in keys}
        for source in self.sources:
            if not wanted:
                break
            _, rows = source.reader.find(names.key_hashes(list(wanted)))
            rows = rows[~np.isin(rows, source.dead)]
            for row, stored in zip(rows.tolist(), source.reader.texts("key", rows), strict=True):
                if stored in wanted:
                    found[wanted.pop(stored)] = source, row
        return found


def assemble(
    manifest: Manifest,
    readers: Mapping[str, SegmentReader],
    dead: Mapping[str, NDArray[np.uint32]],
    tail: TailReader | None,
    tail_names: frozenset[str],
) -> Snapshot:
    """The sources of a snapshot, segments before the tail, empty ones left out."""
    sources = [Source(readers[segment.name], dead[segment.name]) for segment in manifest]
    if tail is not None:
        sources.append(Source(tail, np.empty(0, np.uint32)))
    return Snapshot(manifest, tuple(source for source in sources if source.live), tail_names)


LISTED = 4096
"""Rows read at a time by a listing."""


def in_hash_order(source: Source, after: int) -> Iterator[tuple[int, Image]]:
    """(key hash, image) of the live rows whose key hash is `after` or more, by rising hash."""
    hashes = source.reader.column("key_hash")
    for start in range(int(np.searchsorted(hashes, np.uint64(after))), len(hashes), LISTED):
        rows = source.live_rows(start, start + LISTED)
        yield from zip(hashes[rows].tolist(), source.images(rows), strict=True)
