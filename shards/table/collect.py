"""Collecting: delete the objects that no reader and no writer can need any more."""

from __future__ import annotations

from dataclasses import dataclass

from shards.errors import ObjectNotFound
from shards.storage.base import Entry, Store
from shards.table import names
from shards.table.commit import Effects
from shards.table.fold import LOG_AGE_MS
from shards.table.manifest import Manifest

KEPT_MANIFESTS = 8
"""Versions whose objects are kept whatever their age: a reader of one of these never has to start again."""

ORPHAN_SECONDS = 3600.0
"""What nothing names is kept so long: it may belong to a commit under way, and none lasts over half an hour."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted: `objects` by name, `size` in bytes."""

    objects: tuple[str, ...]
    size: int

    def __add__(self, other: Collected) -> Collected:
        return Collected(self.objects + other.objects, self.size + other.size)


def collect(store: Store, effects: Effects) -> Collected:
    """Delete old log objects that are folded, old manifests, and segments and lists that none of the last names.

    Safe beside any number of writers, readers and collectors: nothing younger than its age is touched, and the
    newest manifests are read after the listing of what may go. Safe even beside a commit that slept for hours: an
    object that nothing names goes only when a manifest is younger than it, by the store's own clock. Its commit
    would have had to create that version, or an older one, and cannot any more.
    """
    now = effects.now_ns() / 1e9
    orphans = [*store.list(names.SEGMENTS), *store.list(names.DEAD)]
    log = list(store.list(names.LOG))
    manifests = list(store.list(names.MANIFEST))
    kept = manifests[:KEPT_MANIFESTS]
    named: set[str] = set()
    folded: dict[str, int] = {}
    for n, entry in enumerate(kept):
        try:
            manifest = Manifest.from_bytes(store.get(entry.name), entry.name)
        except ObjectNotFound:
            # 8 commits and an hour have passed since the listing: others collect, and know better
            return Collected((), 0)
        if n == 0:
            folded = dict(manifest.folded)
        for segment in manifest:
            named |= {segment.name, segment.dead_object or segment.name}

    def is_old(entry: Entry) -> bool:
        return now - entry.modified > ORPHAN_SECONDS

    committed = kept[0].modified if kept else 0.0
    gone = [entry for entry in orphans if entry.name not in named and is_old(entry) and entry.modified < committed]
    gone += [entry for entry in manifests[KEPT_MANIFESTS:] if is_old(entry)]
    gone += [entry for entry in log if entry.name in folded and now * 1000 - folded[entry.name] > LOG_AGE_MS]
    store.delete([entry.name for entry in gone])
    return Collected(tuple(entry.name for entry in gone), sum(entry.size for entry in gone))
