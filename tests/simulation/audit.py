"""The store as nobody's process sees it: what happens there is watched, and what lies there is read without faults."""

from __future__ import annotations

from collections.abc import Sequence

from shards.errors import CorruptObject
from shards.storage.base import Data
from shards.storage.delegating import DelegatingStore
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.format.settings import IndexSettings
from shards.table.read.snapshot import Snapshot
from tests.simulation.model import FAMILY, Seen, ViolationError
from tests.simulation.scheduler import Scheduler


class WatchedStore(DelegatingStore):
    """The one store of a simulated world. Each change is checked when it happens, against the newest manifest.

    `slack`: how far behind the newest version a collected manifest may be created once more by a commit that slept
    for hours; nobody reads it.
    """

    def __init__(self, scheduler: Scheduler, slack: int, settings: IndexSettings) -> None:
        super().__init__(self.another(scheduler))
        self.versions = 0
        self.replaced_ns = 0
        self._scheduler = scheduler
        self._shards = 1
        self._folder = f"{settings.id}/" if settings.id else ""
        self._slack = slack
        self._needed: frozenset[str] = frozenset()

    @staticmethod
    def another(scheduler: Scheduler) -> MemoryStore:
        """Return an empty store with the clock of this world."""
        return MemoryStore("memory://simulated", clock=lambda: scheduler.now_ns / 1e9)

    def create(self, name: str, data: Data) -> bool:
        created = super().create(name, data)
        if created and name.startswith(self._folder + names.MANIFEST):
            self._check_commit(Manifest.from_bytes(bytes(data), name.removeprefix(self._folder)))
        return created

    def delete(self, those: Sequence[str]) -> None:
        lost = self._needed.intersection(those)
        if lost:
            raise ViolationError(f"{sorted(lost)} deleted, and the newest manifest names it")
        super().delete(those)

    def replace(self, by: MemoryStore, settings: IndexSettings) -> None:
        """Put another store in the place of this one, in one moment, as `mv` does with folders."""
        self.inner = by
        self.replaced_ns = self._scheduler.now_ns
        self._folder = f"{settings.id}/"
        self.versions, self._needed = 0, frozenset()
        for entry in by.list(self._folder + names.MANIFEST, limit=1):
            manifest = Manifest.from_bytes(bytes(by.get(entry.name)), entry.name.removeprefix(self._folder))
            self.versions, self._shards = manifest.version, manifest.shards
            self._needed = self._named(manifest)

    def _named(self, manifest: Manifest) -> frozenset[str]:
        return frozenset(
            self._folder + name
            for segment in manifest
            for name in (segment.name, segment.dead_object)
            if name is not None
        )

    def _check_commit(self, manifest: Manifest) -> None:
        if manifest.version <= self.versions - self._slack:
            return
        if manifest.version != self.versions + 1:
            raise ViolationError(f"manifest {manifest.version} was created after {self.versions}")
        if manifest.shards % self._shards:
            raise ViolationError(f"manifest {manifest.version} has {manifest.shards} shards after {self._shards}")
        self.versions, self._shards = manifest.version, manifest.shards
        self._needed = self._named(manifest)
        there = {entry.name for entry in self.inner.list()}
        if self._needed - there:
            raise ViolationError(
                f"manifest {manifest.version} names {sorted(self._needed - there)}, which is not there"
            )


def read_all(snapshot: Snapshot) -> list[Seen]:
    """Every live record, its row included."""
    seen: list[Seen] = []
    for source in snapshot.sources:
        rows = source.live_rows()
        hashes = source.reader.take(FAMILY.name, rows)["hash"][:, 0].tolist()
        ties = source.reader.take("order", rows)[:, 1].tolist()
        for image, hashed, tie in zip(source.images(rows), hashes, ties, strict=True):
            number = image.meta.get("number")
            if not isinstance(number, int):
                raise CorruptObject(image.key, f"has metadata {image.meta}")
            seen.append(Seen(image.key, number, image.width, image.added, hashed, tie))
    return seen
