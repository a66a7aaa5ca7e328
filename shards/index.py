"""The front door: make an index, add images, look for what is alike, keep it in order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, TypeAlias

import numpy as np

from shards import signing
from shards.errors import KeyNotFound, PictureError, QueryError
from shards.families import DEFAULT, Family, Row, family
from shards.images import ORIENTATIONS, PictureSettings
from shards.search import duplicates
from shards.search.duplicates import Duplicates
from shards.search.query import LIMIT, Query
from shards.search.scan import Hit, best, describe, scan
from shards.signing import Comparison
from shards.storage import Store, open_store
from shards.table import collect, names, settings, verify
from shards.table.commit import Effects
from shards.table.reader import TailReader
from shards.table.records import Record, Records
from shards.table.settings import SEGMENT_ROWS, Settings
from shards.table.snapshot import Image, Snapshot, Source, in_hash_order
from shards.table.table import MEMORY, Compacted, Table


@dataclass(frozen=True, slots=True)
class Key:
    """The image that the index has under this key."""

    key: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature in its family's text form, such as IQDB's `iqdb_…` or ImageHash's hex."""

    text: str


Question: TypeAlias = signing.Image | Key | Signature
"""What to look for: a picture, an encoded image, a path, a key of the index, or a signature."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`hits`, best first: by falling score, then by key. `searched`: how many images were compared."""

    family: str
    hits: tuple[Hit, ...]
    searched: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An image of the index with its signatures as text, by family."""

    image: Image
    signatures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers of an index. `tail`: log objects not folded yet; sizes in bytes, `columns` by column of the segments."""

    images: int
    shards: int
    segments: int
    dead: int
    tail: int
    tail_images: int
    size: int
    version: int
    columns: Mapping[str, int]


class Index:
    """An index of images in an object store. Safe to use from several threads, and beside other processes.

    >>> index = Index.create("memory://")
    >>> index.add("cat.jpg", open("cat.jpg", "rb").read(), {"licence": "CC0"})  # doctest: +SKIP
    >>> index.search("copy-of-cat.jpg").hits[0].key  # doctest: +SKIP
    'cat.jpg'
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.families: tuple[Family, ...] = tuple(table.settings.signers())

    @classmethod
    def create(
        cls,
        where: str | Store,
        *,
        families: Sequence[str] = DEFAULT,
        shards: int = 1,
        segment_rows: int = SEGMENT_ROWS,
        pictures: PictureSettings | None = None,
        effects: Effects | None = None,
    ) -> Index:
        """A new index at a path, `s3://bucket/prefix` or `memory://`. Raises IndexExists."""
        store = open_store(where) if isinstance(where, str) else where
        chosen = Settings(tuple(families), shards, segment_rows, pictures or PictureSettings())
        settings.create(store, chosen)
        return cls(Table(store, chosen, effects=effects))

    @classmethod
    def open(
        cls, where: str | Store, *, max_staleness: float = 0.0, memory: int = MEMORY, effects: Effects | None = None
    ) -> Index:
        """The index there. `max_staleness`: seconds for which a reader may use what it knows; 0 sees every write.
        `memory`: bytes of the index that are kept, where it is not in a folder of this machine.

        Raises IndexNotFound, or FormatUnsupported where it was made by another version.
        """
        store = open_store(where) if isinstance(where, str) else where
        return cls(Table(store, settings.read(store), max_staleness=max_staleness, memory=memory, effects=effects))

    def __repr__(self) -> str:
        return f"Index({self.url!r})"

    @property
    def url(self) -> str:
        return self._table.store.url

    @property
    def settings(self) -> Settings:
        return self._table.settings

    def add(
        self,
        key: str,
        image: bytes | memoryview,
        meta: Mapping[str, Any] | None = None,
        *,
        source: Mapping[str, Any] | None = None,
    ) -> Record:
        """Add an encoded image, or replace the one of this key. On return it is safe, and every search sees it.

        `meta`: a JSON object to find again. Raises PictureError, KeyInvalid.
        """
        names.key_bytes(key)
        record = self.sign(key, image, meta, source=source)
        self.write([record])
        return record

    def sign(
        self,
        key: str,
        image: bytes | memoryview,
        meta: Mapping[str, Any] | None = None,
        *,
        source: Mapping[str, Any] | None = None,
    ) -> Record:
        """The record that `add` would write."""
        try:
            return signing.record(
                key,
                image,
                order=self._table.next_order(),
                families=self.families,
                settings=self.settings.pictures,
                meta=meta,
                source=source,
            )
        except PictureError as error:
            raise PictureError(error.reason, f"image {key!r}: {error}") from error

    def write(self, records: Sequence[Record]) -> None:
        """Add many signed images, or deletes, at once: all of them or none."""
        if records:
            self._table.append(Records.of(records, self.families))

    def write_bulk(self, records: Records) -> None:
        """Add thousands of signed images straight to segments, all or none: `Records.build` makes them of columns."""
        self._table.write(records)

    def next_order(self) -> tuple[int, int]:
        """An order for a record that is made now."""
        return self._table.next_order()

    def remove(self, keys: Iterable[str]) -> list[str]:
        """Remove these images; says which of them were there."""
        wanted = list(dict.fromkeys(keys))
        there = self._table.read(lambda snapshot: [key for key in wanted if snapshot.locate(key)])
        self.write([Record(key, self._table.next_order(), deleted=True) for key in there])
        return there

    def search(
        self,
        question: Question,
        *,
        family: str | None = None,
        limit: int = LIMIT,
        min_score: float | None = None,
        max_distance: float | None = None,
        orientations: bool = False,
        negatives: bool = False,
        where: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The images most like this one: the exact best `limit`, the same however the records are stored.

        `family`: which kind of signature, the index's first unless given. `min_score` (0 to 100) or `max_distance`
        (in the family's unit): leave out what is less alike. `orientations`: also find it turned or mirrored;
        `negatives`: also its negative. `where`: metadata fields that must be equal.

        Raises QueryError, PictureError, SignatureError, KeyNotFound.
        """
        kind = self._family(family)
        if max_distance is not None:
            if min_score is not None:
                raise QueryError("give min_score or max_distance, not both")
            min_score = kind.score_at(max_distance)

        if orientations:
            if isinstance(question, Key | Signature):
                raise QueryError("orientations are computed from a picture: give the image, not its key or signature")
            pictures = signing.load(question, self.settings.pictures).orientations()
            given = [kind.compute(picture) for picture in pictures]
            variants: tuple[str, ...] = ORIENTATIONS
        else:
            given = [] if isinstance(question, Key) else [self._sign(question, kind)]
            variants = ORIENTATIONS[:1]
        if negatives:
            variants = (*variants, *(f"{variant}, negative" for variant in variants))

        def ask(snapshot: Snapshot) -> Answer:
            rows = [self._stored(question.key, kind, snapshot)] if isinstance(question, Key) else given
            if negatives:
                rows = [*rows, *(self._inverted(row, kind) for row in rows)]
            query = Query(kind, np.array(rows, kind.dtype), variants, limit, min_score, dict(where or {}))
            found = best(chain.from_iterable(self._table.each(partial(scan, query=query), snapshot.sources)), limit)
            return Answer(kind.name, tuple(describe(found, query)), snapshot.live)

        return self._table.read(ask)

    def compare(self, a: signing.Image | Key, b: signing.Image | Key) -> list[Comparison]:
        """How alike two images are, to each family of the index."""

        def rows(one: signing.Image | Key) -> dict[str, Row]:
            if isinstance(one, Key):
                return self._table.read(
                    lambda snapshot: {f.name: self._stored(one.key, f, snapshot) for f in self.families}
                )
            return signing.sign(signing.load(one, self.settings.pictures), self.families)

        return signing.compare_rows(self.families, rows(a), rows(b))

    def duplicates(
        self,
        *,
        family: str | None = None,
        min_score: float | None = None,
        max_distance: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Duplicates:
        """Groups of images that look alike; by default what the family calls a match.

        Each group has a head, its largest picture, and every other member is alike to the head itself.
        """
        kind = self._family(family)
        if max_distance is not None:
            min_score = kind.score_at(max_distance)
        bar = kind.match_score if min_score is None else min_score
        return self._table.read(lambda snapshot: duplicates.find(snapshot, kind, bar, progress=progress))

    def list(self, *, after: str | None = None, limit: int | None = None, prefix: str = "") -> Iterator[Image]:
        """The images, in the order of their keys' hashes: go on after the last key seen.

        Any number of images costs no more memory than a few thousand.
        """

        def images(snapshot: Snapshot, seen: str | None) -> Iterator[Image]:
            start = names.key_hash(names.key_bytes(seen)) if seen is not None else 0
            merged = heapq.merge(
                *(in_hash_order(source, start) for source in snapshot.sources),
                key=lambda found: (found[0], found[1].key),
            )
            return (image for hashed, image in merged if seen is None or (hashed, image.key) > (start, seen))

        walk = self._table.stream(images, after, lambda image: image.key)
        return islice((image for image in walk if image.key.startswith(prefix)), limit)

    def count(self) -> int:
        """How many images there are."""
        return self._table.read(lambda snapshot: snapshot.live)

    def get(self, key: str) -> Stored:
        """What the index has under this key. Raises KeyNotFound."""

        def ask(snapshot: Snapshot) -> Stored:
            source, row = self._locate(key, snapshot)
            at = np.array([row], np.int64)
            return Stored(
                source.images(at)[0],
                {kind.name: kind.format(source.reader.take(kind.name, at)[0]) for kind in self.families},
            )

        return self._table.read(ask)

    def stats(self) -> Stats:
        """Numbers of this index."""

        def ask(snapshot: Snapshot) -> Stats:
            manifest = snapshot.manifest
            columns: dict[str, int] = {}
            for segment in manifest:
                for name, column in segment.columns.items():
                    columns[name] = columns.get(name, 0) + column.size
            return Stats(
                images=snapshot.live,
                shards=manifest.shards,
                segments=sum(len(shard) for shard in manifest.segments),
                dead=sum(segment.dead_rows for segment in manifest),
                tail=len(snapshot.tail),
                tail_images=sum(s.live for s in snapshot.sources if isinstance(s.reader, TailReader)),
                size=sum(segment.size for segment in manifest),
                version=manifest.version,
                columns=columns,
            )

        return self._table.read(ask)

    def compact(self, *, everything: bool = False) -> Compacted:
        """Fold the log into segments and merge small segments; `everything`: into as few as can be."""
        return self._table.compact(everything=everything)

    def collect(self) -> collect.Collected:
        """Delete the objects that no reader can need any more."""
        return collect.collect(self._table.store, self._table.effects)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> verify.Report:
        """Check every byte of every object, and that together they make an index."""
        return verify.verify(self._table.store, self.settings, self._table.effects, progress=progress)

    def _family(self, name: str | None) -> Family:
        if name is None:
            return self.families[0]
        for one in self.families:
            if one.name == name:
                return one
        family(name)  # a name that is no family's says so
        raise QueryError(f"{self.url} has no signatures of {name}, only of {', '.join(f.name for f in self.families)}")

    def _sign(self, question: signing.Image | Signature, kind: Family) -> Row:
        if isinstance(question, Signature):
            return kind.parse(question.text)
        return kind.compute(signing.load(question, self.settings.pictures))

    def _inverted(self, row: Row, kind: Family) -> Row:
        inverted = kind.invert(row)
        if inverted is None:
            raise QueryError(f"family {kind.name} cannot find negatives; goldberg can")
        return inverted

    def _stored(self, key: str, kind: Family, snapshot: Snapshot) -> Row:
        source, row = self._locate(key, snapshot)
        stored: Row = source.reader.take(kind.name, np.array([row], np.int64))[0]
        return stored

    def _locate(self, key: str, snapshot: Snapshot) -> tuple[Source, int]:
        found = snapshot.locate(key)
        if found is None:
            raise KeyNotFound(key, self.url)
        return found
