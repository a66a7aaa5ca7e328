"""The segments of an index through its life: real manifests, changed by the real rules of merging.

Shards get equal shares of every fold, so that one shard's life is every shard's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale import shapes
from shards.storage.parallel import sequential_map
from shards.table.format.manifest import Manifest, Segment
from shards.table.maintain.merge import Merged, due, put_in_place
from shards.table.read.reader import SegmentReader
from shards.table.write.draft import Draft

COMMIT = "0" * 16

PLAYED = 10
"""Rows that are played in a shard, in full segments: enough to fill and merge the last tier."""


def nothing_dead(_: Segment) -> NDArray[np.uint32]:
    """Return no dead rows: no image is overwritten or deleted here."""
    return np.empty(0, np.uint32)


def never_opened(segment: Segment) -> SegmentReader:
    """Fail if a segment is opened: nothing is looked up where nothing dies."""
    raise NotImplementedError(segment.name)


@dataclass(slots=True)
class Life:
    """An index without bytes.

    `made`: segments so far; `largest`: the most there were at a time; `rewritten`: the rows that merges wrote.
    """

    manifest: Manifest
    segment_rows: int
    rewritten: int = 0
    made: int = 0
    largest: int = 0

    @classmethod
    def begin(cls, shards: int, segment_rows: int) -> Life:
        return cls(Manifest.empty(shards), segment_rows)

    def fold(self, rows: int) -> None:
        """Add so many new rows, in equal shares, as `fold` puts them into segments."""
        segments = [list(shard) for shard in self.manifest.segments]
        for shard, share in enumerate(shares(rows, self.manifest.shards)):
            for start in range(0, share, self.segment_rows):
                segments[shard].append(self._segment(shard, min(self.segment_rows, share - start)))
        self._follow(self.manifest.following(segments, commit_id=COMMIT, created=0))

    def due(self) -> list[list[Segment]]:
        return due(self.manifest, self.segment_rows)

    def merged(self, segments: Sequence[Segment]) -> Merged:
        """Return the segment that `merge` makes of these."""
        made = self._segment(segments[0].shard, sum(segment.live for segment in segments))
        return Merged({segment.name: segment.dead_rows for segment in segments}, (made,), 0.0)

    def commit(self, merged: Merged) -> None:
        """Replace the others by it. Raises RuntimeError if one of those is gone."""
        draft = Draft.of(self.manifest, commit_id=COMMIT, now_ms=0)
        if not put_in_place(
            draft, merged, open_segment=never_opened, dead_of=nothing_dead, parallel_map=sequential_map
        ):
            raise RuntimeError(f"{', '.join(merged.replaced)} were merged twice")
        self.rewritten += sum(segment.rows for segment in merged.segments)
        self._follow(draft.change().manifest)

    def lay(self, rows: Sequence[Sequence[int]]) -> None:
        """Begin with segments of so many rows, shard by shard."""
        segments = [[self._segment(shard, count) for count in mine] for shard, mine in enumerate(rows)]
        self._follow(self.manifest.following(segments, commit_id=COMMIT, created=0))

    def _segment(self, shard: int, rows: int) -> Segment:
        self.made += 1
        return shapes.segment(shard, rows, self.made, shards=self.manifest.shards)

    def _follow(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.largest = max(self.largest, sum(map(len, manifest.segments)))


def shares(rows: int, shards: int) -> list[int]:
    """Divide so many rows into shares that differ by one at most."""
    each, rest = divmod(rows, shards)
    return [each + (shard < rest) for shard in range(shards)]


def grown(images: int, shards: int, segment_rows: int, fold_rows: int) -> Life:
    """Return an index that grew to so many images by folds of so many rows, with all due merges done."""
    return replace(_grown(images, shards, segment_rows, fold_rows))


@lru_cache(maxsize=64)
def _grown(images: int, shards: int, segment_rows: int, fold_rows: int) -> Life:
    """Return the same array; it is not to be changed.

    One shard is played and the others are made like it. The oldest segments of a large one, which no rule touches any
    more, are not played: there are as many more, as large, as the play made of them.
    """
    share, per_fold = images // shards, max(fold_rows // shards, 1)
    played = min(share, PLAYED * segment_rows)
    one = Life.begin(1, segment_rows)
    while one.manifest.live < played:
        one.fold(min(per_fold, played - one.manifest.live))
        while merges := one.due():
            for segments in merges:
                one.commit(one.merged(segments))
    rows = [segment.rows for segment in one.manifest]
    full = [count for count in rows if count > segment_rows // 2]
    rest, more = share - played, 0
    while full and rest > 0:
        rows.insert(0, min(full[more % len(full)], rest))
        rest, more = rest - rows[0], more + 1
    life = Life.begin(shards, segment_rows)
    life.lay([[mine - sum(rows[1:]), *rows[1:]] for mine in shares(images, shards)])
    life.largest = shards * (more + one.largest)
    # of the rows played; older ones were rewritten as often
    life.rewritten = images * one.rewritten // max(played, 1)
    return life
