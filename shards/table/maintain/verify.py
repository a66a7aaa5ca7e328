"""Verifying: every byte of every object, and that the objects together make an index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, LookalikeError, ObjectNotFound
from shards.storage.base import Entry, Store
from shards.storage.effects import Effects
from shards.table.format import names, thumbnails
from shards.table.format.columns import CHECKS, decode
from shards.table.format.manifest import Manifest, Segment, read_dead
from shards.table.format.orders import highest
from shards.table.format.records import DELETE, Records, meta_of
from shards.table.format.settings import IndexSettings
from shards.table.maintain.collect import KEPT_MANIFESTS, ORPHAN_SECONDS
from shards.table.read.reader import SegmentReader

RESTORE = "restore it from a copy, or remove what it held and add those images again"
COLLECT = "nothing is lost; 'lookalike collect' removes it"
REDRAW = "delete it: no search needs it, and it is drawn again where its image is at hand"


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
        return all(problem.is_harmless for problem in self.problems)


def verify(
    store: Store, settings: IndexSettings, effects: Effects, *, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Read every object once, and report what is wrong. `progress` is called with (bytes read, bytes in all).

    Objects that come while this runs, or go after their fold, are no problems.
    """
    return _Verifier(store, settings, effects, progress).run()


class _Verifier:
    def __init__(
        self, store: Store, settings: IndexSettings, effects: Effects, progress: Callable[[int, int], None] | None
    ) -> None:
        self.store = store
        self.settings = settings
        self.now = effects.now_ns() / 1e9
        self.progress = progress
        self.problems: list[Problem] = []
        self.needed: set[str] = set()
        self.done = self.total = 0

    def run(self) -> Report:
        # the manifests first: every object that they name existed before, and lives an hour beyond its last mention
        manifests = self._manifests(list(self.store.list(names.MANIFEST)))
        entries = list(self.store.list())
        self.total = sum(entry.size for entry in entries)
        newest = manifests[0] if manifests else Manifest.empty(self.settings.shards)
        self.needed = {name for segment in newest for name in (segment.name, segment.dead_object) if name}
        segments = {segment.name: segment for manifest in manifests[::-1] for segment in manifest}
        dead = {segment.dead_object for manifest in manifests for segment in manifest if segment.dead_object}
        there = {entry.name for entry in entries}
        for missing in sorted(self.needed - there):
            self._report(missing, "is named by the newest manifest and missing", RESTORE)
        live: list[NDArray[np.uint64]] = []
        for entry in entries:
            self._step(entry, segments, dead, live)
        if live:
            hashes = np.sort(np.concatenate(live))
            twice = hashes[1:][hashes[1:] == hashes[:-1]]
            self._check_twice(twice, newest)
        return Report(len(entries), self.total, newest.live, tuple(self.problems))

    def _report(self, name: str, problem: str, advice: str, *, is_harmless: bool = False) -> None:
        self.problems.append(Problem(name, problem, advice, is_harmless))

    def _manifests(self, entries: list[Entry]) -> list[Manifest]:
        manifests = []
        for n, entry in enumerate(entries):
            try:
                manifests.append(Manifest.from_bytes(self.store.get(entry.name), entry.name))
            except ObjectNotFound:
                continue
            except CorruptObject as error:
                advice = RESTORE if n == 0 else "delete it: newer manifests do not need it"
                self._report(entry.name, error.problem, advice, is_harmless=n >= KEPT_MANIFESTS)
        # older ones are collected one by one, and a collector may die half way
        versions = [manifest.version for manifest in manifests[:KEPT_MANIFESTS]]
        if versions and versions != list(range(versions[0], versions[0] - len(versions), -1)) and not self.problems:
            self._report(names.MANIFEST, f"versions {versions} are not consecutive", RESTORE)
        return manifests

    def _step(
        self,
        entry: Entry,
        segments: dict[str, Segment],
        dead: set[str],
        live: list[NDArray[np.uint64]],
    ) -> None:
        try:
            if entry.name in segments:
                hashes = self._segment(segments[entry.name])
                if entry.name in self.needed:
                    live.append(hashes)
            elif entry.name in dead:
                names.check_content(entry.name, self.store.get(entry.name))
            elif entry.name.startswith(names.LOG):
                self._log(entry.name)
            elif names.thumbnail_sha256(entry.name) is not None:
                self._thumbnail(entry.name)
            elif entry.name.startswith((names.SEGMENTS, names.DEAD)):
                if self.now - entry.modified > ORPHAN_SECONDS:
                    self._report(entry.name, "belongs to no manifest", COLLECT, is_harmless=True)
            elif entry.name != names.SETTINGS and not entry.name.startswith(names.MANIFEST):
                self._report(entry.name, "is no object of an index", "move it away", is_harmless=True)
        except ObjectNotFound:
            pass  # collected since the listing; objects that the newest manifest needs are looked for by themselves
        except CorruptObject as error:
            self._report(error.name, error.problem, RESTORE)
        except LookalikeError as error:
            self._report(entry.name, str(error), RESTORE)
        self.done += entry.size
        if self.progress is not None:
            self.progress(self.done, self.total)

    def _segment(self, segment: Segment) -> NDArray[np.uint64]:
        """Check a segment; return (live,) uint64, the key hashes of its live rows."""
        data = self.store.get(segment.name)
        if len(data) != segment.size:
            raise CorruptObject(segment.name, f"has {len(data):,} bytes, its manifest says {segment.size:,}")
        names.check_content(segment.name, data)
        arrays = decode(segment.name, data)
        for name, column in segment.columns.items():
            if name not in arrays or (arrays[name].dtype, arrays[name].shape) != (column.dtype, column.shape):
                raise CorruptObject(segment.name, f"column {name} is not the {column.dtype} that its manifest says")
        reader = SegmentReader(self.store, segment)
        for name in segment.columns:
            if name != CHECKS:
                reader.column(name)
        records = Records.from_columns(arrays, self.settings.load_families(), segment.name)
        hashes = self._records(segment.name, records)
        if (hashes[1:] < hashes[:-1]).any():
            raise CorruptObject(segment.name, "its rows are not sorted by key hash")
        if (hashes % np.uint64(segment.modulus) != segment.shard).any():
            raise CorruptObject(segment.name, f"has keys that are not of shard {segment.shard} of {segment.modulus}")
        if segment.latest not in (None, highest(records.fixed["order"])):
            raise CorruptObject(segment.name, f"its latest order is not {segment.latest}, which its manifest says")
        dead = read_dead(self.store, segment)
        tombstones = np.flatnonzero(records.fixed["kind"] == DELETE)
        if len(tombstones) != segment.tombstones or not np.isin(tombstones, dead).all():
            raise CorruptObject(segment.name, "its tombstones are not all dead rows")
        is_live = np.ones(len(records), bool)
        is_live[dead] = False
        return hashes[is_live]

    def _log(self, name: str) -> None:
        data = self.store.get(name)
        names.check_content(name, data)
        self._records(name, Records.from_columns(decode(name, data), self.settings.load_families(), name))

    def _thumbnail(self, name: str) -> None:
        try:
            thumbnails.unseal(name, self.store.get(name))
        except CorruptObject as error:
            self._report(name, error.problem, REDRAW, is_harmless=True)

    def _records(self, name: str, records: Records) -> NDArray[np.uint64]:
        """Check what the records say of themselves, and return their key hashes."""
        hashes: NDArray[np.uint64] = records.fixed["key_hash"]
        keys = records.texts["key"].tolist()
        if len(keys) != len(records) or (names.key_hashes(keys) != hashes).any():
            raise CorruptObject(name, "a key does not have the hash that stands beside it")
        try:
            for stored in records.texts["meta"].tolist():
                meta_of(stored, name)
        except ValueError as error:
            raise CorruptObject(name, f"metadata is not JSON ({error})") from error
        return hashes

    def _check_twice(self, twice: NDArray[np.uint64], newest: Manifest) -> None:
        """Report live rows of one hash and one key: those of two keys may collide."""
        for hashed in np.unique(twice):
            keys: list[bytes] = []
            for segment in newest:
                if hashed % np.uint64(segment.modulus) != segment.shard:
                    continue
                reader = SegmentReader(self.store, segment)
                _, rows = reader.find(np.array([hashed], np.uint64))
                keys += reader.texts("key", rows[~np.isin(rows, read_dead(self.store, segment))])
            for key in {key for key in keys if keys.count(key) > 1}:
                self._report(
                    names.MANIFEST, f"key {key.decode()!r} lives {keys.count(key)} times", "add this image again"
                )
