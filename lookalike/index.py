"""The front door: make an index, add images, look for what is alike, keep it in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from os import PathLike
from typing import Any, Self

import numpy as np

from lookalike.answers import Answer, Stored, answer_all
from lookalike.duplicates import find
from lookalike.duplicates.find import Duplicates
from lookalike.questions import Asking, Key, Question, signatures_by_family
from lookalike.signatures import compute
from lookalike.signatures.compute import Comparison
from lookalike.stats import Stats
from shards.errors import KeyNotFound, LookalikeError, PictureError, QueryError
from shards.families import DEFAULT, Family, Row, family
from shards.pictures.decoding import PictureSettings
from shards.search.executors.fan_out import Executor, Here
from shards.search.grouping import Grouping
from shards.search.query import LIMIT, Query, least_score
from shards.storage import Store, open_store, originals
from shards.table import thumbnails
from shards.table.format import names, settings
from shards.table.format.records import Order, Record, Records
from shards.table.format.settings import SEGMENT_ROWS, THUMBNAIL, Settings
from shards.table.maintain import collect, verify
from shards.table.maintain.committing import Committed, CommittingTable, Compacted
from shards.table.maintain.merge import Merged
from shards.table.maintain.reshard import Resharded
from shards.table.read.disk import CACHE_BYTES, DiskCache
from shards.table.read.listing import listed
from shards.table.read.snapshot import Image, Snapshot, Source
from shards.table.table import MEMORY
from shards.table.write.commit import Effects


class Index:
    """An index of images in an object store. Safe to use from several threads, and beside other processes.

    >>> index = Index.create("memory://")
    >>> index.add("cat.jpg", open("cat.jpg", "rb").read(), {"licence": "CC0"})  # doctest: +SKIP
    >>> index.search("copy-of-cat.jpg").hits[0].key  # doctest: +SKIP
    'cat.jpg'
    """

    def __init__(self, table: CommittingTable, executor: Executor | None = None) -> None:
        self._table = table
        self._executor: Executor = executor or Here()
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
        thumbnails: int = THUMBNAIL,
        effects: Effects | None = None,
    ) -> Index:
        """A new index at a path, `s3://bucket/prefix` or `memory://`. Raises IndexExists.

        `thumbnails`: the longer side, in pixels, of the small copy that is kept of each image; 0 keeps none.
        """
        store = open_store(where) if isinstance(where, str) else where
        chosen = Settings(tuple(families), shards, segment_rows, pictures or PictureSettings(), thumbnails)
        settings.create(store, chosen)
        return cls(CommittingTable(store, chosen, effects=effects))

    @classmethod
    def open(
        cls,
        where: str | Store,
        *,
        max_staleness: float = 0.0,
        memory: int = MEMORY,
        cache: str | PathLike[str] | None = None,
        cache_bytes: int = CACHE_BYTES,
        executor: Executor | None = None,
        effects: Effects | None = None,
    ) -> Self:
        """The index there. `max_staleness`: seconds for which a reader may use what it knows; 0 sees every write.
        `memory`: bytes of the index that are kept, where it is not in a folder of this machine; `cache`: a folder in
        which up to `cache_bytes` are kept for the next process too, of any number of indexes. `executor`: where
        segments are scanned, in this process unless given.

        Raises IndexNotFound, FormatUnsupported where it was made by another version, or StorageError where `cache`
        cannot be made.
        """
        store = open_store(where) if isinstance(where, str) else where
        disk = None if cache is None else DiskCache(cache, cache_bytes)
        table = CommittingTable(
            store, settings.read(store), max_staleness=max_staleness, memory=memory, cache=disk, effects=effects
        )
        return cls(table, executor)

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
        order: Order | None = None,
    ) -> Record:
        """The record that `add` would write. `order`: when the image became this, now unless given."""
        try:
            return compute.record(
                key,
                image,
                order=order or self._table.next_order(),
                families=self.families,
                settings=self.settings.pictures,
                thumbnail=self.settings.thumbnails,
                meta=meta,
                source=source,
            )
        except PictureError as error:
            raise PictureError(error.reason, f"image {key!r}: {error}") from error

    def write(self, records: Sequence[Record]) -> None:
        """Add many signed images, or deletes, at once: all of them or none."""
        thumbnails.store(self._table, records)
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
        found = self.has(wanted)
        there = [key for key in wanted if key in found]
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
        (answer,) = self.search_many(
            [question],
            family=family,
            limit=limit,
            min_score=min_score,
            max_distance=max_distance,
            orientations=orientations,
            negatives=negatives,
            where=where,
        )
        if isinstance(answer, LookalikeError):
            raise answer
        return answer

    def search_many(
        self,
        questions: Sequence[Question],
        *,
        family: str | None = None,
        limit: int = LIMIT,
        min_score: float | None = None,
        max_distance: float | None = None,
        orientations: bool = False,
        negatives: bool = False,
        where: Mapping[str, Any] | None = None,
    ) -> Sequence[Answer | LookalikeError]:
        """What `search` answers to each of several questions, all of them of the same state of the index.

        A question that cannot be answered has its error in the place of the answer: a PictureError, SignatureError,
        KeyNotFound or KeyInvalid, or the QueryError of a key or signature that cannot be turned or inverted. Raises
        QueryError for what no question can ask. Families that look at every image do so once for all questions.
        """
        kind = self._family(family)
        asking = Asking(kind, self.settings.pictures, orientations, negatives)
        bar = least_score(kind, min_score, max_distance)
        query = Query(kind, asking.variants, limit, bar, dict(where or {}))
        signed = asking.sign(questions)

        def ask(snapshot: Snapshot) -> Sequence[Answer | LookalikeError]:
            rows = asking.rows(signed, lambda key: self._stored(key, kind, snapshot))
            return answer_all(self._executor, self._table.each, snapshot, query, rows)

        return self._table.read(ask)

    def compare(self, a: Question, b: Question) -> list[Comparison]:
        """How alike two images are, to each family of the index: where one is a text, to the families it belongs to.

        Raises SignatureError where no family of the index reads the text.
        """

        def rows(one: Question) -> Mapping[str, Row]:
            if isinstance(one, Key):
                return self._table.read(
                    lambda snapshot: {f.name: self._stored(one.key, f, snapshot) for f in self.families}
                )
            return signatures_by_family(one, self.families, self.settings.pictures)

        first, second = rows(a), rows(b)
        shared = [one for one in self.families if one.name in first and one.name in second]
        return compute.compare_rows(shared, first, second)

    def duplicates(
        self,
        *,
        family: str | None = None,
        min_score: float | None = None,
        max_distance: float | None = None,
        grouping: Grouping = "star",
        exhaustive: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Duplicates:
        """Groups of images that look alike; by default what the family calls a match.

        Each group has a head, its largest picture. With `grouping` "star" every other member is alike to the head
        itself. With "components" it is alike to some other member, or to one that is alike to one, and so on: such
        groups chain, and the ends of a chain need not look alike at all.

        Hashes are compared by sorting, which misses nothing. By `haar` and `goldberg`, of more than 5,000 images only
        those pairs are compared that two 64-bit hashes of the index, or one (`dhash` and `phash` first), have within
        10 bits. That takes seconds in place of hours, and can miss pairs: in tests with real pictures 3 of 100 copies
        of an original by `haar`, 4 by `goldberg`, most of them cropped or framed. `Duplicates.method` says so;
        `exhaustive` compares every pair, as do indexes without such a hash.
        """
        kind = self._family(family)
        bar = least_score(kind, min_score, max_distance)
        if bar is None:
            bar = kind.match_score
        return self._table.read(
            lambda snapshot: find.find(
                snapshot, kind, self.families, bar, grouping=grouping, exhaustive=exhaustive, progress=progress
            )
        )

    def list(self, *, after: str | None = None, limit: int | None = None, prefix: str = "") -> Iterator[Image]:
        """The images, in the order of their keys' hashes: go on after the last key seen.

        Any number of images costs no more memory than a few thousand.
        """
        walk = self._table.stream(listed, after, lambda image: image.key)
        return islice((image for image in walk if image.key.startswith(prefix)), limit)

    def has(self, keys: Iterable[str]) -> set[str]:
        """Which of these keys there are."""
        wanted = set(keys)
        return self._table.read(lambda snapshot: set(snapshot.locate_all(wanted)))

    def images(self, keys: Iterable[str]) -> dict[str, Image]:
        """Those of these images that there are, by key: in one search for all of them, signatures left out."""
        wanted = set(keys)
        return self._table.read(lambda snapshot: snapshot.images(wanted))

    def signatures(self, keys: Iterable[str], family: str) -> dict[str, str]:
        """The signatures of those of these images that there are, as text, by key: in one search for all of them."""
        kind = self._family(family)
        wanted = set(keys)
        return self._table.read(lambda snapshot: snapshot.signatures(wanted, kind))

    def count(self) -> int:
        """How many images there are."""
        return self._table.read(lambda snapshot: snapshot.live)

    def get(self, key: str) -> Stored:
        """What the index has under this key. Raises KeyNotFound."""

        return self._table.read(lambda snapshot: Stored.read(key, *self._locate(key, snapshot), self.families))

    def thumbnail(self, image: Image) -> bytes | None:
        """The small copy of this image, a WebP file; None where the index keeps none."""
        return thumbnails.read(self._table.store, bytes.fromhex(image.sha256))

    def content(self, image: Image) -> bytes | None:
        """The image as it was added, read from where it was added; None where that is unknown, gone, or changed."""
        return originals.unchanged(image.source, self.settings.pictures.max_bytes, image.sha256)

    def pressure(self) -> tuple[int, int]:
        """(log objects, bytes) that wait for a fold."""
        return self._table.pressure()

    def stats(self) -> Stats:
        """Numbers of this index."""

        return self._table.read(Stats.of)

    def compact(self, *, everything: bool = False) -> Compacted:
        """Fold the log into segments and merge small segments; `everything`: into as few as can be."""
        return self._table.compact(everything=everything)

    def due_merges(self) -> Sequence[tuple[str, ...]]:
        """What `compact` would merge now, as names of segments; each may be merged by another process."""
        return self._table.due_merges()

    def merge(self, segments: Sequence[str]) -> Merged | None:
        """Do one of them: make one segment of these, and upload it. Nothing changes until it is committed.

        None where another process was faster. It has to be committed within half an hour.
        """
        return self._table.merge(segments)

    def commit(self, merged: Sequence[Merged] = ()) -> Committed:
        """Put merged segments in their places, and fold the log, in one step for all who read."""
        return self._table.commit(merged)

    def reshard(self, shards: int, progress: Callable[[int, int], None] | None = None) -> Resharded:
        """Make it so many shards, while everybody goes on; what is found stays the same at every moment.

        `shards`: as many as there are, times a power of two, up to 65,536; as many as there are goes on where an
        earlier call was interrupted. `progress` is told (rows split, of how many). Raises QueryError for any other
        number.
        """
        return self._table.reshard(shards, progress)

    def collect(self) -> collect.Collected:
        """Delete the objects that no reader can need any more."""
        done = collect.collect(self._table.store, self._table.effects)
        return done + thumbnails.collect(self._table)

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

    def _stored(self, key: str, kind: Family, snapshot: Snapshot) -> Row:
        source, row = self._locate(key, snapshot)
        stored: Row = source.reader.take(kind.name, np.array([row], np.int64))[0]
        return stored

    def _locate(self, key: str, snapshot: Snapshot) -> tuple[Source, int]:
        found = snapshot.locate(key)
        if found is None:
            raise KeyNotFound(key, self.url)
        return found
