"""Merging: small segments into a larger one, so that a query meets few of them.

Size-tiered: tier t holds segments of 8^t to 8^(t+1) rows, and 8 of a tier become one of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.storage.base import Data
from shards.table import names
from shards.table.fold import Change, Dead, Open
from shards.table.manifest import Manifest, Segment
from shards.table.reader import SegmentReader
from shards.table.records import DELETE, FIXED, PARTS, Texts
from shards.table.segment import pack, with_dead

FACTOR = 8
"""Segments of a tier before they are merged: a record is rewritten once a tier, log8(rows) times in all."""

DEAD_SHARE = 0.3
"""A segment is rewritten when more of it is dead: less would rewrite too often, more would scan too much."""

TOMBSTONE_NS = 15 * 24 * 3600 * 10**9
"""Tombstones live 15 days: a queue keeps a message for 14, so no older event of the key can still arrive."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A segment to put in the place of others.

    `moved[name]`: (rows,) int64 for each segment that went in: where each of its rows is now, −1 where it is gone.
    `segment` is None where nothing was left. Else `body` is its file, `tombstones` are those of its rows, sorted, and
    its name still lacks the mark of the commit that will create it.
    """

    shard: int
    segment: Segment | None
    tombstones: NDArray[np.uint32]
    moved: Mapping[str, NDArray[np.int64]]
    body: Data


def due(manifest: Manifest, segment_rows: int, *, everything: bool = False) -> list[list[Segment]]:
    """The merges to do now: lists of segments of one shard. `everything`: as few segments as can be.

    A merge takes the smallest segments of a tier, as many as fit in `segment_rows`.
    """
    merges: list[list[Segment]] = []
    for shard in manifest.segments:
        tiers: dict[int, list[Segment]] = {}
        for segment in sorted(shard, key=lambda segment: (_kept(segment), segment.name)):
            if everything:
                tiers.setdefault(0, []).append(segment)
            elif _kept(segment) <= segment_rows // 2:
                tiers.setdefault(_tier(_kept(segment)), []).append(segment)
        merged: set[str] = set()
        for tier in tiers.values():
            chosen: list[Segment] = []
            for segment in tier:
                if sum(map(_kept, chosen)) + _kept(segment) <= segment_rows:
                    chosen.append(segment)
            if len(chosen) > 1 and (everything or len(tier) >= FACTOR):
                merges.append(chosen)
                merged |= {segment.name for segment in chosen}
        for segment in shard:
            share = 0.0 if everything else DEAD_SHARE
            if segment.name not in merged and segment.removable > share * segment.rows:
                merges.append([segment])
    return merges


def _kept(segment: Segment) -> int:
    return segment.rows - segment.removable


def _tier(rows: int) -> int:
    tier = 0
    while rows >= FACTOR:
        rows //= FACTOR
        tier += 1
    return tier


def merge(
    segments: Sequence[Segment],
    *,
    families: Iterable[Family],
    open_segment: Open,
    dead_of: Dead,
    now_ns: int,
) -> Merged:
    """One segment of the living rows and the young tombstones of these, which are of one shard."""
    families = list(families)
    readers = [open_segment(segment) for segment in segments]
    keeps: list[NDArray[np.int64]] = []
    for segment, reader in zip(segments, readers, strict=True):
        is_live = np.ones(segment.rows, bool)
        is_live[dead_of(segment)] = False
        is_tombstone = reader.column("kind") == DELETE
        is_young = reader.column("order")[:, 0] > max(now_ns - TOMBSTONE_NS, 0)
        keeps.append(np.flatnonzero(is_live | (is_tombstone & is_young)))
    hashes = np.concatenate([reader.column("key_hash")[keep] for reader, keep in zip(readers, keeps, strict=True)])
    by = np.argsort(hashes, kind="stable")
    place = np.empty(len(by), np.int64)
    place[by] = np.arange(len(by))
    moved: dict[str, NDArray[np.int64]] = {}
    start = 0
    for segment, keep in zip(segments, keeps, strict=True):
        moved[segment.name] = np.full(segment.rows, -1, np.int64)
        moved[segment.name][keep] = place[start : start + len(keep)]
        start += len(keep)
    shard = segments[0].shard
    if not len(by):
        return Merged(shard, None, np.empty(0, np.uint32), moved, b"")

    def gather(read: Callable[[SegmentReader], NDArray[Any]]) -> NDArray[Any]:
        first = read(readers[0])
        column = np.empty((len(by), *first.shape[1:]), first.dtype)
        for segment, reader, keep in zip(segments, readers, keeps, strict=True):
            column[moved[segment.name][keep]] = read(reader)[keep]
        return column

    def columns() -> Iterator[tuple[str, NDArray[Any]]]:
        for name in FIXED:
            yield name, gather(lambda reader, name=name: reader.column(name))  # type: ignore[misc]
        for part in PARTS:
            texts = Texts.join(
                [
                    Texts(reader.column(f"{part}.data"), reader.column(f"{part}.offsets")).take(keep)
                    for reader, keep in zip(readers, keeps, strict=True)
                ]
            ).take(by)
            yield f"{part}.offsets", texts.offsets
            yield f"{part}.data", texts.data
        for family in families:
            rows = gather(lambda reader, family=family: reader.column(family.name))  # type: ignore[misc]
            yield from family.columns(rows).items()

    tombstones = np.flatnonzero(gather(lambda reader: reader.column("kind")) == DELETE).astype(np.uint32)
    made, objects = pack(shard, len(by), columns(), tombstones, mark="")
    return Merged(shard, made, tombstones, moved, objects[made.name])


def apply(manifest: Manifest, merged: Merged, *, dead_of: Dead, now_ms: int, commit_id: str) -> Change | None:
    """The manifest with the merged segment in the place of the others; None where one of those is gone.

    Rows that died since the merge read them are dead in the merged segment too. Each attempt to commit creates the
    segment under a name of its own: what an earlier one left behind may be collected at any moment.
    """
    shard = manifest.segments[merged.shard]
    replaced = [segment for segment in shard if segment.name in merged.moved]
    if len(replaced) != len(merged.moved):
        return None
    rest = [segment for segment in shard if segment.name not in merged.moved]
    objects: dict[str, Data] = {}
    if merged.segment is not None:
        made = replace(merged.segment, name=names.marked(merged.segment.name, commit_id))
        died = np.concatenate([merged.moved[segment.name][dead_of(segment)] for segment in replaced])
        dead = np.union1d(merged.tombstones, died[died >= 0].astype(np.uint32))
        made, objects = with_dead(made, dead, commit_id)
        objects[made.name] = merged.body
        rest.append(made)
    segments = list(manifest.segments)
    segments[merged.shard] = tuple(rest)
    return Change(manifest.following(segments, commit_id=commit_id, created=now_ms), objects)
