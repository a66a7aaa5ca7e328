"""Resharding: more shards for an index that goes on being written, read, compacted and collected.

First one commit says that there are more shards. No object changes by it: every segment stays what it is, rows of
its residue, and is wide from then on. Then the wide segments are split, a few in each commit, by the rules of a merge.
"""

from __future__ import annotations

from dataclasses import dataclass

from shards.errors import QueryError
from shards.table.format import names
from shards.table.format.manifest import Manifest, Residue, Segment
from shards.table.maintain.merge import kept
from shards.table.write.draft import Change

FAN_OUT = 8
"""Parts into which a segment is split at once: each reads the columns of the whole once, and takes its rows."""


@dataclass(frozen=True, slots=True)
class Resharded:
    """What a resharding did: from how many shards to how many, wide segments split, segments written in their place.

    Where an earlier one had been interrupted, `before` and `shards` are equal.
    """

    before: int
    shards: int
    split: int
    written: int
    version: int


@dataclass(frozen=True, slots=True)
class Split:
    """`segments`: of one residue, at most `segment_rows` rows unless it is one. `into`: the residues of its parts."""

    segments: list[Segment]
    into: list[Residue]


def grow(manifest: Manifest, shards: int, *, now_ms: int, commit_id: str) -> Change | None:
    """The manifest with so many shards; None where it has so many. The new ones are empty, segments may be wide.

    Raises QueryError unless they are a power of two times as many: of any two such numbers one divides the other,
    so two reshardings at once never disagree about where a segment is to be split.
    """
    before = manifest.shards
    if shards == before:
        return None
    factor, rest = divmod(shards, before)
    if rest or factor & (factor - 1) or not before < shards <= names.SHARDS:
        raise QueryError(f"shards is {shards}, the index has {before}: {_advice(before)}")
    segments = [*manifest.segments, *[()] * (shards - before)]
    return Change(manifest.following(segments, commit_id=commit_id, created=now_ms), {})


def _advice(shards: int) -> str:
    """What may become of so many shards."""
    if 2 * shards > names.SHARDS:
        return f"that cannot be doubled: {names.SHARDS:,} is the most"
    more = [shards << n for n in (1, 2, 3) if shards << n <= names.SHARDS]
    return f"give that doubled, once or several times, up to {names.SHARDS:,}: {', '.join(map(str, more))}"


def splits(manifest: Manifest, segment_rows: int) -> list[Split]:
    """What is still to be split. Small segments of one residue go together, as many as fit in `segment_rows`."""
    found: list[Split] = []
    for (shard, modulus), segments in manifest.by_residue().items():
        if modulus == manifest.shards:
            continue
        wider = min(modulus * FAN_OUT, manifest.shards)
        into = [(n, wider) for n in range(shard, wider, modulus)]
        group: list[Segment] = []
        for segment in sorted(segments, key=lambda segment: (kept(segment), segment.name)):
            if not group or sum(map(kept, group)) + kept(segment) > segment_rows:
                group = []
                found.append(Split(group, into))
            group.append(segment)
    return found
