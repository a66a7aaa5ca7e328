"""Folding and merging without a table around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shards.storage.memory import MemoryStore
from shards.table import names
from shards.table.fold import Change, fold
from shards.table.manifest import Manifest, Residue, Segment, read_dead
from shards.table.merge import Merged, apply, due, merge
from shards.table.reader import SegmentReader
from shards.table.records import Record, Records
from shards.table.snapshot import Snapshot, Source
from tests.table.counting import CountingStore
from tests.table.synthetic import FAMILIES, records, shown

NOW_MS = 1_800_000_000_000


class Folder:
    """Folds and merges one thing after the other, as a table does, and remembers the manifest."""

    def __init__(self, shards: int = 1, segment_rows: int = 1000) -> None:
        self.store = CountingStore(MemoryStore())
        self.manifest = Manifest.empty(shards)
        self.segment_rows = segment_rows
        self.commits = 0

    def change(
        self, batches: dict[str, Records], *direct: Records, listed: Iterable[str] = (), now_ms: int = NOW_MS
    ) -> Change:
        return fold(
            self.manifest,
            batches,
            direct,
            families=FAMILIES,
            segment_rows=self.segment_rows,
            open_segment=self.reader,
            dead_of=lambda segment: read_dead(self.store, segment),
            listed=listed,
            now_ms=now_ms,
            commit_id=f"{self.commits:016x}",
        )

    def apply(self, change: Change) -> None:
        for name, data in change.objects.items():
            assert self.store.create(name, data)
        self.manifest = Manifest.from_bytes(change.manifest.to_bytes(), names.manifest(change.manifest.version))
        self.commits += 1

    def fold(self, *made: Record) -> None:
        self.apply(self.change({}, records(*made)))

    def shown(self) -> dict[str, int]:
        sources = [Source(self.reader(segment), read_dead(self.store, segment)) for segment in self.manifest]
        return shown(Snapshot(self.manifest, tuple(sources), frozenset()))

    def reader(self, segment: Segment) -> SegmentReader:
        return SegmentReader(self.store, segment)

    def merge(self, segments: Sequence[Segment], *, now_ms: int = NOW_MS, into: Residue | None = None) -> Merged:
        return merge(
            segments,
            families=FAMILIES,
            open_segment=self.reader,
            dead_of=lambda segment: read_dead(self.store, segment),
            now_ns=now_ms * 10**6,
            into=into,
        )

    def replaced(self, *parts: Merged, now_ms: int = NOW_MS) -> Change | None:
        """The manifest with what was merged, or split."""
        return apply(
            self.manifest,
            *parts,
            dead_of=lambda segment: read_dead(self.store, segment),
            now_ms=now_ms,
            commit_id=f"{self.commits:016x}",
        )

    def merge_due(self, *, everything: bool = False, now_ms: int = NOW_MS) -> int:
        """Do the merges that are due; how many those were."""
        merges = due(self.manifest, self.segment_rows, everything=everything)
        for segments in merges:
            change = self.replaced(self.merge(segments, now_ms=now_ms), now_ms=now_ms)
            assert change is not None
            self.apply(change)
        return len(merges)

    def rows(self) -> list[int]:
        """Of each segment."""
        return [segment.rows for segment in self.manifest]
