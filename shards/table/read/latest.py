"""The latest state of each key: fresh records over the segments of a manifest.

For each key the highest order wins; equal orders are the same event, so the stored row stays. A segment knows the
latest of its orders: a later record wins against all that the segment holds, and their orders are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.storage.parallel import ParallelMap, sequential_map
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.orders import is_later
from shards.table.format.records import Records
from shards.table.read.reader import SegmentReader, find_keys, find_orders

OpenSegment: TypeAlias = Callable[[Segment], SegmentReader]
"""Returns a reader of a segment."""

ReadDead: TypeAlias = Callable[[Segment], NDArray[np.uint32]]
"""Returns the dead rows of a segment, sorted."""


@dataclass(frozen=True, slots=True, eq=False)
class Latest:
    """The changes that fresh records make to a manifest."""

    given: Records
    """The fresh records."""

    rows: NDArray[np.intp]
    """(keys,) intp: those of them that count, sorted by key hash, tombstones included: the newest state of each key,
    where it is newer than the segments'."""

    dead: Mapping[str, NDArray[np.uint32]]
    """All the dead rows of each segment that changes, sorted uint32."""

    @property
    def records(self) -> Records:
        """The records that count."""
        return self.given.take(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """The states that one segment holds of the keys of fresh records, dead ones included; of a key, one or more."""

    segment: Segment

    at: NDArray[np.int64]
    """(states,) int64: the fresh record with the key of each state, by its position."""

    rows: NDArray[np.int64]
    """(states,) int64: the row of each state in the segment."""

    orders: NDArray[np.uint64] | None
    """(states, 2) uint64; None where each fresh record is later than all that the segment holds."""


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
    newest = records.newest().rows
    met = meet(manifest, records, newest, open_segment, parallel_map)
    wins = winners(met, records)
    return Latest(records, newest[wins[newest]], dying(met, wins, dead_of, parallel_map))


def meet(
    manifest: Manifest,
    records: Records,
    newest: NDArray[np.intp],
    open_segment: OpenSegment,
    parallel_map: ParallelMap,
    *,
    all_orders: bool = False,
) -> list[Met]:
    """Return what each segment holds of the keys of fresh records, where it holds anything.

    `newest`: the positions of the records to look for, one a key. `all_orders`: read the orders of all states, not only
    those of segments that may hold a later one.
    """
    keys, hashes, orders = records.texts["key"], records.fixed["key_hash"], records.fixed["order"]

    def look(share: tuple[Segment, NDArray[np.int64]]) -> Met:
        segment, some = share
        reader = open_segment(segment)
        if all_orders or not is_later(orders[some], segment.latest).all():
            return Met(segment, *find_orders(reader, keys, hashes, some))
        return Met(segment, *find_keys(reader, keys, hashes, some), None)

    shares = [(segment, newest[some]) for segment, some in sharing(manifest, hashes[newest])]
    return [met for met in parallel_map(look, shares) if len(met.rows)]


def winners(met: Iterable[Met], records: Records) -> NDArray[np.bool_]:
    """Return (records,) bool: False for records that are not later than a state of their key that a segment holds."""
    orders = records.fixed["order"]
    wins = np.ones(len(records), bool)
    for states in met:
        if states.orders is not None:
            wins[states.at[~is_later(orders[states.at], states.orders)]] = False
    return wins


def dying(
    met: Sequence[Met], wins: NDArray[np.bool_], dead_of: ReadDead, parallel_map: ParallelMap
) -> dict[str, NDArray[np.uint32]]:
    """Return all dead rows, sorted, of each segment in which rows die since their key's record wins."""

    def die(states: Met) -> tuple[str, NDArray[np.uint32]] | None:
        rows = states.rows[wins[states.at]]
        if not len(rows):
            return None
        before = dead_of(states.segment)
        after = np.union1d(before, rows.astype(np.uint32))
        return (states.segment.name, after) if len(after) > len(before) else None

    return dict(change for change in parallel_map(die, met) if change is not None)


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

    def losing(share: tuple[Segment, NDArray[np.int64]]) -> Met:
        segment, some = share
        return Met(segment, *find_orders(open_segment(segment), fresh.texts["key"], fresh.fixed["key_hash"], some))

    return winners(parallel_map(losing, [(segment, some) for segment, some in suspects if len(some)]), fresh)


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
