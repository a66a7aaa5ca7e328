"""Verifying: every byte of every object, and that the objects together make an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, LookalikeError, ObjectNotFound, StorageError
from shards.storage.base import Entry
from shards.storage.deciding import decide
from shards.storage.probe import PROBES
from shards.table.format import names, thumbnails, whole
from shards.table.format.columns import decode
from shards.table.format.manifest import Manifest, Segment, read_dead
from shards.table.format.orders import Orders
from shards.table.format.records import DELETE, Records, meta_of
from shards.table.maintain.collect import ORPHAN_SECONDS
from shards.table.maintain.future import ADVICE, described, in_the_future
from shards.table.maintain.segment_check import check_segment
from shards.table.read.newest import of_index
from shards.table.read.reader import SegmentReader
from shards.table.table import Table
from shards.table.write import calibrated, imported, marked
from shards.table.write.commit import KEPT_MANIFESTS

Result = TypeVar("Result")

RESTORE = "'lookalike verify --repair' restores what can be restored, and names the rest; or restore it from a copy"
COLLECT = "nothing is lost; 'lookalike collect' removes it"
DAMAGED = "damaged/"
"""Beginning of the names of objects that a repair has set aside."""

REPAIR_ALL = (
    "if a first fold or import is at work, verify again when it is done; else 'lookalike verify --repair' reads the"
    " segments again: do not collect before"
)
REPAIR_FIRST = "a damaged manifest may name it: repair before you collect"
AGAIN = "nothing is known of it: see that the store answers, and verify again"
REDRAW = "delete it: no search needs it, and it is drawn again where its image is at hand"
CALIBRATE_AGAIN = "run 'lookalike calibrate' again, and delete it: no search needs it"
MARK_AGAIN = "delete it, and mark again what it said: no search needs it"
IMPORT_AGAIN = "delete it: no search needs it; the next import of that content then writes all of it once more"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with one object."""

    name: str
    """The object."""

    problem: str
    """What is wrong."""

    advice: str
    """What to do."""

    is_harmless: bool = False
    """True if no answer can be wrong because of it."""

    is_unread: bool = False
    """True if the store did not give the object, however often it was asked: it may be whole or damaged."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of verifying an index."""

    objects: int
    """Objects in the store."""

    size: int
    """Their bytes, all together."""

    images: int
    """Images in the segments, the log's tail not counted."""

    problems: tuple[Problem, ...]

    @property
    def is_clean(self) -> bool:
        """True if every object was read, and no answer can be wrong."""
        return all(problem.is_harmless for problem in self.problems)

    @property
    def is_damaged(self) -> bool:
        """True if an answer may be wrong. Objects that could not be read are no damage."""
        return any(not problem.is_harmless and not problem.is_unread for problem in self.problems)


def verify(table: Table, *, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read every object once, in pieces, and report what is wrong. `progress` gets (bytes read, bytes in all).

    Objects that come while this runs, or go after their fold, are no problems. Where the store cannot say what an
    object holds, it is asked again for some seconds.
    """
    return _Verifier(table, progress).run()


class _Verifier:
    def __init__(self, table: Table, progress: Callable[[int, int], None] | None) -> None:
        self.store = table.store
        self.settings = settings = table.settings
        self.effects = table.effects
        self.now = table.effects.now_ns() / 1e9
        self.progress = progress
        self.problems: list[Problem] = []
        self.newest = Manifest.empty(settings.shards)
        self.is_newest_known = True
        self.needed: set[str] = set()
        self.segments: dict[str, Segment] = {}
        self.lists: dict[str, Segment] = {}
        self.dead: dict[str, NDArray[np.uint32]] = {}
        self.live = _LiveHashes(settings.shards)
        self.done = self.total = 0

    def run(self) -> Report:
        # the manifests first: every object that they name existed before, and lives an hour beyond its last mention
        manifests = self._manifests(list(self.store.list(names.MANIFEST)))
        entries = list(self.store.list())
        self.total = sum(entry.size for entry in entries)
        # asking the store for the time would write to it
        self.now = max([self.now, *(entry.modified for entry in entries)])
        if manifests:
            self.newest = manifests[0]
        elif not any(entry.name.startswith(names.MANIFEST) for entry in entries):
            self._without_manifest(entries)
        self.live = _LiveHashes(self.newest.shards)
        self.needed = {name for segment in self.newest for name in (segment.name, segment.dead_object) if name}
        every = [segment for manifest in manifests[::-1] for segment in manifest]
        self.segments = {segment.name: segment for segment in every}
        self.lists = {segment.dead_object: segment for segment in every if segment.dead_object}
        there = {entry.name for entry in entries}
        for missing in sorted(self.needed - there):
            self._report(missing, "is named by the newest manifest and missing", RESTORE)
        for entry in entries:
            self._step(entry)
        self._check_twice(self.live.twice())
        return Report(len(entries), self.total, self.newest.live, tuple(self.problems))

    def _without_manifest(self, entries: Sequence[Entry]) -> None:
        """Report an index that was emptied by somebody: of one that is new, at least the probe is there."""
        segments = [entry for entry in entries if entry.name.startswith(names.SEGMENTS)]
        if segments:
            # a first commit creates its segments before its manifest
            is_young = all(self.now - entry.modified <= ORPHAN_SECONDS for entry in segments)
            many = f"{len(segments):,} segments" if len(segments) > 1 else "a segment"
            self._report(names.MANIFEST, f"there is no manifest, but {many}", REPAIR_ALL, is_harmless=is_young)
        elif not entries and self.settings.id:
            self._report(names.MANIFEST, f"of the index {self.settings.id} nothing is there", RESTORE)

    def _report(self, name: str, problem: str, advice: str, *, is_harmless: bool = False) -> None:
        self.problems.append(Problem(name, problem, advice, is_harmless))

    def _unread(self, name: str, error: StorageError) -> None:
        self.problems.append(Problem(name, f"could not be read: {error}", AGAIN, is_unread=True))

    def _manifests(self, entries: list[Entry]) -> list[Manifest]:
        manifests = []
        for n, entry in enumerate(entries):
            try:
                manifests.append(
                    of_index(Manifest.from_bytes(self._get(entry.name), entry.name), self.settings.id, entry.name)
                )
            except ObjectNotFound:
                continue
            except CorruptObject as error:
                # no number among the newest may be free: a commit that sleeps would take it
                advice = RESTORE if n < KEPT_MANIFESTS else "delete it: newer manifests do not need it"
                self.is_newest_known &= n > 0
                self._report(entry.name, error.problem, advice, is_harmless=n >= KEPT_MANIFESTS)
            except StorageError as error:
                self._unread(entry.name, error)
        # older ones are collected one by one, and a collector may die half way
        versions = [manifest.version for manifest in manifests[:KEPT_MANIFESTS]]
        if versions and versions != list(range(versions[0], versions[0] - len(versions), -1)) and not self.problems:
            self._report(names.MANIFEST, f"versions {versions} are not consecutive", RESTORE)
        return manifests

    def _step(self, entry: Entry) -> None:
        name = entry.name
        try:
            if name in self.segments:
                self._segment(self.segments[name])
            elif name in self.lists:
                dead = self._patiently(lambda: read_dead(self.store, self.lists[name]))
                if self.segments[self.lists[name].name].dead_object == name:
                    self.dead[name] = dead
            elif name.startswith(names.LOG):
                self._log(name)
            elif names.thumbnail_sha256(name) is not None:
                self._thumbnail(name)
            elif names.IMPORT_NAME.fullmatch(name):
                self._import(name)
            elif names.RATES_NAME.fullmatch(name):
                self._rates(name)
            elif names.MARKS_NAME.fullmatch(name):
                self._marks(name)
            elif name.startswith((names.SEGMENTS, names.DEAD)):
                # a manifest that was not read may name it
                if self.now - entry.modified > ORPHAN_SECONDS and not any(p.is_unread for p in self.problems):
                    self._report(name, "belongs to no manifest", self._of_orphans(), is_harmless=True)
            elif name.startswith(DAMAGED):
                self._report(name, "was set aside by a repair", "delete it if you do not need it", is_harmless=True)
            elif name != names.SETTINGS and not name.startswith((names.MANIFEST, PROBES)):
                self._report(name, "is no object of an index", "move it away", is_harmless=True)
        except ObjectNotFound:
            pass  # collected since the listing; objects that the newest manifest needs are looked for by themselves
        except CorruptObject as error:
            self._report(error.name, error.problem, RESTORE)
        except StorageError as error:
            self._unread(name, error)
        except LookalikeError as error:
            self._report(name, str(error), RESTORE)
        self.done += entry.size
        if self.progress is not None:
            self.progress(self.done, self.total)

    def _of_orphans(self) -> str:
        """Return what to do about what no manifest names: a manifest may be lost that did."""
        if not self.is_newest_known:
            return REPAIR_FIRST
        return COLLECT if self.newest.version else REPAIR_ALL

    def _segment(self, segment: Segment) -> None:
        """Check a segment, and note the key hashes of its live rows if it counts."""

        def read(start: int, stop: int) -> memoryview:
            return self._patiently(lambda: self.store.get_ranges(segment.name, [(start, stop)])[0])

        # lists of dead rows come before segments, by their names; a bad one was reported then
        dead = self.dead.pop(segment.dead_object, None) if segment.dead_object else read_dead(self.store, segment)
        hashes = check_segment(segment, self.settings.load_families(), dead, read)
        if segment.name in self.needed:
            self.live.add(segment, hashes)
            self._future(segment)

    def _future(self, segment: Segment) -> None:
        if segment.latest is not None and not len(in_the_future(np.array([segment.latest], np.uint64), self.now)):
            return
        reader = SegmentReader(self.store, segment)
        orders = reader.column("order")
        counts = reader.column("kind") == DELETE
        is_live = np.ones(segment.rows, bool)
        is_live[read_dead(self.store, segment)] = False
        rows = in_the_future(orders, self.now)
        self._say_future(segment.name, rows[(counts | is_live)[rows]], orders, lambda some: reader.texts("key", some))

    def _say_future(
        self, name: str, rows: NDArray[Any], orders: Orders, keys_of: Callable[[NDArray[Any]], Sequence[bytes]]
    ) -> None:
        if len(rows):
            self._report(name, described(rows, orders, keys_of), ADVICE, is_harmless=True)

    def _log(self, name: str) -> None:
        data = self._get(name)
        names.check_content(name, data)
        records = Records.from_columns(decode(name, data), self.settings.load_families(), name)
        for stored in records.texts["meta"].tolist():
            meta_of(stored, name)
        if name not in self.newest.folded:
            orders = records.fixed["order"]
            keys = records.texts["key"]
            self._say_future(name, in_the_future(orders, self.now), orders, lambda some: keys.take(some).tolist())

    def _thumbnail(self, name: str) -> None:
        try:
            thumbnails.unseal(name, self._get(name))
        except CorruptObject as error:
            self._report(name, error.problem, REDRAW, is_harmless=True)

    def _import(self, name: str) -> None:
        try:
            imported.parse(name, self._get(name))
        except CorruptObject as error:
            self._report(name, error.problem, IMPORT_AGAIN, is_harmless=True)

    def _rates(self, name: str) -> None:
        try:
            calibrated.parse(name, self._get(name))
        except CorruptObject as error:
            self._report(name, error.problem, CALIBRATE_AGAIN, is_harmless=True)

    def _marks(self, name: str) -> None:
        try:
            marked.parse(name, self._get(name))
        except CorruptObject as error:
            self._report(name, error.problem, MARK_AGAIN, is_harmless=True)

    def _get(self, name: str) -> memoryview:
        return self._patiently(lambda: whole.get(self.store, name))

    def _patiently(self, read: Callable[[], Result]) -> Result:
        """Read; try again while the store cannot say (503, 429, a broken connection): that is no damage."""
        return decide(self.effects, read)

    def _check_twice(self, twice: NDArray[np.uint64]) -> None:
        """Report live rows of one hash and one key: those of two keys may collide."""
        for hashed in np.unique(twice):
            try:
                keys = self._live_keys(hashed)
            except StorageError as error:
                self._unread(names.MANIFEST, error)
                return
            for key in {key for key in keys if keys.count(key) > 1}:
                self._report(
                    names.MANIFEST,
                    f"key {key.decode(errors='backslashreplace')!r} lives {keys.count(key)} times",
                    "add this image again",
                )

    def _live_keys(self, hashed: np.uint64) -> list[bytes]:
        """Return the keys of all live rows of this key hash."""
        keys: list[bytes] = []
        for segment in self.newest:
            if hashed % np.uint64(segment.modulus) == segment.shard:
                reader = SegmentReader(self.store, segment)
                _, rows = reader.find(np.array([hashed], np.uint64))
                keys += reader.texts("key", rows[~np.isin(rows, read_dead(self.store, segment))])
        return keys


class _LiveHashes:
    """The key hashes of live rows, of one shard at a time: no key is in two of them.

    Those of wide segments, whose keys belong to several shards, are kept to the end.
    """

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._shard = -1
        self._here: list[NDArray[np.uint64]] = []
        self._wide: list[NDArray[np.uint64]] = []
        self._found: list[NDArray[np.uint64]] = []

    def add(self, segment: Segment, hashes: NDArray[np.uint64]) -> None:
        """Take the hashes of a segment; segments of one shard come one after the other, and by rising shard."""
        if segment.shard != self._shard:
            self._settle()
            self._shard = segment.shard
        (self._here if segment.modulus == self._shards else self._wide).append(hashes)

    def twice(self) -> NDArray[np.uint64]:
        """Return the hashes that occur more than once."""
        self._settle()
        return np.concatenate([np.empty(0, np.uint64), *self._found, _repeated(self._wide)])

    def _settle(self) -> None:
        # a wide segment is with the first of its shards, so all that may share keys with this shard came before
        wide = [hashes[hashes % np.uint64(self._shards) == self._shard] for hashes in self._wide if self._here]
        self._found.append(_repeated(self._here + wide))
        self._here = []


def _repeated(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Return the hashes that occur more than once in all parts together."""
    hashes: NDArray[np.uint64] = np.sort(np.concatenate([np.empty(0, np.uint64), *parts]))
    repeated: NDArray[np.uint64] = hashes[1:][hashes[1:] == hashes[:-1]]
    return repeated
