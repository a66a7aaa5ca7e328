"""Protocols that look right and are not. Each lacks one rule of ours, and the simulator has to notice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from math import inf
from unittest.mock import patch

import numpy as np

from shards.storage.base import Entry, Store
from shards.storage.effects import Effects
from shards.storage.parallel import ParallelMap
from shards.table.format import names
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.records import Records
from shards.table.maintain import collect, committing, merge
from shards.table.maintain.collect import Collected
from shards.table.maintain.merge import Merged, put_in_place
from shards.table.maintain.reshard import grow
from shards.table.read.latest import OpenSegment, ReadDead
from shards.table.read.newest import Base, newest
from shards.table.read.snapshot import Snapshot
from shards.table.table import Table
from shards.table.write import commit
from shards.table.write.commit import write_once
from shards.table.write.draft import Change, Draft
from tests.simulation import actors
from tests.simulation.interleaving import InterleavedStore


def the_manifest_is_read_before_the_log() -> AbstractContextManager[object]:
    """Records that are folded between the two readings are in neither."""
    take = Table._take_snapshot

    def taken(self: Table) -> Snapshot:
        manifest = self._newest()
        with patch.object(self, "_newest", lambda: manifest):
            return take(self)

    return patch.object(Table, "_take_snapshot", taken)


def what_is_folded_is_told_by_a_watermark() -> AbstractContextManager[object]:
    """The log object of a slow writer sorts before those that are folded already."""

    def unfolded(self: Table, manifest: Manifest, listed: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in listed if entry.name > max(manifest.folded, default="")]

    return patch.object(Table, "_unfolded", unfolded)


def a_version_that_is_there_counts_as_ones_own() -> AbstractContextManager[object]:
    """The other commit's changes stay, and one's own are lost."""

    def create(store: Store, effects: Effects, manifest: Manifest) -> bool:
        write_once(store, effects, names.manifest(manifest.version), manifest.to_bytes())
        return True

    return patch.object(commit, "_create", create)


def whatever_is_not_named_is_collected_at_once() -> AbstractContextManager[object]:
    """It may belong to a commit under way."""

    def at_once(store: Store, effects: Effects) -> Collected:
        there = [entry.name for entry in store.list(names.SEGMENTS)]
        named = {segment.name for segment in newest(store, 1).manifest}
        gone = tuple(name for name in there if name not in named)
        store.delete(gone)
        return Collected(gone, 0)

    return patch.object(actors, "collect", at_once)


def collect_by_age(store: Store, effects: Effects) -> Collected:
    """Whatever nothing names and is an hour old: perhaps a commit that fell asleep at its last step will name it."""
    return collect.collect(AgelessStore(store), effects)


def collect_before_the_fence(store: Store, effects: Effects) -> Collected:
    """The same commit may wake between the two."""
    collected = collect_by_age(store, effects)
    if collected.objects:
        collect._fence(store, effects)
    return collected


def a_collector_goes_by_age_alone() -> AbstractContextManager[object]:
    return patch.object(actors, "collect", collect_by_age)


def a_collector_makes_its_fence_when_it_has_deleted() -> AbstractContextManager[object]:
    return patch.object(actors, "collect", collect_before_the_fence)


class AgelessStore(InterleavedStore):
    """Shows manifests as younger than everything else."""

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        for entry in self.inner.list(prefix, after=after, limit=limit):
            yield replace(entry, modified=inf) if prefix == names.MANIFEST else entry


def a_commit_does_not_ask_how_old_an_upload_is() -> AbstractContextManager[object]:
    """It may have been collected before the newest manifest was read."""
    return patch.object(Base, "may_name", lambda self, uploaded: True)


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


def a_reader_does_not_start_again() -> AbstractContextManager[object]:
    """Objects that were listed may be folded and collected before they are read."""

    def once(self: Table, attempt: Callable[[], object]) -> object:
        return attempt()

    return patch.object(Table, "_restarting", once)


def the_last_to_arrive_wins() -> AbstractContextManager[object]:
    """A late event must not replace what is newer."""
    latest = Records.latest

    def by_position(self: Records) -> Records:
        order = np.stack([np.arange(len(self)), np.zeros(len(self))], axis=1).astype(np.uint64)
        kept = latest(Records({**self.fixed, "order": order}, self.texts, self.rows))
        return self.take(kept.fixed["order"][:, 0].astype(np.int64))

    return patch.object(Records, "latest", by_position)


def names_are_made_of_the_content_alone() -> AbstractContextManager[object]:
    """A commit takes over an orphan of the same content, at the moment when it is collected."""
    name = names.segment

    def unmarked(shard: int, body: bytes, mark: str) -> str:
        return name(shard, body, "")

    return patch.object(names, "segment", unmarked)
