"""The latest state of each key: fresh records over the segments of a manifest.

For each key the highest order wins; equal orders are the same event, so the stored row stays. A segment knows the
latest of its orders: a later record wins against all that the segment holds, and is not looked up there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.storage.parallel import ParallelMap, sequential_map
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.orders import is_later
from shards.table.format.records import DELETE, Records
from shards.table.read.reader import SegmentReader, find_keys

OpenSegment: TypeAlias = Callable[[Segment], SegmentReader]
"""Returns a reader of a segment."""

ReadDead: TypeAlias = Callable[[Segment], NDArray[np.uint32]]
"""Returns the dead rows of a segment, sorted."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The changes that fresh records make to a manifest."""

    records: Records
    """The newest state of each key that is newer than the segments', sorted by key hash, tombstones included."""

    dead: Mapping[str, NDArray[np.uint32]]
    """All the dead rows of each segment that changes, sorted uint32."""

    @property
    def is_live(self) -> NDArray[np.bool_]:
        """(records,) bool: False for tombstones."""
        return np.asarray(self.records.fixed["kind"] != DELETE)


def find_latest(
    manifest: Manifest,
    records: Records,
    open_segment: OpenSegment,
    dead_of: ReadDead,
    parallel_map: ParallelMap = sequential_map,
) -> Latest:
    """Return which of these records win, and which rows of the segments they replace.

    Reads a few KB a record from each segment that may hold its key; `parallel_map` reads from several at once.
    """
    fresh = records.latest()
    fresh = fresh.take(np.flatnonzero(winning(manifest, fresh, open_segment, parallel_map)))

    def dying(share: tuple[Segment, NDArray[np.int64]]) -> tuple[str, NDArray[np.uint32]] | None:
        segment, some = share
        rows = replaced(open_segment(segment), fresh, some)
        if not len(rows):
            return None
        before = dead_of(segment)
        after = np.union1d(before, rows)
        return (segment.name, after) if len(after) > len(before) else None

    changes = parallel_map(dying, list(sharing(manifest, fresh.fixed["key_hash"])))
    return Latest(fresh, dict(change for change in changes if change is not None))


def winning(
    manifest: Manifest, fresh: Records, open_segment: OpenSegment, parallel_map: ParallelMap
) -> NDArray[np.bool_]:
    """Return (records,) bool: True for records, one a key, that are newer than the stored state of their key.

    A record is looked up in a segment of its residue only if it is not later than all that the segment holds.
    """
    orders = fresh.fixed["order"]
    suspects = [
        (segment, some[~is_later(orders[some], segment.latest)])
        for segment, some in sharing(manifest, fresh.fixed["key_hash"])
    ]

    def losing(share: tuple[Segment, NDArray[np.int64]]) -> NDArray[np.int64]:
        segment, some = share
        reader = open_segment(segment)
        ours, rows = find_keys(reader, fresh.texts["key"], fresh.fixed["key_hash"], some)
        return ours[~is_later(orders[ours], reader.take("order", rows))]

    wins = np.ones(len(fresh), bool)
    for losers in parallel_map(losing, [(segment, some) for segment, some in suspects if len(some)]):
        wins[losers] = False
    return wins


def replaced(reader: SegmentReader, winners: Records, some: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the rows, sorted, that some of these records replace: all rows of their keys, since the records win."""
    _, rows = find_keys(reader, winners.texts["key"], winners.fixed["key_hash"], some)
    return np.sort(rows).astype(np.uint32)


def sharing(manifest: Manifest, hashes: NDArray[np.uint64]) -> Iterator[tuple[Segment, NDArray[np.int64]]]:
    """Yield each segment that may hold some of the keys of these hashes, with the positions of those in `hashes`."""
    for (shard, modulus), segments in manifest.by_residue().items():
        some = np.flatnonzero(hashes % np.uint64(modulus) == shard)
        if len(some):
            yield from ((segment, some) for segment in segments)
