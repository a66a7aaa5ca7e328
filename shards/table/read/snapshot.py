"""Snapshots: one manifest and the log tail that it has not folded yet, which is what a query sees."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.storage.parallel import ParallelMap, sequential_map
from shards.table.format import names
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.records import Order, Part, key_text, meta_of
from shards.table.format.texts import Texts
from shards.table.read.latest import sharing
from shards.table.read.reader import Reader, SegmentReader, find_keys
from shards.table.read.tail import Tail

DESCRIBED = ("width", "height", "sha256", "order")
"""Columns that describe an image, besides its key and its metadata."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image, as the index describes it."""

    key: str

    width: int
    """Pixels of the picture as it was added."""

    height: int
    """Pixels of the picture as it was added."""

    sha256: str
    """Hex digits of the SHA-256 of the bytes that were added. Empty where these are unknown: then it says nothing, and
    two images without it need not have the same bytes."""

    added: int
    """The time of its order, in ns since 1970."""

    meta: Mapping[str, Any] = field(hash=False)
    """The user's own metadata."""

    source: Mapping[str, Any] = field(hash=False)
    """The place that the image was read from: path, size, and so on."""


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that are scanned together: those of a segment, or of the tail."""

    reader: Reader

    dead: NDArray[np.uint32]
    """Sorted rows that do not count."""

    @property
    def name(self) -> str:
        """The name of the segment, or "log" for the tail."""
        return self.reader.segment.name if isinstance(self.reader, SegmentReader) else "log"

    @property
    def live(self) -> int:
        return self.reader.rows - len(self.dead)

    def live_rows(self, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
        """Return (n,) int64: the rows from `start` up to `stop` that count."""
        stop = self.reader.rows if stop is None else min(stop, self.reader.rows)
        is_live = np.ones(stop - start, bool)
        first, last = np.searchsorted(self.dead, [start, stop])
        is_live[self.dead[first:last].astype(np.int64) - start] = False
        return np.flatnonzero(is_live) + start

    def without(self, rows: NDArray[np.uint32]) -> Source:
        """Return the same source with these rows dead too."""
        return Source(self.reader, np.union1d(self.dead, rows)) if len(rows) else self

    def images(self, rows: NDArray[np.int64], keys: Sequence[bytes] | None = None) -> list[Image]:
        """Return the images of these rows, in this order. `keys`: their keys, where they are known already."""
        parts: tuple[Part, ...] = ("key", "meta") if keys is None else ("meta",)
        picked = self.reader.pick(rows, DESCRIBED, parts)
        columns = (picked.columns[name] for name in DESCRIBED)
        metas = (meta_of(meta, self.name) for meta in picked.texts["meta"].tolist())
        return [
            Image(
                key_text(key, self.name), int(width), int(height), hex_of(digest.tobytes()), int(order[0]), meta, source
            )
            for key, width, height, digest, order, (meta, source) in zip(
                picked.texts["key"].tolist() if keys is None else keys, *columns, metas, strict=True
            )
        ]


def hex_of(sha256: bytes) -> str:
    """Return a digest as an image has it: none where it is unknown, which is stored as zeros, or not at all."""
    return sha256.hex() if any(sha256) else ""


@dataclass(frozen=True, slots=True)
class KeysInSource:
    """Keys that live in one source."""

    source: Source

    rows: NDArray[np.int64]
    """(keys,) int64: the row of each key."""

    keys: Sequence[str]

    @property
    def stored(self) -> list[bytes]:
        """The keys as they are stored."""
        return [names.key_bytes(key) for key in self.keys]


class Snapshot:
    """The segments of a manifest, and the log's tail over them. Safe to use from several threads.

    `sources` looks up beforehand which rows the tail replaces. A search does without: it scans `scanned`, and drops
    those of its hits that are `outdated`.
    """

    def __init__(
        self,
        manifest: Manifest,
        segments: Iterable[Source],
        tail: Tail | None = None,
        log: frozenset[str] = frozenset(),
        *,
        parallel_map: ParallelMap = sequential_map,
        is_near: bool = True,
    ) -> None:
        """Put the records of the log objects `log` over the segments of a manifest.

        `segments`: a source for each segment of the manifest, with the rows that are dead by the manifest. `tail`: the
        records of `log`. `parallel_map`: reads from several segments at once. `is_near`: reads cost next to nothing.
        """
        self.manifest = manifest
        self.log = log
        self._segments = {source.name: source for source in segments}
        self._tail = tail
        self._fresh = None if tail is None else Source(tail.reader, tail.deletes)
        self._all = [*self._segments.values(), *([self._fresh] if self._fresh else [])]
        self._parallel_map = parallel_map
        self._is_near = is_near
        self._lock = threading.Lock()
        self._exact: dict[str, Source] = {}

    @property
    def live(self) -> int:
        """Number of images that a query sees."""
        return sum(source.live for source in self.sources)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Sources with every live record, each key once: segments before the tail, empty ones left out."""
        return tuple(source for source in self.exact(self._all) if source.live)

    @property
    def scanned(self) -> tuple[Source, ...]:
        """Sources to search: `sources`, or where the store is far away the same with rows that are `outdated`."""
        return self.sources if self._is_near else tuple(source for source in self._all if source.live)

    @property
    def max_outdated(self) -> int:
        """Limit of the outdated rows in `scanned`: one for each key of the tail."""
        return 0 if self._tail is None or self._is_near else len(self._tail)

    def outdated(self, source: Source, rows: NDArray[np.int64], keys: Sequence[bytes]) -> NDArray[np.bool_]:
        """Return (n,) bool: True for rows of a scanned source that are not the newest state of their key, in `keys`."""
        if self._tail is None or self._is_near:
            return np.zeros(len(rows), bool)
        if isinstance(source.reader, SegmentReader):
            return self._tail.replaces(source.reader, rows, keys)
        return self._tail.loses(rows)

    def exact(self, sources: Sequence[Source]) -> list[Source]:
        """Return these sources without their outdated rows. Looks each key of the tail up in them, once."""
        if self._tail is None:
            return list(sources)
        with self._lock:
            unknown = [source for source in sources if source.name not in self._exact]
            segments = [source.reader for source in unknown if isinstance(source.reader, SegmentReader)]
            replaced = self._tail.replaced_in(segments)
            rows = {reader.segment.name: rows for reader, rows in zip(segments, replaced, strict=True)}
            for source in unknown:
                self._exact[source.name] = source.without(rows.get(source.name, self._tail.losing))
        return [self._exact[source.name] for source in sources]

    def locate(self, key: str) -> tuple[Source, int] | None:
        """Return the source and the row where this key lives; None where it does not."""
        return self.locate_all([key]).get(key)

    def locate_all(self, keys: Iterable[str]) -> dict[str, tuple[Source, int]]:
        """Return the source and the row of each of these keys that lives.

        Asks the tail first, then every segment that may hold some of the other keys, for all of them at once.
        """
        wanted = list(dict.fromkeys(keys))
        stored = [names.key_bytes(key) for key in wanted]
        places: dict[str, tuple[Source, int]] = {}
        left = np.arange(len(wanted))
        if self._tail is not None and self._fresh is not None:
            at, rows = self._tail.find(stored)
            newest = np.flatnonzero(~self._tail.loses(rows))
            left = np.setdiff1d(left, at[newest])
            for n, row in zip(at[newest].tolist(), rows[newest].tolist(), strict=True):
                if row not in self._fresh.dead:
                    places[wanted[n]] = self._fresh, row
        texts, hashes = Texts.of(stored), names.key_hashes(stored)

        def look(share: tuple[Segment, NDArray[np.int64]]) -> list[tuple[int, Source, int]]:
            segment, some = share
            source = self._segments[segment.name]
            at, rows = find_keys(source.reader, texts, hashes, some)
            is_live = ~np.isin(rows, source.dead)
            return [(n, source, row) for n, row in zip(at[is_live].tolist(), rows[is_live].tolist(), strict=True)]

        holding = [(segment, left[some]) for segment, some in sharing(self.manifest, hashes[left]) if segment.live]
        for n, source, row in chain.from_iterable(self._parallel_map(look, holding)):
            places[wanted[n]] = source, row
        return places

    def orders(self, keys: Iterable[str]) -> dict[str, Order]:
        """Return the order of the newest state, a delete included, of those of these keys that have one, by key."""
        wanted = list(dict.fromkeys(keys))
        stored = [names.key_bytes(key) for key in wanted]
        texts, hashes = Texts.of(stored), names.key_hashes(stored)

        def look(share: tuple[Reader, NDArray[np.int64]]) -> list[tuple[int, Order]]:
            reader, some = share
            at, rows = find_keys(reader, texts, hashes, some)
            orders = reader.take("order", rows).tolist()
            return [(n, (time, tie)) for n, (time, tie) in zip(at.tolist(), orders, strict=True)]

        holding: list[tuple[Reader, NDArray[np.int64]]] = [
            (self._segments[segment.name].reader, some) for segment, some in sharing(self.manifest, hashes)
        ]
        if self._tail is not None:
            holding.append((self._tail.reader, np.arange(len(wanted))))
        newest: dict[str, Order] = {}
        for n, order in chain.from_iterable(self._parallel_map(look, holding)):
            newest[wanted[n]] = max(order, newest.get(wanted[n], order))
        return newest

    def images(self, keys: Iterable[str]) -> dict[str, Image]:
        """Return the images of those of these keys that live, by key."""
        images = self._parallel_map(lambda placed: placed.source.images(placed.rows, placed.stored), self.places(keys))
        return {image.key: image for image in chain.from_iterable(images)}

    def signatures(self, keys: Iterable[str], family: Family) -> dict[str, str]:
        """Return the signatures, as text, of those of these keys that live, by key."""

        def read(placed: KeysInSource) -> list[tuple[str, str]]:
            rows = placed.source.reader.take(family.name, placed.rows)
            return list(zip(placed.keys, map(family.format, rows), strict=True))

        return dict(chain.from_iterable(self._parallel_map(read, self.places(keys))))

    def places(self, keys: Iterable[str]) -> list[KeysInSource]:
        """Return the places of those of these keys that live, by source."""
        rows: dict[str, tuple[Source, list[int], list[str]]] = {}
        for key, (source, row) in self.locate_all(keys).items():
            _, mine, theirs = rows.setdefault(source.name, (source, [], []))
            mine.append(row)
            theirs.append(key)
        return [KeysInSource(source, np.array(mine, np.int64), theirs) for source, mine, theirs in rows.values()]
