"""Committing: create manifest N + 1, or start again from the newest manifest when somebody else created that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shards.errors import Conflict, IndexReplaced, ObjectNotFound
from shards.storage.base import Entry, Store
from shards.storage.deciding import decide, wait, write_all, write_once
from shards.storage.effects import Effects
from shards.table.format import names, whole
from shards.table.format.manifest import Manifest
from shards.table.read.newest import UPLOAD_SECONDS, Base
from shards.table.write.draft import Change

TRIES = 40
"""Attempts of one commit: with the waits between them, over a minute of losing every race."""

KEPT_MANIFESTS = 8
"""Versions whose objects are kept whatever their age: a reader of one of these never has to start again. And a number
is free again only when there are so many newer ones, by which a commit that comes much too late is known."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Attempts to create the next manifest of one index."""

    store: Store
    effects: Effects

    read: Callable[[], Base]
    """Returns the newest manifest."""

    build: Callable[[Base, str], Change | None]
    """Returns the change to make to this manifest, under this commit id; None for none."""

    def run(self) -> Base | None:
        """Make the change, and return the manifest; None for no change.

        Builds again from the newest manifest until this commit is the one that created the next version. Nothing rests
        on a clock: however long it sleeps anywhere, it notices afterwards what has happened. Raises Conflict where
        others win every race, and IndexReplaced where another index is at this place now.
        """
        for n in range(TRIES):
            commit_id = f"{self.effects.random():016x}"
            base = self.read()
            change = self.build(base, commit_id)
            if change is None:
                return None
            write_all(self.store, self.effects, change.objects)
            if self._went_back(base, change):
                self._fence(base)
            elif self._create(change.manifest):
                entry = self._placed(base, change.manifest)
                if entry is not None:
                    return Base(change.manifest, entry)
            wait(self.effects, n)
        raise Conflict(f"{self.store.url}: other writers created the next manifest {TRIES} times in a row; try again")

    def _create(self, manifest: Manifest) -> bool:
        """Return True if this manifest became its version. A repeated request may find what it created itself."""
        name = names.manifest(manifest.version)
        if write_once(self.store, self.effects, name, manifest.to_bytes()):
            return True
        try:
            there = Manifest.from_bytes(whole.get(self.store, name), name)
        except ObjectNotFound:
            return False  # collected meanwhile: it was somebody else's, long ago
        return there.commit_id == manifest.commit_id

    def _placed(self, base: Base, made: Manifest) -> Entry | None:
        """Return the object of a manifest that was just created, if it is what the index goes on from; else None.

        A number that was taken is free again after 8 commits, when a collector has deleted its manifest. A commit that
        slept all that time creates it anew, and nobody will ever read it: the change has to be made again. (Where 8
        others came after a commit that was in time, making it again changes nothing.) If the manifest before is not
        there, or another one of its number is, then this folder was replaced by another one while the commit slept.
        """
        mine = None
        for _ in range(2):  # a listing is not of one moment: what it lacks is looked for once more
            listed = decide(self.effects, lambda: list(self.store.list(names.MANIFEST, limit=KEPT_MANIFESTS + 1)))
            versions = {names.manifest_version(entry.name): entry for entry in listed}
            ahead = max(versions, default=0) - made.version
            if ahead >= KEPT_MANIFESTS:
                return None
            mine = versions.get(made.version)
            # the one before the newest eight may be collected
            is_base_there = ahead == KEPT_MANIFESTS - 1 or versions.get(base.manifest.version) == base.entry
            if mine is not None and is_base_there:
                return mine
        if mine is not None:
            self.store.delete([mine.name])
        raise IndexReplaced(self.store.url)

    def _went_back(self, base: Base, change: Change) -> bool:
        """Return True if the objects of this change look so much older than the manifest that they could be collected.

        They were made after it was read: the store's clock has been set back. That of a folder is the machine's.
        """
        if not change.objects:
            return False
        *_, last = change.objects
        entry = decide(self.effects, lambda: next(iter(self.store.list(last, limit=1)), None))
        return entry is not None and base.modified - entry.modified > UPLOAD_SECONDS

    def _fence(self, base: Base) -> None:
        """Create a manifest without any change: it is as young as the objects of the next attempt."""
        before = base.manifest
        mark = f"{self.effects.random():016x}"
        self._create(before.following(before.segments, commit_id=mark, created=before.created))
