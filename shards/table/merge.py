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
from shards.table.manifest import Manifest, Residue, Segment
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
    """A segment to put in the place of others, alone or with the other parts into which these are split.

    `moved[name]`: (rows,) int64 for each segment that went in: where each of its rows is now, −1 where it is gone.
    `segment` is None where nothing was left. Else `body` is its file, `tombstones` are those of its rows, sorted, and
    its name still lacks the mark of the commit that will create it.
    """

    segment: Segment | None
    tombstones: NDArray[np.uint32]
    moved: Mapping[str, NDArray[np.int64]]
    body: Data


def due(manifest: Manifest, segment_rows: int, *, everything: bool = False) -> list[list[Segment]]:
    """The merges to do now: lists of segments of one residue. `everything`: as few segments as can be.

    A merge takes the smallest segments of a tier, as many as fit in `segment_rows`.
    """
    merges: list[list[Segment]] = []
    for segments in manifest.by_residue().values():
        tiers: dict[int, list[Segment]] = {}
        for segment in sorted(segments, key=lambda segment: (kept(segment), segment.name)):
            if everything:
                tiers.setdefault(0, []).append(segment)
            elif kept(segment) <= segment_rows // 2:
                tiers.setdefault(_tier(kept(segment)), []).append(segment)
        merged: set[str] = set()
        for tier in tiers.values():
            chosen: list[Segment] = []
            for segment in tier:
                if sum(map(kept, chosen)) + kept(segment) <= segment_rows:
                    chosen.append(segment)
            if len(chosen) > 1 and (everything or len(tier) >= FACTOR):
                merges.append(chosen)
                merged |= {segment.name for segment in chosen}
        for segment in segments:
            share = 0.0 if everything else DEAD_SHARE
            if segment.name not in merged and segment.removable > share * segment.rows:
                merges.append([segment])
    return merges


def kept(segment: Segment) -> int:
    """Rows of it that a merge keeps, at most."""
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
    into: Residue | None = None,
) -> Merged:
    """One segment of the living rows and the young tombstones of these, which are of one residue.

    `into`: a part of that residue, if only its rows are wanted.
    """
    families = list(families)
    shard, modulus = into or segments[0].residue
    readers = [open_segment(segment) for segment in segments]
    keeps: list[NDArray[np.int64]] = []
    for segment, reader in zip(segments, readers, strict=True):
        is_live = np.ones(segment.rows, bool)
        is_live[dead_of(segment)] = False
        is_tombstone = reader.column("kind") == DELETE
        is_young = reader.column("order")[:, 0] > max(now_ns - TOMBSTONE_NS, 0)
        is_kept = is_live | (is_tombstone & is_young)
        if modulus != segment.modulus:
            is_kept &= reader.column("key_hash") % np.uint64(modulus) == shard
        keeps.append(np.flatnonzero(is_kept))
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
    if not len(by):
        return Merged(None, np.empty(0, np.uint32), moved, b"")

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
    made, objects = pack(shard, len(by), columns(), tombstones, mark="", modulus=modulus)
    return Merged(made, tombstones, moved, objects[made.name])


def apply(manifest: Manifest, *parts: Merged, dead_of: Dead, now_ms: int, commit_id: str) -> Change | None:
    """The manifest with the merged segment in the place of the others; None where one of those is gone.

    `parts`: several where the same segments were split. Rows that died since the merge read them are dead in the
    merged segments too. Each attempt to commit creates these under names of its own: what an earlier one left behind
    may be collected at any moment.
    """
    gone = parts[0].moved.keys()
    replaced = [segment for segment in manifest if segment.name in gone]
    if len(replaced) != len(gone):
        return None
    segments = [[segment for segment in shard if segment.name not in gone] for shard in manifest.segments]
    objects: dict[str, Data] = {}
    for part in parts:
        if part.segment is not None:
            made = replace(part.segment, name=names.marked(part.segment.name, commit_id))
            died = np.concatenate([part.moved[segment.name][dead_of(segment)] for segment in replaced])
            dead = np.union1d(part.tombstones, died[died >= 0].astype(np.uint32))
            made, more = with_dead(made, dead, commit_id)
            objects |= {**more, made.name: part.body}
            segments[made.shard].append(made)
    return Change(manifest.following(segments, commit_id=commit_id, created=now_ms), objects)
