"""One index, and as many processes beside it as a story needs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.format.records import Record
from shards.table.maintain.collect import collect
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.merge import Merged
from shards.table.maintain.verify import verify
from shards.table.read.newest import newest
from tests.shards.table.synthetic import make_store, make_table, read, records
from tests.simulation.interleaving import InterleavedStore
from tests.world import FakeWorld

MINUTES, HOURS = 60.0, 3600.0


class Scene:
    """An index with one shard. What it does itself, it does at once and without fault."""

    def __init__(self) -> None:
        self.world = FakeWorld()
        self.store: MemoryStore = make_store(self.world)
        self.bystander = make_table(self.store, self.world)

    def process(self) -> tuple[InterleavedStore, CommittingTable]:
        """Another process: its way to the store, and its table."""
        way = InterleavedStore(self.store)
        return way, make_table(way, FakeWorld(seed=len(self.names()) + 1))

    def sleeper(self) -> tuple[InterleavedStore, CommittingTable]:
        """Another process that shares the scene's clock, and so notices when time passes."""
        way = InterleavedStore(self.store)
        return way, make_table(way, self.world)

    def append(self, *those: Record) -> str:
        return self.bystander.append(records(*those))

    def write(self, *those: Record) -> None:
        self.bystander.write(records(*those))

    def compact(self, *, everything: bool = False) -> None:
        self.bystander.compact(everything=everything)

    def merged(self, segments: Sequence[str] | None = None) -> Merged:
        """Merge these segments, or all there are, in a process that ends then."""
        _, merger = self.process()
        if segments is None:
            (segments,) = merger.due_merges(everything=True)
        merged = merger.merge(segments)
        assert merged is not None
        return Merged.from_json(json.loads(json.dumps(merged.to_json())))

    def reshard(self, shards: int) -> None:
        self.bystander.reshard(shards)

    def wait(self, seconds: float) -> None:
        self.world.pass_seconds(seconds)

    def collect(self) -> set[str]:
        """Collect, and return the names of the objects that went."""
        return set(collect(make_table(self.store, self.world)).objects)

    def read(self) -> dict[str, int]:
        """Return each key's number, as a process sees it that has just started."""
        return read(make_table(self.store, self.world))

    def names(self, prefix: str = "") -> list[str]:
        return [entry.name for entry in self.store.list(prefix)]

    def newest(self) -> Manifest:
        return newest(self.store, 1).manifest

    def versions(self) -> list[int]:
        """Return the stored versions, the newest first."""
        return [names.manifest_version(name) for name in self.names(names.MANIFEST)]

    def is_whole(self) -> bool:
        return verify(self.bystander).is_clean
