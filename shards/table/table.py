"""A table: the records of one index. It appends to the log and takes snapshots."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, ObjectNotFound, QueryError
from shards.storage.base import Entry, Store
from shards.storage.effects import Effects, World
from shards.storage.parallel import parallel_map
from shards.table.format import names
from shards.table.format.columns import decode, encode
from shards.table.format.manifest import Manifest, Segment, read_dead
from shards.table.format.placement import check_family
from shards.table.format.records import Order, Records
from shards.table.format.settings import IndexSettings
from shards.table.read.disk import DiskCache
from shards.table.read.memory import Memory
from shards.table.read.newest import Base, newest
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Snapshot, Source
from shards.table.read.tail import Tail
from shards.table.write.commit import write_once

MEMORY = 512 << 20
"""Bytes of segments that are kept by default: twice what searches read of a million images in four families."""

RESTARTS = 8
"""Snapshots that a reader takes before it believes that an object is missing, not just collected."""

Result = TypeVar("Result")
Place = TypeVar("Place")
Item = TypeVar("Item")


def missing(error: ObjectNotFound) -> CorruptObject:
    """Return the error for an object that is missing in every new snapshot too."""
    return CorruptObject(error.name, "is needed by the newest manifest or the log, and is missing")


class Table:
    """The records of one index in one store. Safe beside other tables, and from several threads."""

    def __init__(
        self,
        store: Store,
        settings: IndexSettings,
        *,
        max_staleness: float = 0.0,
        memory: int = MEMORY,
        cache: DiskCache | None = None,
        effects: Effects | None = None,
    ) -> None:
        """Use the index with these settings in this store.

        `max_staleness`: seconds for which a snapshot is used again without asking the store; 0 reads every write.
        `memory`: bytes of segments to keep, where the store is not mapped; `cache`: a disk that keeps more of them.
        """
        self.store = store
        self.settings = settings
        self.effects: Effects = effects or World()
        self._families = settings.load_families()
        self._max_staleness_ns = int(max_staleness * 1e9)
        self._lock = threading.RLock()
        self._last_ns = 0
        self._manifest: Manifest | None = None
        self._snapshot: Snapshot | None = None
        self._snapshot_ns = 0
        self._snapshot_take = self._takes = 0
        self._memory = Memory(memory)
        self._cache = cache
        self._readers: dict[str, SegmentReader] = {}
        self._dead: dict[str, NDArray[np.uint32]] = {}
        self._logs: dict[str, Records] = {}

    def next_order(self) -> Order:
        """Return the order of an event that happens now: later than any that was returned before."""
        with self._lock:
            self._last_ns = max(self.effects.now_ns(), self._last_ns + 1)
            return self._last_ns, self.effects.random()

    def append(self, records: Records) -> str:
        """Write records as one log object and return its name. On return they are safe, and every query sees them."""
        self._check(records)
        body = encode(records.columns())
        newest_ms = int(records.fixed["order"][:, 0].max()) // 10**6
        name = names.log(newest_ms, body)
        write_once(self.store, self.effects, name, body)
        self._look_again()
        return name

    def snapshot(self) -> Snapshot:
        """Return what a query that begins now sees."""
        takes = self._takes
        with self._lock:
            now = self.effects.now_ns()
            # a snapshot that was begun while this call waited for the lock is as good as one begun now: of many
            # queries at once, each but the first waits for one listing, not for all those before it
            is_new = self._snapshot_take > takes or 0 <= now - self._snapshot_ns < self._max_staleness_ns
            if self._snapshot is None or not is_new:
                self._takes += 1
                self._snapshot = self._restarting(self._take_snapshot)
                self._snapshot_ns, self._snapshot_take = now, self._takes
            return self._snapshot

    def _look_again(self) -> None:
        """Make the next snapshot a new one: a writer sees its own records, whatever `max_staleness` is."""
        if self._max_staleness_ns:
            with self._lock:
                self._snapshot_ns = 0

    def read(self, question: Callable[[Snapshot], Result]) -> Result:
        """Ask a snapshot a question and return the answer; ask a new snapshot where objects are gone meanwhile."""

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
        """Ask a snapshot a question and yield its long answer; go on with a new snapshot where objects are gone.

        `place`: returns the place of a result. `question` is asked for the results after a place, first `after`.
        """
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

    def parallel_map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Map a function that reads or writes the table's store over items: parallel unless the store is local."""
        return parallel_map(self.store, function, items)

    def pressure(self) -> tuple[int, int]:
        """Return (log objects, bytes) of the tail, which waits for a fold."""
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

    def _restarting(self, attempt: Callable[[], Result]) -> Result:
        """Try again where an object is gone that was listed: it was folded and collected before it was read."""
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
        """Return the newest manifest, which is read once a version."""
        return self._base().manifest

    def _base(self) -> Base:
        """Return the newest manifest, and when it was created."""
        with self._lock:
            base = newest(self.store, self.settings.shards, self._manifest)
            self._manifest = base.manifest
            return base

    def _take_snapshot(self) -> Snapshot:
        # the log first: the other way round misses what is folded between the two listings
        listed = list(self.store.list(names.LOG))
        manifest = self._newest()
        tail = frozenset(entry.name for entry in self._unfolded(manifest, listed))
        before = self._snapshot
        if before is not None and (before.manifest, before.log) == (manifest, tail):
            return before
        # copies, because a compaction or a resharding of another thread opens and closes segments meanwhile
        self._logs = self._load(sorted(tail))
        live = {segment.name for segment in manifest}
        self._readers = {name: reader for name, reader in self._readers.copy().items() if name in live}
        named = {segment.dead_object for segment in manifest}
        self._dead = {name: dead for name, dead in self._dead.copy().items() if name in named}
        unread = [segment for segment in manifest if segment.dead_object and segment.dead_object not in self._dead]
        self.parallel_map(self._dead_of, unread)
        sources = [Source(self._open(segment), self._dead_of(segment)) for segment in manifest]
        fresh = None
        if tail:
            fresh = Tail(Records.join(list(self._logs.values())).latest(), manifest, self._open, self.parallel_map)
        return Snapshot(manifest, sources, fresh, tail, parallel_map=self.parallel_map, is_near=self.store.mapped)

    def _unfolded(self, manifest: Manifest, listed: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in listed if entry.name not in manifest.folded]

    def _load(self, log: Sequence[str]) -> dict[str, Records]:
        """Return the records of these log objects, by name. Those of the last snapshot are not read again."""
        known = self._logs
        unread = [name for name in log if name not in known]
        read = dict(zip(unread, self.parallel_map(self._load_object, unread), strict=True))
        return {name: read[name] if name in read else known[name] for name in log}

    def _load_object(self, name: str) -> Records:
        data = self.store.get(name)
        names.check_content(name, data)
        return Records.from_columns(decode(name, data), self._families, name)

    def _open(self, segment: Segment) -> SegmentReader:
        reader = self._readers.get(segment.name)
        if reader is None:
            for family in self._families:
                check_family(segment, family)
            reader = self._readers[segment.name] = SegmentReader(self.store, segment, self._memory, self._cache)
        return reader

    def _dead_of(self, segment: Segment) -> NDArray[np.uint32]:
        if segment.dead_object is None:
            return read_dead(self.store, segment)
        dead = self._dead.get(segment.dead_object)
        if dead is None:
            dead = self._dead[segment.dead_object] = read_dead(self.store, segment)
        return dead
