"""The front door: creates indexes, adds images, searches, finds duplicates, and keeps an index in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from os import PathLike
from typing import Any, Self, TypeVar

from lookalike.answers import Answer, Stored, answer_all, stored_question
from lookalike.duplicates import find, review
from lookalike.duplicates.confirming import Confirms, Pixels
from lookalike.duplicates.find import Duplicates
from lookalike.duplicates.review import Asked, Progress, Review
from lookalike.ingest import roots
from lookalike.maintenance import Maintained
from lookalike.options import SearchOptions
from lookalike.questions import Asking, Question
from lookalike.signatures import comparing, compute
from lookalike.signatures.comparing import Comparison
from lookalike.signatures.computed import Signed
from shards.errors import LookalikeError, PictureError, QueryError
from shards.families import DEFAULT, Family, family
from shards.pictures.decoding import PictureSettings
from shards.search.cursor import Cursor
from shards.search.executors.base import Executor
from shards.search.executors.local import LocalExecutor
from shards.search.filters import Filter
from shards.search.grouping import Grouping
from shards.search.query import LIMIT, score_threshold
from shards.storage import Store, open_store, originals
from shards.storage.effects import Effects, World
from shards.storage.originals import OpenOriginal, Roots
from shards.table import thumbnails
from shards.table.format import names, settings
from shards.table.format.records import UNDATED, Order, Record, Records
from shards.table.format.settings import SEGMENT_ROWS, THUMBNAIL, IndexSettings
from shards.table.maintain import lost_settings
from shards.table.maintain.committing import CommittingTable
from shards.table.read.disk import CACHE_BYTES, DiskCache
from shards.table.read.listing import listed, recorded, records_of
from shards.table.read.snapshot import Image, Snapshot
from shards.table.table import MEMORY
from shards.table.write.bulk import Written
from shards.table.write.marked import Entry, Marks

Read = TypeVar("Read")


class Index(Maintained):
    """An index of images in an object store. Safe to use from several threads, and beside other processes.

    A context manager: on leaving, the index is closed.

    >>> index = Index.create("memory://")
    >>> index.add("cat.jpg", open("cat.jpg", "rb").read(), {"licence": "CC0"})  # doctest: +SKIP
    >>> index.search("copy-of-cat.jpg").hits[0].key  # doctest: +SKIP
    'cat.jpg'
    """

    def __init__(
        self, table: CommittingTable, executor: Executor | None = None, originals: Roots | None = None
    ) -> None:
        super().__init__(table)
        self._originals = originals
        self._executor: Executor = executor or LocalExecutor()

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
        executor: Executor | None = None,
        effects: Effects | None = None,
    ) -> Index:
        """Create an index at a path, `s3://bucket/prefix` or `memory://`.

        `thumbnails`: the longer side, in pixels, of the small copy that is kept of each image; 0 keeps none.
        `executor`: scans segments, in this process unless given; closed together with the index.

        Raises IndexExists, also where one is left that has lost its settings, or StoreUnfit for a store that would lose
        what is written.
        """
        if isinstance(families, str):
            raise QueryError(f"families is {families!r}: give a list of names, such as [{families!r}]")
        store = open_store(where) if isinstance(where, str) else where
        effects = effects or World()
        chosen = IndexSettings(
            tuple(families),
            shards,
            segment_rows,
            pictures or PictureSettings(),
            thumbnails,
            settings.new_id(effects),
        )
        lost_settings.check_none(store)
        settings.create(store, chosen, effects)
        return cls(CommittingTable(store, chosen, effects=effects), executor)

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
        originals: Iterable[str | PathLike[str]] | None = None,
    ) -> Self:
        """Open the index there.

        `max_staleness`: seconds for which a reader may use what it knows; 0 sees every write. `memory`: bytes of the
        index that are kept in memory, where it is not in a folder of this machine; `cache`: a folder in which up to
        `cache_bytes` are kept for the next process too, of any number of indexes. `executor`: scans segments, in this
        process unless given; closed together with the index. `originals`: folders, files and URLs that `content` may
        read from; unless given, those that this user added images from on this machine.

        Raises IndexNotFound, FormatUnsupported where it was made by another version, or StorageError where `cache`
        cannot be made.
        """
        store = open_store(where) if isinstance(where, str) else where
        disk = None if cache is None else DiskCache(cache, cache_bytes)
        table = CommittingTable(
            store, settings.read(store), max_staleness=max_staleness, memory=memory, cache=disk, effects=effects
        )
        return cls(table, executor, None if originals is None else Roots.of(originals))

    def close(self) -> None:
        """End the threads of the executor, and cancel what they have not begun. Nothing else is held open."""
        self._executor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Index({self.url!r})"

    @property
    def originals(self) -> Roots:
        """Places that originals may be read from."""
        if self._originals is None:
            self._originals = roots.known(self.url)
        return self._originals

    def trust_originals(self, *places: str | PathLike[str]) -> None:
        """Let `content` read originals in these folders, files and URLs, too, as long as this object lives."""
        self._originals = self.originals | Roots.of(places)

    @property
    def families(self) -> tuple[Family, ...]:
        """Families of the index; a search asks all of them unless it names one."""
        return self._table.families

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
        """Return the record that `add` would write. `order`: when the image became this, now unless given."""
        if not isinstance(image, bytes | bytearray | memoryview):
            raise QueryError(f"image {key!r} is {type(image).__name__}: give the bytes of an encoded picture")
        order = order or self._table.orders([key])[0]
        try:
            picture = compute.compute_picture(
                image, self.families, self.settings.pictures, thumbnail=self.settings.thumbnails
            )
        except PictureError as error:
            raise PictureError(error.reason, f"image {key!r}: {error}") from error
        return picture.record(key, order, meta, source)

    def write(self, records: Sequence[Record]) -> None:
        """Write many records of images, or of deletes, at once: all of them or none.

        A record counts unless the index has a later state of its key.
        """
        if records:
            packed = Records.of(records, self.families)
            self._table.append(packed, lambda: thumbnails.store(self._table, records))

    def dated(self, records: Sequence[Record]) -> list[Record]:
        """Return these records with orders of now, each later than the newest state of its key: so that it counts."""
        orders = self._table.orders([record.key for record in records])
        return [replace(record, order=order) for record, order in zip(records, orders, strict=True)]

    def write_bulk(self, records: Records, *, unless_same: bool = False) -> Written:
        """Write thousands of records straight to segments, all or none: `Records.build` makes them of columns.

        Returns what became of each record. `unless_same`: leave out records of images that the index has already, equal
        in signatures, size, digest where it is known, and metadata: the stored ones keep their earlier orders.
        """
        return self._table.write(records, unless_same=unless_same)

    def read(self, question: Callable[[Snapshot], Read]) -> Read:
        """Return what a function finds in one state of the index, for questions that no other method answers.

        It is called again where others replaced what it was about to read.
        """
        return self._table.read(question)

    def next_order(self) -> tuple[int, int]:
        """Return the order of a record that is made now, by the store's clock."""
        return self._table.next_order()

    def orders(self, keys: Sequence[str], at: Order | None = None) -> Sequence[Order]:
        """Return for each key an order of now that is later than the newest state of the key: a record with it counts.

        `at`: an earlier order, to give instead unless the newest state lies in the future.
        """
        return self._table.orders(keys, at)

    def remove(self, keys: Iterable[str]) -> list[str]:
        """Remove these images, and return the keys of those that were there."""
        wanted = list(dict.fromkeys(keys))
        known = self.has(wanted)
        there = [key for key in wanted if key in known]
        self.write(self.dated([Record(key, UNDATED, deleted=True) for key in there]))
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
        where: Mapping[str, Any] | Filter | None = None,
        after: Cursor | None = None,
        min_share: float | None = None,
        thorough: bool = False,
    ) -> Answer:
        """Return the images most like this one: the exact best `limit`, the same however the records are stored.

        `family`: kind of signature; by default, or as "auto", all of the index, and each hit is that of the family that
        is surest of it. `min_score` (0 to 100) or `max_distance` (in the family's unit): leave out what is less alike,
        in a family that is named. `orientations`: also find it turned or mirrored; `negatives`: also its negative.
        `where`: what the metadata of a hit must be like, such as `{"year": {"$gte": 1990}}` (`shards.search.filters`).
        `after`: begin behind this place, the `next` of another answer. `min_share`: leave out hits of which the
        question shows a smaller share (0 to 1), where a family knows. `thorough`: ask all families everything, where
        otherwise what is dear is asked only if nothing certain was found, and what is far away only if it is worth its
        cost (`Answer.not_asked`).

        Raises QueryError, PictureError, SignatureError, KeyNotFound.
        """
        options = SearchOptions.of(
            family, limit, min_score, max_distance, orientations, negatives, where, after, min_share, thorough
        )
        (answer,) = self.ask([question], options)
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
        where: Mapping[str, Any] | Filter | None = None,
        min_share: float | None = None,
        thorough: bool = False,
    ) -> Sequence[Answer | LookalikeError]:
        """Return what `search` answers to each of several questions, all of them of the same state of the index.

        A question that cannot be answered has its error in the place of the answer: a PictureError, SignatureError,
        KeyNotFound or KeyInvalid, or the QueryError of a key or signature that cannot be turned or inverted. Raises
        QueryError for what no question can ask. Families that look at every image do so once for all questions.
        """
        options = SearchOptions.of(
            family, limit, min_score, max_distance, orientations, negatives, where, None, min_share, thorough
        )
        return self.ask(questions, options)

    def pages(self, question: Question, options: SearchOptions) -> Iterator[Answer]:
        """Yield the whole answer in pages of `options.limit` hits, for any number of hits.

        Each page is of the index as it is then: an image that is neither added nor removed meanwhile is on one of them.
        """
        asking = self._asking(options)
        question = asking.sign(question, lambda key: self._table.read(partial(self._stored, key, asking.families)))
        while True:
            (answer,) = self.ask([question], options)
            if isinstance(answer, LookalikeError):
                raise answer
            yield answer
            if answer.next is None:
                return
            options = replace(options, after=answer.next)

    def signed(self, question: Question, options: SearchOptions) -> Question:
        """Return the question with its signatures computed, to be asked with these options; a key as it is.

        Raises what `search` raises of the question.
        """
        (signed,) = self._asking(options).signed([question])
        if isinstance(signed, LookalikeError):
            raise signed
        return signed

    def ask(self, questions: Sequence[Question], options: SearchOptions) -> Sequence[Answer | LookalikeError]:
        """Return what `search_many` answers, for programs that hand the options on. Every search goes through here."""
        chosen = self.settings
        asking = self._asking(options)
        signed = asking.signed(questions)

        def answer(snapshot: Snapshot) -> Sequence[Answer | LookalikeError]:
            nonlocal chosen, asking, signed
            if self.settings != chosen:
                # another index is at this place now, perhaps with other families, or other rules for pictures
                chosen = self.settings
                asking = self._asking(options)
                signed = asking.signed(questions)
            rows = asking.rows(signed, lambda key: self._stored(key, asking.families, snapshot))
            return answer_all(asking, rows, self._executor, self._table.parallel_map, snapshot)

        return self._table.read(answer)

    def compare(self, a: Question, b: Question, *, family: str | None = None) -> list[Comparison]:
        """Return how alike two images are in each family of the index: if one is a text, in those that can parse it.

        `family`: in this one alone; then no other has a word in whether they are a match. Raises SignatureError where
        no family of the index can parse the text, and QueryError where the index has not this one.
        """

        asking = Asking(self.families, self.settings.pictures)
        first, second = (
            asking.sign(image, lambda key: self._table.read(partial(self._stored, key, self.families)))
            for image in (a, b)
        )
        asked = self.families if family is None else (self._family(family),)
        shared = [kind for kind in asked if kind.name in first.rows and kind.name in second.rows]
        thresholds = {kind.name: self.match_score_of(kind) for kind in shared}
        measured = {kind.name: self.rates_of(kind) for kind in shared}
        return comparing.compare_signed(shared, first, second, thresholds, measured)

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
        """Return groups of images that look alike; by default what is a match in the family (`match_score_of`).

        Each group has a head, its largest picture. With `grouping` "star", every other member is alike to the head
        itself. With "components", it is alike to some other member: such groups chain, and the ends of a chain need not
        look alike.

        Hashes are compared by sorting, which misses nothing. By `haar` and `goldberg`, of more than 5,000 images only
        pairs are compared that one or two 64-bit hashes of the index (`dhash` and `phash` first) have within 10 bits.
        That takes seconds instead of hours, but can miss pairs: in tests with real pictures 3 of 100 copies of an
        original by `haar`, 4 by `goldberg`, most of them cropped or framed. `Duplicates.method` says so; `exhaustive`
        compares every pair, as do indexes without such a hash.
        """
        kind = self._family(family)
        threshold = score_threshold(kind, min_score, max_distance)
        if threshold is None:
            threshold = self.match_score_of(kind)
        return self._table.read(
            lambda snapshot: find.find(
                snapshot,
                kind,
                self.families,
                threshold,
                grouping=grouping,
                exhaustive=exhaustive,
                progress=progress,
                parallel_map=self._table.parallel_map,
            )
        )

    def review(
        self,
        asked: Asked | None = None,
        confirms: Confirms | None = None,
        *,
        family: str | None = None,
        progress: Progress | None = None,
    ) -> Review:
        """Return the duplicates in tiers, each group with the image to keep first (`lookalike.duplicates.tiers`).

        `confirms`: lays the pixels of two files on each other; unless given, the `originals` are read by processes that
        are started for it. `family`: the one that says what is alike; dhash where there is one, else the first. Pairs
        that `mark` calls different are in no group.
        """
        kind = self._family(family or ("dhash" if "dhash" in self.settings.families else None))
        decided = [frozenset(pair) for pair in self.marks().different]

        def found(confirms: Confirms) -> Review:
            return self._table.read(
                lambda snapshot: review.review(
                    snapshot,
                    self.families,
                    (kind, self.match_score_of(kind)),
                    asked or Asked(),
                    confirms,
                    self.originals,
                    decided=decided,
                    progress=progress,
                    parallel_map=self._table.parallel_map,
                )
            )

        if confirms is not None:
            return found(confirms)
        with Pixels(self.settings, self.originals) as pixels:
            return found(pixels)

    def mark(self, entries: Sequence[Entry]) -> None:
        """Keep marks of images (remove, keep), and decisions that pairs are no duplicates. They are safe on return."""
        self._table.mark(entries)

    def marks(self) -> Marks:
        """Return the marks and decisions that count now."""
        return self._table.marks()

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        prefix: str = "",
        where: Mapping[str, Any] | Filter | None = None,
    ) -> Iterator[Image]:
        """Yield the images in the order of their keys' hashes: go on after the last key seen.

        `prefix`: what the keys begin with. `where`: as in `search`. Any number of images costs no more memory than a
        few thousand.
        """
        wanted = Filter.of(where)
        walk = self._table.stream(listed, after, lambda image: image.key)
        return islice((image for image in walk if image.key.startswith(prefix) and wanted.accepts(image.meta)), limit)

    def records(self, *, after: str | None = None, limit: int | None = None, prefix: str = "") -> Iterator[Record]:
        """Yield all that the index knows of its images, signatures included, in the order of `list`."""
        walk = self._table.stream(
            lambda snapshot, place: recorded(snapshot, self.families, place), after, lambda record: record.key
        )
        return islice((record for record in walk if record.key.startswith(prefix)), limit)

    def records_of(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return the records of those of these images that the index has, by key, looked up together."""
        wanted = set(keys)
        return self._table.read(lambda snapshot: records_of(snapshot, self.families, wanted))

    def has(self, keys: Iterable[str]) -> set[str]:
        """Return those of these keys that the index has."""
        wanted = set(keys)
        return self._table.read(lambda snapshot: set(snapshot.locate_all(wanted)))

    def images(self, keys: Iterable[str]) -> dict[str, Image]:
        """Return those of these images that the index has, by key, looked up together; without their signatures."""
        wanted = set(keys)
        return self._table.read(lambda snapshot: snapshot.images(wanted))

    def signatures(self, keys: Iterable[str], family: str) -> dict[str, str]:
        """Return the signatures, as text, of those of these images that the index has, by key, looked up together."""
        kind = self._family(family)
        wanted = set(keys)
        return self._table.read(lambda snapshot: snapshot.signatures(wanted, kind))

    def count(self) -> int:
        """Return the number of images."""
        return self._table.read(lambda snapshot: snapshot.live)

    def get(self, key: str) -> Stored:
        """Return the image with this key, and its signatures. Raises KeyNotFound."""
        return self._table.read(lambda snapshot: Stored.read(key, self.families, snapshot, self.url))

    def thumbnail(self, image: Image) -> bytes | None:
        """Return the small copy of this image, a WebP file; None where the index keeps none."""
        return thumbnails.read(self._table.store, bytes.fromhex(image.sha256)) if image.sha256 else None

    def content(self, image: Image) -> bytes | None:
        """Return the image as it was added, read from its source.

        None where that is unknown, gone or changed, or not among the `originals`: what an index says of this user's
        files and buckets is not believed by itself.
        """
        return originals.unchanged(image.source, self.settings.pictures.max_bytes, image.sha256, self.originals)

    def open_content(self, image: Image) -> OpenOriginal | None:
        """Open the image as it was added, to be read piece by piece; None where `content` returns None."""
        max_bytes = self.settings.pictures.max_bytes
        return originals.open_unchanged(image.source, max_bytes, image.sha256, self.originals)

    def _stored(self, key: str, kinds: Sequence[Family], snapshot: Snapshot) -> Signed:
        return stored_question(key, kinds, snapshot, self.url)

    def _asking(self, options: SearchOptions) -> Asking:
        kinds = self._asked(options)
        return Asking(kinds, self.settings.pictures, options, {kind.name: self.rates_of(kind) for kind in kinds})

    def _asked(self, options: SearchOptions) -> tuple[Family, ...]:
        """Return the families that a search asks."""
        return tuple(map(self._family, options.families)) or self.families

    def _family(self, name: str | None = None) -> Family:
        if name is None:
            return self.families[0]
        family(name)  # raises where no family has this name
        for kind in self.families:
            if kind.name == name:
                return kind
        raise QueryError(f"{self.url} has no signatures of {name}, only of {', '.join(f.name for f in self.families)}")
