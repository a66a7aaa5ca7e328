"""One table: appends to the log, and takes snapshots."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, ObjectNotFound, QueryError
from shards.storage.base import Entry, Store
from shards.storage.each import several
from shards.table.format import names
from shards.table.format.columns import decode, encode
from shards.table.format.manifest import Manifest, Segment, read_dead
from shards.table.format.records import Order, Records
from shards.table.format.settings import Settings
from shards.table.read.checked import Memory
from shards.table.read.disk import DiskCache
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Snapshot, Source
from shards.table.read.tail import Tail
from shards.table.write.commit import Base, Effects, newest, write_once

MEMORY = 512 << 20
"""Bytes of segments kept by default: what is searched of a million images in four families, twice."""

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
        return several(self.store, read, items)

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
        return self._base().manifest

    def _base(self) -> Base:
        """The newest manifest, and when it was created."""
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
        # copies are looked through: a compaction or a resharding of another thread opens and closes segments meanwhile
        self._logs = self._load(sorted(tail))
        live = {segment.name for segment in manifest}
        self._readers = {name: reader for name, reader in self._readers.copy().items() if name in live}
        named = {segment.dead_object for segment in manifest}
        self._dead = {name: dead for name, dead in self._dead.copy().items() if name in named}
        self.each(self._dead_of, [one for one in manifest if one.dead_object and one.dead_object not in self._dead])
        sources = [Source(self._open(segment), self._dead_of(segment)) for segment in manifest]
        over = None
        if tail:
            over = Tail(Records.join(list(self._logs.values())).latest(), manifest, self._open, self.each)
        return Snapshot(manifest, sources, over, tail, each=self.each, is_near=self.store.mapped)

    def _unfolded(self, manifest: Manifest, listed: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in listed if entry.name not in manifest.folded]

    def _load(self, log: Sequence[str]) -> dict[str, Records]:
        """These log objects by name. Those of the last snapshot are not read again."""
        known = self._logs
        unread = [name for name in log if name not in known]
        read = dict(zip(unread, self.each(self._load_one, unread), strict=True))
        return {name: read[name] if name in read else known[name] for name in log}

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
