"""Fresh records over the segments of a manifest: which of them win, and which stored rows they replace.

For each key the highest order wins; equal orders are the same event, so what is stored stays. A segment says which is
the latest order in it: a record that is later wins against all it holds, and is not looked up there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.storage.each import Each, in_turn
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.orders import is_later
from shards.table.format.records import DELETE, Records
from shards.table.read.reader import SegmentReader, find_keys

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


def overlay(manifest: Manifest, records: Records, open_segment: Open, dead_of: Dead, each: Each = in_turn) -> Overlay:
    """Which of these records win, and which rows of the segments they replace.

    Reads a few KB a record of each segment that may hold its key; `each`: of how many segments at once.
    """
    fresh = records.latest()
    fresh = fresh.take(np.flatnonzero(winning(manifest, fresh, open_segment, each)))

    def dying(one: tuple[Segment, NDArray[np.int64]]) -> tuple[str, NDArray[np.uint32]] | None:
        segment, some = one
        rows = replaced(open_segment(segment), fresh, some)
        if not len(rows):
            return None
        before = dead_of(segment)
        after = np.union1d(before, rows)
        return (segment.name, after) if len(after) > len(before) else None

    found = each(dying, list(sharing(manifest, fresh.fixed["key_hash"])))
    return Overlay(fresh, dict(one for one in found if one is not None))


def winning(manifest: Manifest, fresh: Records, open_segment: Open, each: Each) -> NDArray[np.bool_]:
    """(records,) bool: which of these, one a key, are newer than what is stored of their keys.

    Looks up those alone that are not later than all that a segment of their residue holds, and in that segment alone.
    """
    orders = fresh.fixed["order"]
    suspects = [
        (segment, some[~is_later(orders[some], segment.latest)])
        for segment, some in sharing(manifest, fresh.fixed["key_hash"])
    ]

    def losing(one: tuple[Segment, NDArray[np.int64]]) -> NDArray[np.int64]:
        segment, some = one
        reader = open_segment(segment)
        ours, rows = find_keys(reader, fresh.texts["key"], fresh.fixed["key_hash"], some)
        return ours[~is_later(orders[ours], reader.take("order", rows))]

    wins = np.ones(len(fresh), bool)
    for losers in each(losing, [(segment, some) for segment, some in suspects if len(some)]):
        wins[losers] = False
    return wins


def replaced(reader: SegmentReader, winners: Records, some: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The rows, sorted, of which some of these records are a newer state: all of their keys, since they win."""
    _, rows = find_keys(reader, winners.texts["key"], winners.fixed["key_hash"], some)
    return np.sort(rows).astype(np.uint32)


def sharing(manifest: Manifest, hashes: NDArray[np.uint64]) -> Iterator[tuple[Segment, NDArray[np.int64]]]:
    """Each segment that may hold some of the keys of these hashes, and which of them: their positions."""
    for (shard, modulus), segments in manifest.by_residue().items():
        some = np.flatnonzero(hashes % np.uint64(modulus) == shard)
        if len(some):
            yield from ((segment, some) for segment in segments)
