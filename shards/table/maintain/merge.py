"""Merging: small segments into a larger one, so that a query meets few of them.

Size-tiered: tier t holds segments of 8^t to 8^(t+1) rows, and 8 of a tier become one of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.storage.base import Data
from shards.storage.each import Each
from shards.table.format.manifest import Manifest, Residue, Segment
from shards.table.format.records import DELETE, FIXED, PARTS, Texts
from shards.table.format.segment import pack
from shards.table.read.overlay import Dead, Open
from shards.table.read.reader import SegmentReader
from shards.table.write.draft import Draft

FACTOR = 8
"""Segments of a tier before they are merged: a record is rewritten once a tier, log8(rows) times in all."""

DEAD_SHARE = 0.3
"""A segment is rewritten when more of it is dead: less would rewrite too often, more would scan too much."""

TOMBSTONE_NS = 15 * 24 * 3600 * 10**9
"""Tombstones live 15 days: a queue keeps a message for 14, so no older event of the key can still arrive."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Segments that lie in the store and wait to be put in the place of others by a commit.

    `replaced`: the names of those, and how many rows were dead in each when it was read. `segments`: the one that
    they became, or the parts into which they were split; none where nothing of them lives. `uploaded`: when the first
    object of them was created, in seconds since 1970 by the store's clock; None where there are none.
    """

    replaced: Mapping[str, int]
    segments: tuple[Segment, ...]
    uploaded: float | None

    def to_json(self) -> dict[str, Any]:
        """As it goes from one process to another: a few KB, however many rows there are."""
        return {
            "replaced": dict(self.replaced),
            "segments": [{"shard": segment.shard, **segment.to_json(_NO_SHARDS)} for segment in self.segments],
            "uploaded": self.uploaded,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Merged:
        """What `to_json` said. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            replaced=dict(document["replaced"]),
            segments=tuple(Segment.from_json(one["shard"], _NO_SHARDS, one) for one in document["segments"]),
            uploaded=document["uploaded"],
        )


_NO_SHARDS = 0
"""Outside of a manifest a segment says its modulus, whatever it is."""


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
    mark: str,
    into: Residue | None = None,
) -> tuple[Segment, Mapping[str, Data]] | None:
    """One segment of the living rows and the young tombstones of these, which are of one residue, and its objects.

    None where nothing is left. `mark`: for the names, as for `pack`. `into`: a part of that residue, if only its rows
    are wanted. Goes column by column, so that memory holds one at a time.
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
    if not len(by):
        return None
    # (kept rows,) int64: where each goes; its segments' one after the other
    place = np.empty(len(by), np.int64)
    place[by] = np.arange(len(by))
    starts = np.cumsum([0, *map(len, keeps)]).tolist()

    def gather(read: Callable[[SegmentReader], NDArray[Any]]) -> NDArray[Any]:
        first = read(readers[0])
        column = np.empty((len(by), *first.shape[1:]), first.dtype)
        for start, reader, keep in zip(starts[:-1], readers, keeps, strict=True):
            column[place[start : start + len(keep)]] = read(reader)[keep]
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
    return pack(shard, len(by), columns(), tombstones, mark, modulus=modulus)


def put_in_place(draft: Draft, merged: Merged, *, open_segment: Open, dead_of: Dead, each: Each) -> bool:
    """Put merged segments in the place of the others; False, and nothing, where one of those is gone.

    Rows that died since the merge read them are dead in the merged segments too. `each`: what looks into many
    segments at once.
    """
    there = {segment.name: segment for shard in draft.segments for segment in shard}
    if not merged.replaced.keys() <= there.keys():
        return False
    # rows only ever die
    worse = [there[name] for name, before in merged.replaced.items() if there[name].dead_rows > before]
    if worse:
        dead = {segment.name: dead_of(segment) for segment in merged.segments}
        for found in each(
            lambda segment: _moved(segment, dead_of(segment), merged.segments, dead, open_segment), worse
        ):
            draft.dead |= {name: np.union1d(draft.dead.get(name, dead[name]), rows) for name, rows in found.items()}
    draft.replace(merged.replaced, merged.segments)
    return True


def _moved(
    segment: Segment,
    rows: NDArray[np.uint32],
    into: Iterable[Segment],
    dead: Mapping[str, NDArray[np.uint32]],
    open_segment: Open,
) -> dict[str, NDArray[np.uint32]]:
    """Where those of these rows are that went into merged segments and are not dead there: rows, by segment.

    A row is known by its key and its order, which no other has. To look for all that are dead in a segment reads two
    columns of it at most, which is little beside the merge.
    """
    before = open_segment(segment)
    at_before = rows.astype(np.int64)
    picked = before.pick(at_before, ["key_hash", "order"]).columns
    found: dict[str, NDArray[np.uint32]] = {}
    for one in into:
        after = open_segment(one)
        at, moved = after.find(picked["key_hash"])
        is_new = ~np.isin(moved, dead[one.name])
        at, moved = at[is_new], moved[is_new]
        same = (after.take("order", moved) == picked["order"][at]).all(axis=1)
        at, moved = at[same], moved[same]
        keys = zip(before.texts("key", at_before[at]), after.texts("key", moved), strict=True)
        is_same = np.array([a == b for a, b in keys], bool)
        if is_same.any():
            found[one.name] = moved[is_same].astype(np.uint32)
    return found
