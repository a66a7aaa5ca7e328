"""Resharding: more shards for an index that is written, read, compacted and collected meanwhile.

First one commit says that there are more shards. It changes no object: every segment keeps the rows of its residue,
and is wide from then on. Then the wide segments are split, a few in each commit, by the rules of a merge.
"""

from __future__ import annotations

from dataclasses import dataclass

from shards.errors import QueryError
from shards.table.format import names
from shards.table.format.manifest import Manifest, Residue, Segment
from shards.table.maintain.merge import kept
from shards.table.write.draft import Change

FAN_OUT = 8
"""Parts into which a segment is split at once. Each part reads all columns of the segment once."""


@dataclass(frozen=True, slots=True)
class Resharded:
    """The result of a resharding."""

    before: int
    """Number of shards at the start; equal to `shards` where an earlier resharding had been interrupted."""

    shards: int
    """Number of shards now."""

    split: int
    """Wide segments that were split."""

    written: int
    """Segments that were written in their place."""

    version: int
    """Version of the newest manifest."""


@dataclass(frozen=True, slots=True)
class Split:
    """Segments to split together."""

    segments: list[Segment]
    """Segments of one residue, with at most `segment_rows` rows in all unless it is one segment."""

    into: list[Residue]
    """The residues of the parts."""


def grow(manifest: Manifest, shards: int, *, now_ms: int, commit_id: str) -> Change | None:
    """Return the change to so many shards, or None where there are so many already. The new shards are empty.

    Raises QueryError unless the number grows by a power of two: of any two such numbers one divides the other, so two
    reshardings at once never disagree about where a segment is to be split.
    """
    before = manifest.shards
    if shards == before:
        return None
    factor, rest = divmod(shards, before)
    if rest or factor & (factor - 1) or not before < shards <= names.MAX_SHARDS:
        raise QueryError(f"shards is {shards}, the index has {before}: {_advice(before)}")
    segments = [*manifest.segments, *[()] * (shards - before)]
    return Change(manifest.following(segments, commit_id=commit_id, created=now_ms), {})


def _advice(shards: int) -> str:
    """Return what to give instead, for an index with so many shards."""
    if 2 * shards > names.MAX_SHARDS:
        return f"that cannot be doubled: {names.MAX_SHARDS:,} is the most"
    more = [shards << n for n in (1, 2, 3) if shards << n <= names.MAX_SHARDS]
    return f"give that doubled, once or several times, up to {names.MAX_SHARDS:,}: {', '.join(map(str, more))}"


def splits(manifest: Manifest, segment_rows: int) -> list[Split]:
    """Return the splits to do. Small segments of one residue go together, as many as fit in `segment_rows`."""
    todo: list[Split] = []
    for (shard, modulus), segments in manifest.by_residue().items():
        if modulus == manifest.shards:
            continue
        wider = min(modulus * FAN_OUT, manifest.shards)
        into = [(n, wider) for n in range(shard, wider, modulus)]
        group: list[Segment] = []
        for segment in sorted(segments, key=lambda segment: (kept(segment), segment.name)):
            if not group or sum(map(kept, group)) + kept(segment) > segment_rows:
                group = []
                todo.append(Split(group, into))
            group.append(segment)
    return todo
