"""Folding and merging without a table around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from shards.storage.memory import MemoryStore
from shards.storage.parallel import sequential_map
from shards.table.format import names
from shards.table.format.manifest import Manifest, Residue, Segment, read_dead
from shards.table.format.records import Record, Records
from shards.table.maintain.merge import Merged, due, merge, put_in_place
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Snapshot, Source
from shards.table.write.draft import Change, Draft
from shards.table.write.fold import fold
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import FAMILIES, records, shown

NOW_MS = 1_800_000_000_000


class Folder:
    """Folds and merges one thing after the other, as a table does, and remembers the manifest."""

    def __init__(self, shards: int = 1, segment_rows: int = 1000) -> None:
        self.store = CountingStore(MemoryStore())
        self.manifest = Manifest.empty(shards)
        self.segment_rows = segment_rows
        self.commits = self.uploads = 0

    def change(
        self, batches: dict[str, Records], *direct: Records, listed: Iterable[str] = (), now_ms: int = NOW_MS
    ) -> Change:
        draft = self.draft(now_ms)
        self.fold_into(draft, batches, *direct, listed=listed)
        return draft.change()

    def draft(self, now_ms: int = NOW_MS) -> Draft:
        return Draft.of(self.manifest, commit_id=f"{self.commits:016x}", now_ms=now_ms)

    def fold_into(
        self, draft: Draft, batches: dict[str, Records], *direct: Records, listed: Iterable[str] = ()
    ) -> None:
        fold(
            draft,
            batches,
            direct,
            families=FAMILIES,
            segment_rows=self.segment_rows,
            open_segment=self.reader,
            dead_of=self.dead_of,
            listed=listed,
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
        return shown(Snapshot(self.manifest, sources))

    def reader(self, segment: Segment) -> SegmentReader:
        return SegmentReader(self.store, segment)

    def dead_of(self, segment: Segment) -> NDArray[np.uint32]:
        return read_dead(self.store, segment)

    def merge(
        self, segments: Sequence[Segment], *, now_ms: int = NOW_MS, into: Sequence[Residue | None] = (None,)
    ) -> Merged:
        """Merge segments, or split them, and upload the result."""
        made = []
        for residue in into:
            self.uploads += 1
            part = merge(
                segments,
                families=FAMILIES,
                open_segment=self.reader,
                dead_of=self.dead_of,
                now_ns=now_ms * 10**6,
                mark=f"{-self.uploads % 2**64:016x}",
                into=residue,
            )
            if part is not None:
                segment, objects = part
                made.append(segment)
                for name, data in objects.items():
                    assert self.store.create(name, data)
        return Merged({segment.name: segment.dead_rows for segment in segments}, tuple(made), 0.0)

    def replaced(self, *merges: Merged, now_ms: int = NOW_MS) -> Change | None:
        """Return the change that places merged segments; None where one of the merges was in vain."""
        draft = self.draft(now_ms)
        return draft.change() if all(self.put(draft, merged) for merged in merges) else None

    def put(self, draft: Draft, merged: Merged) -> bool:
        return put_in_place(draft, merged, open_segment=self.reader, dead_of=self.dead_of, parallel_map=sequential_map)

    def merge_due(self, *, everything: bool = False, now_ms: int = NOW_MS) -> int:
        """Do the merges that are due, and return their number."""
        merges = due(self.manifest, self.segment_rows, everything=everything)
        for segments in merges:
            change = self.replaced(self.merge(segments, now_ms=now_ms), now_ms=now_ms)
            assert change is not None
            self.apply(change)
        return len(merges)

    def rows(self) -> list[int]:
        """Return the rows of each segment."""
        return [segment.rows for segment in self.manifest]
