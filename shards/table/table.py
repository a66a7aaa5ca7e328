"""One table: appends to the log, takes snapshots, and commits what changes the manifest."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, ObjectNotFound, QueryError
from shards.storage.base import Entry, Store
from shards.table import names
from shards.table.checked import Memory
from shards.table.columns import decode, encode
from shards.table.commit import Effects, commit, write_once
from shards.table.disk import DiskCache
from shards.table.fold import Change, fold, overlay
from shards.table.manifest import Manifest, Residue, Segment, read_dead
from shards.table.merge import apply, due, merge
from shards.table.reader import SegmentReader, TailReader
from shards.table.records import Order, Records
from shards.table.reshard import Resharded, grow, splits
from shards.table.settings import Settings
from shards.table.snapshot import Snapshot, assemble

FOLD_BYTES = 32 << 20
"""Log bytes folded at a time: bounds the memory of a fold."""

MEMORY = 512 << 20
"""Bytes of segments kept by default: what is searched of a million images in four families, twice."""

PARALLEL_GETS = 16
"""Objects read at once from a store that is not mapped: a GET takes 63 ms, a log tail has up to 256."""

TAIL_OBJECTS = 256
TAIL_BYTES = 32 << 20
"""Beyond this many log objects, or bytes in them, every search pays for what is not folded: adding has to wait."""

RESTARTS = 8
"""Snapshots a reader takes before it believes that an object is missing, not just collected."""

Result = TypeVar("Result")
Place = TypeVar("Place")
Item = TypeVar("Item")


def missing(error: ObjectNotFound) -> CorruptObject:
    """What it is when an object is missing in every new snapshot too."""
    return CorruptObject(error.name, "is needed by the newest manifest or the log, and is missing")


class World:
    """The real effects."""

    def now_ns(self) -> int:
        return time.time_ns()

    def random(self) -> int:
        return secrets.randbits(64)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: log objects folded, segments merged away, segments written in their place."""

    folded: int
    merged: int
    written: int
    version: int


class Table:
    """The records of one index in one store. Safe to use from several threads, and beside any number of others.

    `max_staleness`: seconds a snapshot is used again without asking the store; 0 reads every write. `memory`: bytes
    of segments that are kept, where the store is not mapped; `cache`: where more of them are kept on a disk.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        max_staleness: float = 0.0,
        memory: int = MEMORY,
        cache: DiskCache | None = None,
        effects: Effects | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.effects: Effects = effects or World()
        self._families = settings.signers()
        self._max_staleness_ns = int(max_staleness * 1e9)
        self._lock = threading.RLock()
        self._last_ns = 0
        self._manifest: Manifest | None = None
        self._manifest_name = ""
        self._snapshot: Snapshot | None = None
        self._snapshot_ns = 0
        self._snapshot_take = self._takes = 0
        self._memory = Memory(memory)
        self._cache = cache
        self._readers: dict[str, SegmentReader] = {}
        self._dead: dict[str, NDArray[np.uint32]] = {}
        self._logs: dict[str, Records] = {}

    def next_order(self) -> Order:
        """The order of something that happens now: later than any before it in this process."""
        with self._lock:
            self._last_ns = max(self.effects.now_ns(), self._last_ns + 1)
            return self._last_ns, self.effects.random()

    def append(self, records: Records) -> str:
        """Write records as one log object, and say its name. On return they are safe, and every query sees them."""
        self._check(records)
        body = encode(records.columns())
        newest_ms = int(records.fixed["order"][:, 0].max()) // 10**6
        name = names.log(newest_ms, body)
        write_once(self.store, self.effects, name, body)
        self._look_again()
        return name

    def write(self, records: Records) -> None:
        """Put records straight into segments: for thousands at a time. On return they are safe and seen."""
        self._check(records)
        self._restarting(
            lambda: self._commit(lambda manifest, commit_id: self._fold(manifest, {}, [records], [], commit_id))
        )
        self._look_again()

    def snapshot(self) -> Snapshot:
        """What a query that begins now sees."""
        takes = self._takes
        with self._lock:
            now = self.effects.now_ns()
            # one that was begun while this call waited for the lock is as good as one begun now: of many queries at
            # once, each but the first waits for one listing, not for all those before it
            is_new = self._snapshot_take > takes or 0 <= now - self._snapshot_ns < self._max_staleness_ns
            if self._snapshot is None or not is_new:
                self._takes += 1
                self._snapshot = self._restarting(self._take_snapshot)
                self._snapshot_ns, self._snapshot_take = now, self._takes
            return self._snapshot

    def _look_again(self) -> None:
        """Who writes sees it, however stale what others wrote may be."""
        if self._max_staleness_ns:
            with self._lock:
                self._snapshot_ns = 0

    def read(self, question: Callable[[Snapshot], Result]) -> Result:
        """The answer to a question about a snapshot, asked again of a new one where objects are gone meanwhile."""

        def ask() -> Result:
            try:
                return question(self.snapshot())
            except ObjectNotFound:
                self._snapshot = None
                raise

        return self._restarting(ask)

    def stream(
        self,
        question: Callable[[Snapshot, Place | None], Iterator[Result]],
        after: Place | None,
        place: Callable[[Result], Place],
    ) -> Iterator[Result]:
        """A long answer: asked again of a new snapshot, from the last place on, where objects are gone meanwhile."""
        failures = 0
        while True:
            try:
                for result in question(self.snapshot(), after):
                    after, failures = place(result), 0
                    yield result
            except ObjectNotFound as error:
                failures += 1
                self._snapshot = None
                if failures == RESTARTS:
                    raise missing(error) from error
            else:
                return

    def each(self, read: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """What is read of each item, in order; several at once where the store is far away."""
        if self.store.mapped or len(items) < 2:
            return [read(item) for item in items]
        with ThreadPoolExecutor(PARALLEL_GETS) as pool:
            return list(pool.map(read, items))

    def compact(self, *, everything: bool = False) -> Compacted:
        """Fold the whole log tail, then merge what is due, or `everything` into as few segments as can be."""
        folded = self.fold()
        merged = written = 0
        merging = True
        while merging:
            merging = False
            for segments in self.due_merges(everything=everything):
                made = self.merge(segments)
                if made is not None:
                    merging = not everything
                    merged += len(segments)
                    written += made
        return Compacted(folded, merged, written, self._restarting(self._newest).version)

    def fold(self) -> int:
        """Fold the log tail as it is now into segments; how many log objects that were.

        What is added meanwhile is left to the next call: where something always is, this one would not end.
        """
        batch, waiting = self._restarting(self._fold_some)
        folded = batch
        while batch and folded < waiting:
            batch, _ = self._restarting(self._fold_some)
            folded += batch
        return folded

    def due_merges(self, *, everything: bool = False) -> list[tuple[str, ...]]:
        """The merges to do now, each as the names of its segments, and no segment in two of them.

        So any number of processes may do them at once, each with `merge`.
        """
        manifest = self._restarting(self._newest)
        merges = due(manifest, self.settings.segment_rows, everything=everything)
        return [tuple(segment.name for segment in segments) for segments in merges]

    def merge(self, segments: Sequence[str]) -> int | None:
        """Put one segment in the place of those of these names: how many were written, 0 where nothing of them lives.

        None where one of them is gone: somebody else has merged it. Raises QueryError where they are not of one shard.
        """
        return self._restarting(lambda: self._merge(segments))

    def reshard(self, shards: int, progress: Callable[[int, int], None] | None = None) -> Resharded:
        """Make it so many shards; go on where an earlier call was interrupted. `progress`: (rows split, of how many).

        Raises QueryError unless `shards` is what there are, times a power of two.
        """
        before = self._restarting(self._newest).shards
        self._restarting(lambda: self._commit(lambda manifest, commit_id: self._grow(manifest, shards, commit_id)))
        split = written = total = 0
        while True:
            manifest = self._restarting(self._newest)
            waiting = sum(segment.rows for segment in manifest.wide)
            total = max(total, waiting)
            if progress is not None and total:
                progress(total - waiting, total)
            todo = splits(manifest, self.settings.segment_rows)
            if not todo:
                return Resharded(before, shards, split, written, manifest.version)
            # any of them, so that two processes seldom do the same
            chosen = todo[self.effects.random() % len(todo)]
            made = self._restarting(
                lambda chosen=chosen: self._merge([one.name for one in chosen.segments], chosen.into)  # type: ignore[misc]
            )
            if made is not None:
                split += len(chosen.segments)
                written += made

    def pressure(self) -> tuple[int, int]:
        """(log objects, bytes) of the tail that waits for a fold."""
        listed = list(self.store.list(names.LOG))
        tail = self._unfolded(self._restarting(self._newest), listed)
        return len(tail), sum(entry.size for entry in tail)

    def _check(self, records: Records) -> None:
        expected = {family.name: family.dtype for family in self._families}
        given = {name: rows.dtype for name, rows in records.rows.items()}
        if given != expected:
            raise QueryError(f"records have signatures of {sorted(given)}, the index has {sorted(expected)}")
        if not len(records):
            raise QueryError("there are no records to add")

    def _commit(self, build: Callable[[Manifest, str], Change | None]) -> Manifest | None:
        return commit(self.store, self.effects, self.settings.shards, build)

    def _restarting(self, attempt: Callable[[], Result]) -> Result:
        """Objects that were listed may be folded and collected before they are read: then look again."""
        for _ in range(RESTARTS - 1):
            try:
                return attempt()
            except ObjectNotFound:
                continue
        try:
            return attempt()
        except ObjectNotFound as error:
            raise missing(error) from error

    def _newest(self) -> Manifest:
        """The newest manifest, read once a version."""
        with self._lock:
            for entry in self.store.list(names.MANIFEST, limit=1):
                if self._manifest is None or entry.name != self._manifest_name:
                    self._manifest = Manifest.from_bytes(self.store.get(entry.name), entry.name)
                    self._manifest_name = entry.name
                return self._manifest
            return Manifest.empty(self.settings.shards)

    def _take_snapshot(self) -> Snapshot:
        # the log first: the other way round misses what is folded between the two listings
        listed = list(self.store.list(names.LOG))
        manifest = self._newest()
        tail = frozenset(entry.name for entry in self._unfolded(manifest, listed))
        before = self._snapshot
        if before is not None and (before.manifest, before.tail) == (manifest, tail):
            return before
        # copies are looked through: a compaction or a resharding of another thread opens and closes segments meanwhile
        self._logs = {name: records for name, records in self._logs.copy().items() if name in tail}
        live = {segment.name for segment in manifest}
        self._readers = {name: reader for name, reader in self._readers.copy().items() if name in live}
        named = {segment.dead_object for segment in manifest}
        self._dead = {name: dead for name, dead in self._dead.copy().items() if name in named}
        dead = {segment.name: self._dead_of(segment) for segment in manifest}
        reader = None
        if tail:
            change = overlay(manifest, Records.join(self._load(sorted(tail))), self._open, self._dead_of)
            dead |= change.dead
            reader = TailReader(change.records.take(np.flatnonzero(change.is_live)))
        return assemble(manifest, {segment.name: self._open(segment) for segment in manifest}, dead, reader, tail)

    def _unfolded(self, manifest: Manifest, listed: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in listed if entry.name not in manifest.folded]

    def _load(self, log: list[str]) -> list[Records]:
        unread = [name for name in log if name not in self._logs]
        self._logs |= dict(zip(unread, self.each(self._load_one, unread), strict=True))
        return [self._logs[name] for name in log]

    def _load_one(self, name: str) -> Records:
        data = self.store.get(name)
        names.check_content(name, data)
        return Records.from_columns(decode(name, data), self._families)

    def _open(self, segment: Segment) -> SegmentReader:
        reader = self._readers.get(segment.name)
        if reader is None:
            reader = self._readers[segment.name] = SegmentReader(self.store, segment, self._memory, self._cache)
        return reader

    def _dead_of(self, segment: Segment) -> NDArray[np.uint32]:
        if segment.dead_object is None:
            return read_dead(self.store, segment)
        dead = self._dead.get(segment.dead_object)
        if dead is None:
            dead = self._dead[segment.dead_object] = read_dead(self.store, segment)
        return dead

    def _fold_some(self) -> tuple[int, int]:
        """Fold the oldest of the tail, as much as fits in memory: how many log objects that were, and were waiting."""
        listed = list(self.store.list(names.LOG))
        waiting = self._unfolded(self._newest(), listed)
        chosen: list[str] = []
        size = 0
        for entry in waiting:
            if chosen and size + entry.size > FOLD_BYTES:
                break
            chosen.append(entry.name)
            size += entry.size
        if not chosen:
            return 0, 0
        batches = dict(zip(chosen, self._load(chosen), strict=True))
        existing = [entry.name for entry in listed]
        self._commit(lambda manifest, commit_id: self._fold(manifest, batches, [], existing, commit_id))
        return len(chosen), len(waiting)

    def _fold(
        self,
        manifest: Manifest,
        batches: dict[str, Records],
        direct: list[Records],
        listed: list[str],
        commit_id: str,
    ) -> Change | None:
        if batches and all(name in manifest.folded for name in batches):
            return None
        return fold(
            manifest,
            batches,
            direct,
            families=self._families,
            segment_rows=self.settings.segment_rows,
            open_segment=self._open,
            dead_of=self._dead_of,
            listed=listed if batches else manifest.folded,
            now_ms=self.effects.now_ns() // 10**6,
            commit_id=commit_id,
        )

    def _grow(self, manifest: Manifest, shards: int, commit_id: str) -> Change | None:
        return grow(manifest, shards, now_ms=self.effects.now_ns() // 10**6, commit_id=commit_id)

    def _merge(self, wanted: Sequence[str], into: Sequence[Residue | None] = (None,)) -> int | None:
        """Put one segment in the place of these, or one for each residue that they are split into.

        How many were written, since empty ones are not; None where one of these is gone already.
        """
        # as they are now: the lists of dead rows that they had when the merge was planned may be collected
        live = {segment.name: segment for segment in self._newest()}
        if any(name not in live for name in wanted):
            return None
        segments = [live[name] for name in dict.fromkeys(wanted)]
        if len({segment.residue for segment in segments}) != 1:
            raise QueryError(f"a merge takes segments of one shard, one or more: not {', '.join(wanted) or 'none'}")
        parts = [
            merge(
                segments,
                families=self._families,
                open_segment=self._open,
                dead_of=self._dead_of,
                now_ns=self.effects.now_ns(),
                into=residue,
            )
            for residue in into
        ]
        made = self._commit(
            lambda manifest, commit_id: apply(
                manifest,
                *parts,
                dead_of=self._dead_of,
                now_ms=self.effects.now_ns() // 10**6,
                commit_id=commit_id,
            )
        )
        for segment in segments:
            # hundreds may follow, and each reader of a folder holds an open map
            self._readers.pop(segment.name, None)
        return None if made is None else sum(part.segment is not None for part in parts)
