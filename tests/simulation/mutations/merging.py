"""What a merge or a resharding may leave out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from unittest.mock import patch

from shards.storage.parallel import ParallelMap
from shards.table.format.manifest import Manifest, Segment
from shards.table.maintain import committing, merge
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.merge import Merged, put_in_place
from shards.table.maintain.reshard import grow
from shards.table.read.latest import OpenSegment, ReadDead
from shards.table.write.draft import Change, Draft


def a_merge_forgets_what_died_meanwhile() -> AbstractContextManager[object]:
    """A fold has overwritten a row while the merge copied it."""

    def forgetful(
        draft: Draft, merged: Merged, *, open_segment: OpenSegment, dead_of: ReadDead, parallel_map: ParallelMap
    ) -> bool:
        now = {segment.name: segment.dead_rows for segment in draft.before if segment.name in merged.replaced}
        merged = replace(merged, replaced=merged.replaced | now)
        return put_in_place(draft, merged, open_segment=open_segment, dead_of=dead_of, parallel_map=parallel_map)

    return patch.object(committing, "put_in_place", forgetful)


def resharding_forgets_what_a_segment_was_made_for() -> AbstractContextManager[object]:
    """Keys are looked for in the segments of their new shard alone: what an old segment has of it is not found."""

    def grown(manifest: Manifest, shards: int, *, now_ms: int, commit_id: str) -> Change | None:
        change = grow(manifest, shards, now_ms=now_ms, commit_id=commit_id)
        return change and Change(narrow(change.manifest), change.objects)

    return patch.object(committing, "grow", grown)


def a_merge_mixes_wide_segments_with_others() -> AbstractContextManager[object]:
    """The merged segment counts as one of them, and its other keys are in no shard where they are looked for."""

    def due(manifest: Manifest, segment_rows: int, *, everything: bool = False) -> list[list[Segment]]:
        real = {segment.name: segment for segment in manifest}
        merges = merge.due(narrow(manifest), segment_rows, everything=everything)
        return [
            sorted((real[segment.name] for segment in segments), key=lambda segment: -segment.modulus)
            for segments in merges
        ]

    return patch.object(committing, "due", due)


def the_parts_of_a_split_are_committed_one_by_one() -> AbstractContextManager[object]:
    """The second commit finds the split segment gone and gives up, as that of a merge must."""

    def one(
        draft: Draft, merged: Merged, *, open_segment: OpenSegment, dead_of: ReadDead, parallel_map: ParallelMap
    ) -> bool:
        first = replace(merged, segments=merged.segments[:1])
        return put_in_place(draft, first, open_segment=open_segment, dead_of=dead_of, parallel_map=parallel_map)

    return patch.object(committing, "put_in_place", one)


def narrow(manifest: Manifest) -> Manifest:
    """Return the manifest as if every segment had been made for as many shards as there are."""
    segments = [[replace(segment, modulus=manifest.shards) for segment in shard] for shard in manifest.segments]
    return replace(manifest, segments=tuple(map(tuple, segments)))


def a_merge_is_put_in_place_whatever_it_replaces_is_there() -> AbstractContextManager[object]:
    """Somebody else has merged the rest already."""

    def always(
        draft: Draft, merged: Merged, *, open_segment: OpenSegment, dead_of: ReadDead, parallel_map: ParallelMap
    ) -> bool:
        there = {segment.name for shard in draft.segments for segment in shard}
        left = {name: dead for name, dead in merged.replaced.items() if name in there}
        merged = replace(merged, replaced=left)
        return put_in_place(draft, merged, open_segment=open_segment, dead_of=dead_of, parallel_map=parallel_map)

    return patch.object(committing, "put_in_place", always)


def a_merge_drops_tombstones_at_once() -> AbstractContextManager[object]:
    """An event that is older than the delete may still be on its way."""
    return patch.object(merge, "TOMBSTONE_NS", 0)


def a_merge_is_dated_by_who_made_it() -> AbstractContextManager[object]:
    """That clock may be ahead of the store's."""
    return patch.object(CommittingTable, "_modified", lambda self, name: self.effects.now_ns() / 1e9)
