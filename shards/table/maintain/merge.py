"""Merging: small segments into a larger one, so that a query scans few of them.

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
from shards.storage.parallel import ParallelMap
from shards.table.format.layout import check_rows
from shards.table.format.manifest import Manifest, Residue, Segment
from shards.table.format.records import DELETE, FIXED, PARTS, SHA256, has_sha256
from shards.table.format.segment import pack
from shards.table.format.texts import Texts
from shards.table.read.latest import OpenSegment, ReadDead
from shards.table.read.reader import SegmentReader
from shards.table.write.draft import Draft

FACTOR = 8
"""Segments of a tier from which on they are merged: a record is rewritten once a tier, log8(rows) times in all."""

DEAD_SHARE = 0.3
"""Share of dead rows above which a segment is rewritten: less would rewrite too often, more would scan too much."""

TOMBSTONE_NS = 15 * 24 * 3600 * 10**9
"""Age up to which tombstones are kept, 15 days: a queue keeps a message for 14, so no older event can arrive after."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Merged segments that are uploaded and wait for a commit, which puts them in the place of others."""

    replaced: Mapping[str, int]
    """The names of those others, and the number of dead rows in each when it was read."""

    segments: tuple[Segment, ...]
    """The merged segment, or the parts of a split; none where no row lives."""

    uploaded: float | None
    """When the first object of `segments` was created, in seconds since 1970 by the store's clock; None for none."""

    def to_json(self) -> dict[str, Any]:
        """Return the message from one process to another: a few KB, however many rows there are."""
        return {
            "replaced": dict(self.replaced),
            "segments": [{"shard": segment.shard, **segment.to_json(_NO_SHARDS)} for segment in self.segments],
            "uploaded": self.uploaded,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Merged:
        """Return what `to_json` was called on. Raises KeyError, TypeError or ValueError for any other document."""
        return cls(
            replaced=dict(document["replaced"]),
            segments=tuple(
                Segment.from_json(segment["shard"], _NO_SHARDS, segment) for segment in document["segments"]
            ),
            uploaded=document["uploaded"],
        )


_NO_SHARDS = 0
"""Number of shards outside of a manifest: no segment has this modulus, so each states its own."""


def due(manifest: Manifest, segment_rows: int, *, everything: bool = False) -> list[list[Segment]]:
    """Return the merges to do now: lists of segments of one residue.

    A merge takes the smallest segments of a tier, as many as fit in `segment_rows`. `everything`: merge into as few
    segments as possible.
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
    """Return the limit of the rows that a merge keeps of a segment."""
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
    open_segment: OpenSegment,
    dead_of: ReadDead,
    now_ns: int,
    mark: str,
    into: Residue | None = None,
    partial: bool = False,
) -> tuple[Segment, Mapping[str, Data]] | None:
    """Return one segment of the live rows and young tombstones of segments of one residue, and its objects.

    Returns None where no row is left. `mark`: for the names, as for `pack`. `into`: a part of that residue, if only its
    rows are wanted. `partial`: leave out the digests of images where none is known. Works column by column, so that
    memory holds one at a time.
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
    # (kept rows,) int64: the new place of each row, one segment after the other
    place = np.empty(len(by), np.int64)
    place[by] = np.arange(len(by))
    starts = np.cumsum([0, *map(len, keeps)]).tolist()

    def gather(read: Callable[[SegmentReader], NDArray[Any]]) -> NDArray[Any]:
        first = read(readers[0])
        column = np.empty((len(by), *first.shape[1:]), first.dtype)
        for start, reader, keep in zip(starts[:-1], readers, keeps, strict=True):
            rows = read(reader)
            column[place[start : start + len(keep)]] = rows if len(keep) == len(rows) else rows[keep]
        return column

    def columns() -> Iterator[tuple[str, NDArray[Any]]]:
        for name in FIXED:
            column = gather(lambda reader, name=name: reader.column(name))  # type: ignore[misc]
            if name != SHA256 or not partial or has_sha256(column, kinds):
                yield name, column
        for part in PARTS:
            texts = Texts.gather([reader.all_texts(part) for reader in readers], keeps, place)
            yield f"{part}.offsets", texts.offsets
            yield f"{part}.data", texts.data
        for family in families:
            for segment, reader in zip(segments, readers, strict=True):
                check_rows(family.name, reader.length(family.name) or 0, segment.rows, segment.name)
            rows = gather(lambda reader, family=family: reader.column(family.name))  # type: ignore[misc]
            yield from family.columns(rows).items()

    kinds = gather(lambda reader: reader.column("kind"))
    tombstones = np.flatnonzero(kinds == DELETE).astype(np.uint32)
    return pack(shard, len(by), columns(), tombstones, mark, modulus=modulus)


def put_in_place(
    draft: Draft, merged: Merged, *, open_segment: OpenSegment, dead_of: ReadDead, parallel_map: ParallelMap
) -> bool:
    """Put merged segments in the place of the others; return False, and do nothing, where one of those is gone.

    Rows that died since the merge read them are dead in the merged segments too. `parallel_map`: reads from several
    segments at once.
    """
    there = {segment.name: segment for shard in draft.segments for segment in shard}
    if not merged.replaced.keys() <= there.keys():
        return False
    # rows only ever die
    worse = [there[name] for name, before in merged.replaced.items() if there[name].dead_rows > before]
    if worse:
        dead = {segment.name: dead_of(segment) for segment in merged.segments}
        for moved in parallel_map(
            lambda segment: _moved(segment, dead_of(segment), merged.segments, dead, open_segment), worse
        ):
            draft.dead |= {name: np.union1d(draft.dead.get(name, dead[name]), rows) for name, rows in moved.items()}
    draft.replace(merged.replaced, merged.segments)
    return True


def _moved(
    segment: Segment,
    rows: NDArray[np.uint32],
    into: Iterable[Segment],
    dead: Mapping[str, NDArray[np.uint32]],
    open_segment: OpenSegment,
) -> dict[str, NDArray[np.uint32]]:
    """Find those of these rows of a segment that are in merged segments and not dead there: sorted rows, by segment.

    A row is known by its key and its order, which no other row has. Looking for all dead rows of a segment reads two
    of its columns at most, which is little beside the merge.
    """
    before = open_segment(segment)
    at_before = rows.astype(np.int64)
    picked = before.pick(at_before, ["key_hash", "order"]).columns
    by_segment: dict[str, NDArray[np.uint32]] = {}
    for merged in into:
        after = open_segment(merged)
        at, moved = after.find(picked["key_hash"])
        is_new = ~np.isin(moved, dead[merged.name])
        at, moved = at[is_new], moved[is_new]
        same = (after.take("order", moved) == picked["order"][at]).all(axis=1)
        at, moved = at[same], moved[same]
        keys = zip(before.texts("key", at_before[at]), after.texts("key", moved), strict=True)
        is_same = np.array([a == b for a, b in keys], bool)
        if is_same.any():
            by_segment[merged.name] = moved[is_same].astype(np.uint32)
    return by_segment
