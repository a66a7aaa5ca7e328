"""A table: the records of one index. It appends to the log and takes snapshots."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject, IndexReplaced, ObjectNotFound, QueryError, StorageError
from shards.families.rates import RateTable
from shards.storage.base import Entry, Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects, World
from shards.storage.parallel import parallel_map
from shards.storage.probe import HOUR_NS, StoreClock, check_conditional_create
from shards.table.format import names, settings, whole
from shards.table.format.columns import decode, encode
from shards.table.format.layout import PARTIAL_SHA256
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
from shards.table.write import calibrated, imported, marked

MEMORY = 512 << 20
"""Bytes of segments that are kept by default: twice what searches read of a million images in four families."""

LOOK_NS = 60 * 10**9
"""For so long a reader may go on with an index over which another one was copied, if the old one's objects are all
there still. An index that was moved away or deleted is missed at once, and a writer always looks."""

UNKNOWN_NS = 2**64 - 1
"""The latest order of a segment of an older release, in ns since 1970: it might be any."""

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
        self.root = store
        self.effects: Effects = effects or World()
        self._max_staleness_ns = int(max_staleness * 1e9)
        self._lock = threading.RLock()
        self._last_ns = 0
        self._takes = 0
        self._memory_bytes = memory
        self._cache = cache
        self._begin(settings)

    def _begin(self, settings: IndexSettings) -> None:
        """Begin with the index with these settings, and forget everything about any other."""
        self.settings = settings
        self.store = settings.data(self.root)
        self.clock = StoreClock(self.store, self.effects, self.root.url)
        self.families = tuple(settings.load_families())
        self._is_fit = False
        self._looked_ns = self.effects.steady_ns()
        self._horizon_ns = 0
        self._horizon_at: int | None = None
        self._known: Base | None = None
        self._snapshot: Snapshot | None = None
        self._snapshot_ns = 0
        self._snapshot_take = 0
        self._memory = Memory(self._memory_bytes)
        self._readers: dict[str, SegmentReader] = {}
        self._dead: dict[str, NDArray[np.uint32]] = {}
        self._logs: dict[str, Records] = {}
        self._tail: tuple[frozenset[str], Records | None] | None = None

    def look(self) -> None:
        """Look whether this is still the index that was opened. Raises IndexReplaced, and has begun anew then.

        Raises IndexNotFound where there is none any more.
        """
        now = settings.read(self.root)
        with self._lock:
            self._looked_ns = self.effects.steady_ns()
            if now != self.settings:
                self._begin(now)
                raise IndexReplaced(self.root.url)

    def prepare(self) -> None:
        """Make sure, once, that the store is fit to be written. Raises StoreUnfit."""
        if not self._is_fit:
            check_conditional_create(self.store, self.effects, self.root.url)
            self._is_fit = True

    def next_order(self) -> Order:
        """Return the order of an event that happens now, by the store's clock: later than any that was returned."""
        now = self.clock.now_ns()
        with self._lock:
            self._last_ns = max(now, self._last_ns + 1)
            return self._last_ns, self.effects.random()

    def orders(self, keys: Sequence[str], at: Order | None = None) -> list[Order]:
        """Return the order of an event that happens now for each of these keys, later than the newest state of the key.

        `at`: an earlier order, to give where the state is not later than now. A state may be later if a machine whose
        clock was wrong wrote it, or if it is that of an event. Keys are looked up only where the index holds anything
        so late.
        """
        now = [self.next_order() for _ in keys]
        if not now or not self._may_be_later_than(now[0]):
            return [at or order for order in now]
        newest = self.read(lambda snapshot: snapshot.orders(keys))
        orders: list[Order] = []
        for key, order in zip(keys, now, strict=True):
            if key in newest and newest[key] >= order:
                # of several records of one key the last counts
                newest[key] = newest[key][0] + 1, order[1]
                orders.append(newest[key])
            else:
                orders.append(at or order)
        return orders

    def append(self, records: Records, before: Callable[[], object] = lambda: None) -> str:
        """Write records as one log object and return its name. On return they are safe, and every query sees them.

        `before`: creates objects that have to be there before the records.
        """

        def attempt() -> str:
            self._check(records)
            self.prepare()
            before()
            # a reader that does not know what is missing refuses the manifest, where that says so already
            partial = self._known is not None and PARTIAL_SHA256 in self._known.manifest.needs
            body = encode(records.columns(partial=partial))
            limit = whole.MAX_BYTES[names.LOG]
            if len(body) > limit:
                told = f"{len(records):,} records have {len(body):,} bytes, and one call takes {limit:,}"
                raise QueryError(f"{told}: write them in several calls, or with write_bulk")
            newest_ms = int(records.fixed["order"][:, 0].max()) // 10**6
            name = names.log(newest_ms, body)
            store = self.store
            write_once(store, self.effects, name, body)
            try:
                self.look()
            except IndexReplaced:
                with suppress(StorageError):  # not everybody may delete, and nobody reads it there
                    store.delete([name])
                raise
            return name

        name = self._restarting(attempt)
        self._look_again()
        return name

    def import_time(self, content: str) -> int:
        """Return when this content, 32 hex digits, was first imported, in ns since 1970: now, if that is new.

        An import of the same content that goes on, or is repeated, gets the same time.
        """
        self.prepare()
        now, form = self.next_order()[0], self.settings.format
        return self._restarting(lambda: imported.time_of(self.store, self.effects, content, now, form))

    def mark_imported(self, content: str) -> None:
        """Note that all of this content is in the index."""
        now, form = self.next_order()[0], self.settings.format
        imported.mark_done(self.store, self.effects, content, now, form)

    def was_imported(self, content: str) -> bool:
        """Return True if all of this content was put into the index before."""
        return imported.is_done(self.store, content)

    def store_rates(self, images: int, pairs: int, tables: Mapping[str, RateTable]) -> calibrated.Rates:
        """Keep false rates that were measured among the index's own images, and return them."""
        self.prepare()
        measured = calibrated.Rates(self.next_order()[0] // 1_000_000, images, pairs, tables)
        calibrated.store(self.store, self.effects, measured, self.settings.format)
        return measured

    def stored_rates(self) -> calibrated.Rates | None:
        """Return the false rates that were measured last; None where none were."""
        return calibrated.newest(self.store)

    def mark(self, entries: Sequence[marked.Entry]) -> None:
        """Keep marks of images and decisions about pairs. Those that are younger than others of the same count."""
        if entries:
            self.prepare()
            marked.store(self.store, self.effects, entries, self.next_order()[0], self.settings.format)

    def marks(self) -> marked.Marks:
        """Return the marks and decisions that count now."""
        return marked.read(self.store)

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
        expected = {family.name: family.dtype for family in self.families}
        given = {name: rows.dtype for name, rows in records.rows.items()}
        if given != expected:
            raise QueryError(
                f"records have signatures of {sorted(given)}, the index has {sorted(expected)}; if another index was"
                " put in its place, start again what computes them"
            )
        if not len(records):
            raise QueryError("there are no records to add")

    def _restarting(self, attempt: Callable[[], Result]) -> Result:
        """Try again where an object is gone that was listed, or where another index is here now.

        The object was folded and collected before it was read.
        """
        for _ in range(RESTARTS - 1):
            try:
                return attempt()
            except (ObjectNotFound, IndexReplaced):
                continue
        try:
            return attempt()
        except ObjectNotFound as error:
            raise missing(error) from error

    def _may_be_later_than(self, order: Order) -> bool:
        """Return True if the index may hold a state that is not earlier than this order.

        Goes by the last snapshot, of the last hour at most. No state of the present is written with a later time than
        the store's clock shows; those of events and of older releases may be.
        """
        now = self.effects.steady_ns()
        if self._horizon_at is None or not 0 <= now - self._horizon_at < HOUR_NS:

            def attempt() -> None:
                listed = [entry.name for entry in self.store.list(names.LOG)]
                self._see(self._newest(), listed)

            self._restarting(attempt)
        return self._horizon_ns >= order[0]

    def _see(self, manifest: Manifest, log: Iterable[str]) -> None:
        """Note the latest time that a state in these segments and log objects can have."""
        segments = (segment.latest[0] if segment.latest else UNKNOWN_NS for segment in manifest if segment.rows)
        logs = ((names.log_ms(name) + 1) * 10**6 for name in log)
        self._horizon_ns = max(chain(segments, logs), default=0)
        self._horizon_at = self.effects.steady_ns()

    def _newest(self) -> Manifest:
        """Return the newest manifest, which is read once a version."""
        return self._base().manifest

    def _base(self) -> Base:
        """Return the newest manifest, and when it was created. Raises IndexReplaced, and has begun anew then."""
        with self._lock:
            base = newest(self.store, self.settings.shards, self._known, index=self.settings.id)
            known, version = self._known, base.manifest.version
            is_young = 0 <= self.effects.steady_ns() - self._looked_ns < LOOK_NS
            # what is new here may be of somebody who has not noticed yet that another index has come
            is_known = known is not None and known.entry == base.entry
            if not version or not is_known or not is_young:
                self.look()
            if known is not None and not base.manifest.may_follow(known.manifest):
                # this index was put back to an older state, or brought back from a copy
                self._begin(self.settings)
                raise IndexReplaced(self.root.url)
            self._known = base
            return base

    def _take_snapshot(self) -> Snapshot:
        # the log first: the other way round misses what is folded between the two listings
        listed = list(self.store.list(names.LOG))
        manifest = self._newest()
        tail = frozenset(entry.name for entry in self._unfolded(manifest, listed))
        self._see(manifest, tail)
        before = self._snapshot
        if before is not None and (before.manifest, before.log) == (manifest, tail):
            return before
        # copies, because a compaction or a resharding of another thread opens and closes segments meanwhile
        live = {segment.name for segment in manifest}
        self._readers = {name: reader for name, reader in self._readers.copy().items() if name in live}
        named = {segment.dead_object for segment in manifest}
        self._dead = {name: dead for name, dead in self._dead.copy().items() if name in named}
        unread = [segment for segment in manifest if segment.dead_object and segment.dead_object not in self._dead]
        self.parallel_map(self._dead_of, unread)
        sources = [Source(self._open(segment), self._dead_of(segment)) for segment in manifest]
        records = self._read_tail(tail)
        fresh = None if records is None else Tail(records, manifest, self._open, self.parallel_map)
        return Snapshot(manifest, sources, fresh, tail, parallel_map=self.parallel_map, is_near=self.store.mapped)

    def _unfolded(self, manifest: Manifest, listed: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in listed if entry.name not in manifest.folded]

    def _read_tail(self, tail: frozenset[str]) -> Records | None:
        """Return the newest state of each key in these log objects, sorted by key hash; None where there are none."""
        known = self._tail
        if known is None or known[0] != tail:
            self._logs = self._load(sorted(tail))
            records = Records.join(list(self._logs.values())).latest() if tail else None
            known = self._tail = tail, records
        return known[1]

    def _load(self, log: Sequence[str]) -> dict[str, Records]:
        """Return the records of these log objects, by name. Those of the last snapshot are not read again."""
        known = self._logs
        unread = [name for name in log if name not in known]
        read = dict(zip(unread, self.parallel_map(self._load_object, unread), strict=True))
        return {name: read[name] if name in read else known[name] for name in log}

    def _load_object(self, name: str) -> Records:
        data = whole.get(self.store, name)
        names.check_content(name, data)
        return Records.from_columns(decode(name, data), self.families, name)

    def _open(self, segment: Segment) -> SegmentReader:
        reader = self._readers.get(segment.name)
        if reader is None:
            for family in self.families:
                check_family(segment, family)
            reader = self._readers[segment.name] = SegmentReader(
                self.store, segment, self._memory, self._cache, self.settings.id
            )
        return reader

    def _dead_of(self, segment: Segment) -> NDArray[np.uint32]:
        if segment.dead_object is None:
            return read_dead(self.store, segment)
        dead = self._dead.get(segment.dead_object)
        if dead is None:
            dead = self._dead[segment.dead_object] = read_dead(self.store, segment)
        return dead
