"""A snapshot: one manifest and the log tail it has not folded yet. What a query sees."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.storage.each import Each, in_turn
from shards.table.format import names
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.records import Part, Texts, meta_of
from shards.table.read.overlay import sharing
from shards.table.read.reader import Reader, SegmentReader, find_keys
from shards.table.read.tail import Tail

DESCRIBED = ("width", "height", "sha256", "order")
"""Columns that an image is described by, besides its key and its metadata."""


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
    def name(self) -> str:
        """Of its object: a segment's. The tail is of several."""
        return self.reader.segment.name if isinstance(self.reader, SegmentReader) else "log"

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

    def without(self, rows: NDArray[np.uint32]) -> Source:
        """The same, with these rows dead too."""
        return Source(self.reader, np.union1d(self.dead, rows)) if len(rows) else self

    def images(self, rows: NDArray[np.int64], keys: Sequence[bytes] | None = None) -> list[Image]:
        """What is known of these rows, in this order. `keys`: theirs, where they are known already."""
        parts: tuple[Part, ...] = ("key", "meta") if keys is None else ("meta",)
        picked = self.reader.pick(rows, DESCRIBED, parts)
        columns = (picked.columns[name] for name in DESCRIBED)
        metas = map(meta_of, picked.texts["meta"])
        return [
            Image(key.decode(), int(width), int(height), digest.tobytes().hex(), int(order[0]), meta, source)
            for key, width, height, digest, order, (meta, source) in zip(
                picked.texts["key"] if keys is None else keys, *columns, metas, strict=True
            )
        ]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where in a source some keys live: `rows`, (keys,) int64."""

    source: Source
    rows: NDArray[np.int64]
    keys: Sequence[str]

    @property
    def stored(self) -> list[bytes]:
        """The keys as they are stored."""
        return [names.key_bytes(key) for key in self.keys]


class Snapshot:
    """What a query sees: the segments of a manifest, and the log's tail over them. Safe to use from several threads.

    `segments`: one source for each of the manifest, without what is dead by the manifest. `tail`: what the log objects
    `log` hold. `each` reads from several segments at once; `is_near`: a read costs next to nothing.

    Which rows the tail replaces is looked up where it has to be known beforehand, for `sources`. A search does without:
    it takes what is `scanned`, and drops what of its finds is `outdated`.
    """

    def __init__(
        self,
        manifest: Manifest,
        segments: Iterable[Source],
        tail: Tail | None = None,
        log: frozenset[str] = frozenset(),
        *,
        each: Each = in_turn,
        is_near: bool = True,
    ) -> None:
        self.manifest = manifest
        self.log = log
        self._segments = {source.name: source for source in segments}
        self._tail = tail
        self._fresh = None if tail is None else Source(tail.reader, tail.deletes)
        self._all = [*self._segments.values(), *([self._fresh] if self._fresh else [])]
        self._each = each
        self._is_near = is_near
        self._lock = threading.Lock()
        self._exact: dict[str, Source] = {}

    @property
    def live(self) -> int:
        """Images that a query sees."""
        return sum(source.live for source in self.sources)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where every live record is, each key once: segments before the tail, empty ones left out."""
        return tuple(source for source in self.exact(self._all) if source.live)

    @property
    def scanned(self) -> tuple[Source, ...]:
        """Where a search looks: `sources`; where the store is far away, the same with rows that are `outdated`."""
        return self.sources if self._is_near else tuple(source for source in self._all if source.live)

    @property
    def most_outdated(self) -> int:
        """At most so many of the rows that are scanned are outdated: of each key of the tail one."""
        return 0 if self._tail is None or self._is_near else len(self._tail)

    def outdated(self, source: Source, rows: NDArray[np.int64], keys: Sequence[bytes]) -> NDArray[np.bool_]:
        """(n,) bool: which of these rows of a scanned source, whose keys these are, are not the newest state."""
        if self._tail is None or self._is_near:
            return np.zeros(len(rows), bool)
        if isinstance(source.reader, SegmentReader):
            return self._tail.replaces(source.reader, rows, keys)
        return self._tail.loses(rows)

    def exact(self, sources: Sequence[Source]) -> list[Source]:
        """These without their outdated rows. Each key of the tail is looked up in them, once."""
        if self._tail is None:
            return list(sources)
        with self._lock:
            unknown = [source for source in sources if source.name not in self._exact]
            segments = [source.reader for source in unknown if isinstance(source.reader, SegmentReader)]
            rows = dict(zip((one.segment.name for one in segments), self._tail.replaced_in(segments), strict=True))
            for source in unknown:
                self._exact[source.name] = source.without(rows.get(source.name, self._tail.losing))
        return [self._exact[source.name] for source in sources]

    def locate(self, key: str) -> tuple[Source, int] | None:
        """The source and the row where this key lives."""
        return self.locate_all([key]).get(key)

    def locate_all(self, keys: Iterable[str]) -> dict[str, tuple[Source, int]]:
        """The source and the row of each of these keys that lives.

        The tail is asked first, then every segment that may have others of them, for all of those at once.
        """
        wanted = list(dict.fromkeys(keys))
        stored = [names.key_bytes(key) for key in wanted]
        found: dict[str, tuple[Source, int]] = {}
        left = np.arange(len(wanted))
        if self._tail is not None and self._fresh is not None:
            at, rows = self._tail.find(stored)
            newest = np.flatnonzero(~self._tail.loses(rows))
            left = np.setdiff1d(left, at[newest])
            for place, row in zip(at[newest].tolist(), rows[newest].tolist(), strict=True):
                if row not in self._fresh.dead:
                    found[wanted[place]] = self._fresh, row
        texts, hashes = Texts.of(stored), names.key_hashes(stored)

        def look(one: tuple[Segment, NDArray[np.int64]]) -> list[tuple[int, Source, int]]:
            source = self._segments[one[0].name]
            at, rows = find_keys(source.reader, texts, hashes, one[1])
            is_live = ~np.isin(rows, source.dead)
            return [
                (place, source, row) for place, row in zip(at[is_live].tolist(), rows[is_live].tolist(), strict=True)
            ]

        holding = [(segment, left[some]) for segment, some in sharing(self.manifest, hashes[left]) if segment.live]
        for place, source, row in chain.from_iterable(self._each(look, holding)):
            found[wanted[place]] = source, row
        return found

    def images(self, keys: Iterable[str]) -> dict[str, Image]:
        """What is known of those of these keys that live, by key: signatures left out."""
        found = self._each(lambda one: one.source.images(one.rows, one.stored), self._places(keys))
        return {image.key: image for image in chain.from_iterable(found)}

    def signatures(self, keys: Iterable[str], family: Family) -> dict[str, str]:
        """The signatures, as text, of those of these keys that live, by key."""

        def read(one: Placed) -> list[tuple[str, str]]:
            return list(zip(one.keys, map(family.format, one.source.reader.take(family.name, one.rows)), strict=True))

        return dict(chain.from_iterable(self._each(read, self._places(keys))))

    def _places(self, keys: Iterable[str]) -> list[Placed]:
        """Where those of these keys that live are, by source."""
        rows: dict[str, tuple[Source, list[int], list[str]]] = {}
        for key, (source, row) in self.locate_all(keys).items():
            _, mine, theirs = rows.setdefault(source.name, (source, [], []))
            mine.append(row)
            theirs.append(key)
        return [Placed(source, np.array(mine, np.int64), theirs) for source, mine, theirs in rows.values()]
