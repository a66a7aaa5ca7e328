"""Collecting: delete the objects that no reader and no writer can need any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shards.errors import ObjectNotFound, StorageError
from shards.storage.base import Entry, Store
from shards.storage.probe import PROBES, TWICE
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.read.newest import Base, newest, read_manifest
from shards.table.table import Table
from shards.table.write.commit import KEPT_MANIFESTS, Commit
from shards.table.write.draft import Change
from shards.table.write.fold import LOG_AGE_MS

ORPHAN_SECONDS = 3600.0
"""Time for which an object that nothing names is kept: it may belong to a commit under way. No commit names an object
that is over half an hour older than the manifest that the commit builds on."""

NAMED = 100_000
"""Names of deleted objects that are kept: some 13 MB."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The objects that a collector deleted."""

    objects: tuple[str, ...]
    """Names of the first NAMED of them."""

    size: int
    """Their bytes, all together."""

    unnamed: int = 0
    """How many others they are."""

    covered: float = 1.0
    """Share of the thumbnails that were looked at, 0 to 1: less where the time did not suffice."""

    next: float | None = None
    """The place of the thumbnails at which to go on; None where all were looked at."""

    @property
    def count(self) -> int:
        """How many objects they are."""
        return len(self.objects) + self.unnamed

    def __add__(self, other: Collected) -> Collected:
        named = (self.objects + other.objects)[:NAMED]
        count = self.count + other.count
        place = self.next if other.next is None else other.next
        return Collected(named, self.size + other.size, count - len(named), min(self.covered, other.covered), place)


def collect(table: Table) -> Collected:
    """Delete old log objects that are folded, old manifests, and segments and lists of dead rows that nothing names.

    And what asked the store something and was left over by a crash. Goes by the store's clock alone.

    Safe beside any number of writers, readers and collectors: young objects are never touched, and the newest
    manifests are read after the listing of what may go. Safe even beside a commit that slept for hours: an object that
    nothing names goes only when a manifest is over an hour younger, by the store's own clock. A commit that builds on
    that manifest, or on a later one, names nothing so old, and the version that any other commit wants is taken. Where
    nobody has committed for an hour, a manifest that changes nothing is created first. Where nothing can be created, as
    on a full disk, what can go without that goes.
    """
    store = table.store
    now = store_now(table)
    orphans = [*store.list(names.SEGMENTS), *store.list(names.DEAD)]
    log = list(store.list(names.LOG))
    manifests = list(store.list(names.MANIFEST))
    has_room = now is not None
    if now is None:
        now = max((entry.modified for entry in (*orphans, *log, *manifests)), default=0.0)
    kept = manifests[:KEPT_MANIFESTS]
    named: set[str] = set()
    folded: dict[str, int] = {}
    for n, entry in enumerate(kept):
        try:
            manifest = read_manifest(store, entry.name, table.settings.id)
        except ObjectNotFound:
            # 8 commits and an hour have passed since the listing: other collectors are at work, and know better
            return Collected((), 0)
        if n == 0:
            folded = dict(manifest.folded)
        named |= _named(manifest)

    def is_old(entry: Entry) -> bool:
        return now - entry.modified > ORPHAN_SECONDS

    committed = kept[0].modified if kept else 0.0
    unnamed = [entry for entry in orphans if entry.name not in named and is_old(entry)]
    if has_room and kept and is_old(kept[0]) and any(committed - entry.modified <= ORPHAN_SECONDS for entry in unnamed):
        fence = _fence(table)
        committed = fence.modified
        unnamed = [entry for entry in unnamed if entry.name not in _named(fence.manifest)]
    gone = [entry for entry in unnamed if committed - entry.modified > ORPHAN_SECONDS]
    gone += [entry for entry in manifests[KEPT_MANIFESTS:] if is_old(entry)]
    gone += folded_log(log, folded, now)
    gone += [entry for entry in store.list(PROBES) if entry.name != TWICE and is_old(entry)]
    return _delete(store, gone)


def store_now(table: Table) -> float | None:
    """Return the store's time, in seconds since 1970; None where it cannot be asked, since nothing can be created."""
    try:
        return table.clock.now_ns() / 1e9
    except StorageError:
        return None


def folded_log(log: Iterable[Entry], folded: Mapping[str, int], now: float) -> list[Entry]:
    """Return the log objects that were folded so long before `now` (s since 1970) that no reader can need them."""
    return [
        entry
        for entry in log
        if entry.name in folded and now * 1000 - folded[entry.name] > LOG_AGE_MS and names.is_own(entry.name)
    ]


def _named(manifest: Manifest) -> set[str]:
    """Return the names of all objects that this manifest needs."""
    return {name for segment in manifest for name in (segment.name, segment.dead_object) if name is not None}


def _fence(table: Table) -> Base:
    """Commit a manifest without any change, and return the newest one after that, perhaps somebody else's."""

    def same(base: Base, commit_id: str) -> Change:
        before, created = base.manifest, table.clock.now_ns() // 10**6
        return Change(before.following(before.segments, commit_id=commit_id, created=created), {})

    def read() -> Base:
        return newest(table.store, table.settings.shards, index=table.settings.id)

    Commit(table.store, table.effects, read, same).run()
    return read()


def _delete(store: Store, entries: Sequence[Entry]) -> Collected:
    ours = [entry for entry in entries if names.is_own(entry.name)]
    store.delete([entry.name for entry in ours])
    return Collected(tuple(entry.name for entry in ours), sum(entry.size for entry in ours))
