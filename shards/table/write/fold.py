"""Folding: fresh records over a manifest. It depends on immutable objects alone, so it can be repeated at any time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from shards.families import Family
from shards.storage.parallel import ParallelMap, sequential_map
from shards.table.format.records import Records
from shards.table.format.segment import pack_records
from shards.table.read.latest import Latest, OpenSegment, ReadDead, find_latest
from shards.table.write.draft import Draft

LOG_AGE_MS = 10 * 60 * 1000
"""Time for which a folded log object is kept: a reader that listed it before the fold may still be reading it."""


def fold(
    draft: Draft,
    batches: Mapping[str, Records],
    direct: Sequence[Records],
    *,
    families: Iterable[Family],
    segment_rows: int,
    open_segment: OpenSegment,
    dead_of: ReadDead,
    listed: Iterable[str],
    parallel_map: ParallelMap = sequential_map,
) -> None:
    """Put the records of log objects, and records given directly, into new segments of the draft.

    `listed`: the log objects that exist; the names of those that are gone are forgotten. `segment_rows`: the limit of
    rows in one new segment. `parallel_map`: looks keys up in several segments at once where they are far away.
    """
    families = list(families)
    existing = set(listed)
    before = draft.folded
    new = {name: records for name, records in batches.items() if name not in before}
    draft.folded = {
        **{name: when for name, when in before.items() if name in existing or draft.now_ms - when < LOG_AGE_MS},
        **dict.fromkeys(new, draft.now_ms),
    }
    fresh = [*(new[name] for name in sorted(new)), *direct]
    if not fresh:
        return
    latest = find_latest(draft.manifest(), Records.join(fresh), open_segment, draft.dead_of(dead_of), parallel_map)
    put(draft, latest, families, segment_rows)


def put(draft: Draft, latest: Latest, families: Sequence[Family], segment_rows: int) -> None:
    """Put the newest states of keys into new segments of the draft; what they replace is dead."""
    draft.dead |= latest.dead
    shards = draft.before.shards
    shard_of = latest.given.fixed["key_hash"][latest.rows] % np.uint64(shards)
    for shard in range(shards):
        mine = latest.rows[shard_of == shard]
        for start in range(0, len(mine), segment_rows):
            rows = mine[start : start + segment_rows]
            made, objects = pack_records(
                shard,
                latest.given,
                families,
                draft.commit_id,
                modulus=shards,
                rows=rows,
                partial=draft.before.may_need,
            )
            draft.segments[shard].append(made)
            draft.objects |= objects
