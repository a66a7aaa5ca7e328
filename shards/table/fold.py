"""Folding: fresh records over a manifest. A pure function of immutable objects, so it may run again at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.storage.base import Data
from shards.table.manifest import Manifest, Segment
from shards.table.reader import SegmentReader
from shards.table.records import DELETE, Records
from shards.table.segment import pack_records, with_dead

LOG_AGE_MS = 10 * 60 * 1000
"""A folded log object is kept so long: a reader that listed it before the fold may still be reading it."""

Open: TypeAlias = Callable[[Segment], SegmentReader]
Dead: TypeAlias = Callable[[Segment], NDArray[np.uint32]]


@dataclass(frozen=True, slots=True)
class Overlay:
    """What fresh records change.

    `records`: the newest state of each key that is newer than the segments', sorted by key hash, tombstones
    included. `dead`: for each segment that changes, all its dead rows, sorted uint32.
    """

    records: Records
    dead: Mapping[str, NDArray[np.uint32]]

    @property
    def is_live(self) -> NDArray[np.bool_]:
        """(records,) bool: those that are no tombstones."""
        return np.asarray(self.records.fixed["kind"] != DELETE)


@dataclass(frozen=True, slots=True)
class Change:
    """The next manifest, and the objects that must exist before it does."""

    manifest: Manifest
    objects: Mapping[str, Data]


def overlay(manifest: Manifest, records: Records, open_segment: Open, dead_of: Dead) -> Overlay:
    """Which of these records win, and which rows of the segments they supersede.

    For each key the highest order wins; equal orders are the same event, so what is stored stays. Reads a few KB
    a record of each segment that may hold its key.
    """
    fresh = records.latest()
    wins = np.ones(len(fresh), bool)
    hashes = fresh.fixed["key_hash"]
    orders = fresh.fixed["order"]
    residues = {modulus: hashes % np.uint64(modulus) for modulus in {segment.modulus for segment in manifest}}
    met: list[tuple[Segment, NDArray[np.int64], NDArray[np.int64]]] = []
    for (shard, modulus), segments in manifest.by_residue().items():
        mine = np.flatnonzero(residues[modulus] == shard)
        for segment in segments:
            reader = open_segment(segment)
            at, rows = reader.find(hashes[mine])
            if not len(rows):
                continue
            ours = mine[at]
            keys = fresh.texts["key"].take(ours).tolist()
            same = np.array([a == b for a, b in zip(keys, reader.texts("key", rows), strict=True)], bool)
            ours, rows = ours[same], rows[same]
            stored = reader.take("order", rows)
            time, tie = orders[ours, 0], orders[ours, 1]
            newer = (time > stored[:, 0]) | ((time == stored[:, 0]) & (tie > stored[:, 1]))
            wins[ours[~newer]] = False
            met.append((segment, ours, rows))
    dead: dict[str, NDArray[np.uint32]] = {}
    for segment, ours, rows in met:
        before = dead_of(segment)
        after = np.union1d(before, rows[wins[ours]].astype(np.uint32))
        if len(after) > len(before):
            dead[segment.name] = after
    return Overlay(fresh.take(np.flatnonzero(wins)), dead)


def fold(
    manifest: Manifest,
    batches: Mapping[str, Records],
    direct: Sequence[Records],
    *,
    families: Iterable[Family],
    segment_rows: int,
    open_segment: Open,
    dead_of: Dead,
    listed: Iterable[str],
    now_ms: int,
    commit_id: str,
) -> Change:
    """The manifest that follows when these log objects, and records given directly, are in the segments.

    `listed`: the log objects that exist: names of older ones are forgotten. `segment_rows`: at most so many rows
    in one new segment.
    """
    families = list(families)
    existing = set(listed)
    folded = {name: when for name, when in manifest.folded.items() if name in existing or now_ms - when < LOG_AGE_MS}
    new = {name: records for name, records in batches.items() if name not in manifest.folded}
    folded |= dict.fromkeys(new, now_ms)
    objects: dict[str, Data] = {}
    segments = [list(shard) for shard in manifest.segments]
    fresh = [*(new[name] for name in sorted(new)), *direct]
    if fresh:
        change = overlay(manifest, Records.join(fresh), open_segment, dead_of)
        shard_of = change.records.fixed["key_hash"] % np.uint64(manifest.shards)
        for shard, before in enumerate(manifest.segments):
            for i, segment in enumerate(before):
                if segment.name in change.dead:
                    segments[shard][i], more = with_dead(segment, change.dead[segment.name], commit_id)
                    objects |= more
            mine = np.flatnonzero(shard_of == shard)
            for start in range(0, len(mine), segment_rows):
                rows = change.records.take(mine[start : start + segment_rows])
                made, more = pack_records(shard, rows, families, commit_id, modulus=manifest.shards)
                segments[shard].append(made)
                objects |= more
    return Change(manifest.following(segments, commit_id=commit_id, created=now_ms, folded=folded), objects)
