"""Bulk writing: thousands of records into new segments, and what became of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.storage.parallel import ParallelMap, sequential_map
from shards.table.format.orders import is_later
from shards.table.format.records import DELETE, Newest, Records
from shards.table.read.latest import Latest, Met, OpenSegment, ReadDead, dying, meet, winners
from shards.table.read.reader import SegmentReader, TailReader, find_orders
from shards.table.write.draft import Draft
from shards.table.write.fold import put

NOWHERE, TAIL = -1, -2
"""The place of a state that is in none of the segments."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What became of each record of one call, in the order in which they were given."""

    ADDED: ClassVar[int] = 0
    """The index had no image of this key: none, or a deleted one."""

    REPLACED: ClassVar[int] = 1
    """The record took the place of an earlier state of its key."""

    SAME: ClassVar[int] = 2
    """The index has this very event already, with the same order; or, with `unless_same`, the same image."""

    OUTDATED: ClassVar[int] = 3
    """There is a later state of the key, in the index or in the same call: the record does not count."""

    state: NDArray[np.uint8]
    """(records,) uint8: one of the four."""

    before: NDArray[np.uint64]
    """(records, 2) uint64: the order of the state that decided it, a deleted one included; (0, 0) for none. It is the
    latest one that was stored, or that of a later record of the same call."""

    def count(self, state: int) -> int:
        """Return the number of records in this state."""
        return int(np.count_nonzero(self.state == state))


def write(
    draft: Draft,
    records: Records,
    *,
    unless_same: bool,
    tail: Records | None,
    families: Sequence[Family],
    segment_rows: int,
    open_segment: OpenSegment,
    dead_of: ReadDead,
    parallel_map: ParallelMap = sequential_map,
) -> Written:
    """Put records into new segments of the draft, each where it is newer than what the segments hold of its key.

    `unless_same`: leave out records of images that the index has already, equal in all but the order. `tail`: the
    newest state of each key in the log objects that the draft has not folded. A record whose key is there is written
    though it may be the same, or outdated: the next fold decides.
    """
    newest = records.newest()
    dead_of = draft.dead_of(dead_of)
    met = meet(draft.manifest(), records, newest.rows, open_segment, parallel_map, all_orders=True)
    wins = winners(met, records)
    stored = _Stored.of(met, dead_of, records)
    in_tail = stored.add_tail(tail, records, newest.rows)
    same = np.zeros(len(records), bool)
    if unless_same:
        is_suspect = wins & ~stored.is_gone & ~in_tail & (records.fixed["kind"] != DELETE)
        same = stored.is_same(met, is_suspect, records, families, open_segment, parallel_map)
        wins &= ~same
    latest = Latest(records, newest.rows[wins[newest.rows]], dying(met, wins, dead_of, parallel_map))
    put(draft, latest, families, segment_rows)
    return stored.written(records, newest, same)


@dataclass(slots=True)
class _Stored:
    """The latest stored state of the key of each record."""

    orders: NDArray[np.uint64]
    """(records, 2) uint64; (0, 0) for none."""

    is_gone: NDArray[np.bool_]
    """(records,) bool: True where that state is no image any more, or where there is none."""

    place: NDArray[np.int32]
    """(records,) int32: the number of the segment in `met` that holds it, `TAIL` or `NOWHERE`."""

    row: NDArray[np.int64]
    """(records,) int64: its row there."""

    @classmethod
    def of(cls, met: Sequence[Met], dead_of: ReadDead, records: Records) -> _Stored:
        """Find the latest of the states that segments hold."""
        n = len(records)
        stored = cls(
            np.zeros((n, 2), np.uint64), np.ones(n, bool), np.full(n, NOWHERE, np.int32), np.zeros(n, np.int64)
        )
        for number, states in enumerate(met):
            assert states.orders is not None  # noqa: S101
            is_gone = np.isin(states.rows, dead_of(states.segment))
            stored._note(number, states.at, states.rows, states.orders, is_gone)
        return stored

    def add_tail(self, tail: Records | None, records: Records, newest: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Find the states in the log's tail, too, and return (records,) bool: True where the tail has the key."""
        is_there = np.zeros(len(records), bool)
        if tail is not None:
            at, rows, orders = find_orders(TailReader(tail), records.texts["key"], records.fixed["key_hash"], newest)
            self._note(TAIL, at, rows, orders, tail.fixed["kind"][rows] == DELETE)
            is_there[at] = True
        return is_there

    def _note(
        self,
        place: int,
        at: NDArray[np.int64],
        rows: NDArray[np.int64],
        orders: NDArray[np.uint64],
        is_gone: NDArray[np.bool_],
    ) -> None:
        if (at[1:] == at[:-1]).any():
            # of several states of a key, the latest; of the same twice, the one that counts
            by = np.lexsort((~is_gone, orders[:, 1], orders[:, 0], at))
            by = by[np.append(at[by][1:] != at[by][:-1], True)]
            at, rows, orders, is_gone = at[by], rows[by], orders[by], is_gone[by]
        known = self.orders[at]
        better = is_later(orders, known) | ((orders == known).all(axis=1) & self.is_gone[at])
        at = at[better]
        self.orders[at] = orders[better]
        self.is_gone[at] = is_gone[better]
        self.place[at] = place
        self.row[at] = rows[better]

    def is_same(
        self,
        met: Sequence[Met],
        is_suspect: NDArray[np.bool_],
        records: Records,
        families: Sequence[Family],
        open_segment: OpenSegment,
        parallel_map: ParallelMap,
    ) -> NDArray[np.bool_]:
        """Return (records,) bool: True for those of the suspects that are as stored, in all but the order."""

        def compare(numbered: tuple[int, Met]) -> NDArray[np.int64]:
            number, states = numbered
            is_latest = (self.place[states.at] == number) & (self.row[states.at] == states.rows)
            at: NDArray[np.int64] = states.at[is_suspect[states.at] & is_latest]
            if len(at):
                at = at[_are_same(records, at, open_segment(states.segment), self.row[at], families)]
            return at

        same = np.zeros(len(records), bool)
        for at in parallel_map(compare, list(enumerate(met))):
            same[at] = True
        return same

    def written(self, records: Records, newest: Newest, same: NDArray[np.bool_]) -> Written:
        """Return what becomes of the records, of which `same`, (records,) bool, are left out as the same."""
        orders = records.fixed["order"]
        state = np.where(self.is_gone, Written.ADDED, Written.REPLACED).astype(np.uint8)
        early = np.flatnonzero((self.place != NOWHERE) & ~is_later(orders, self.orders))
        state[early] = _early(orders[early], self.orders[early])
        state[same] = Written.SAME
        older, newer = newest.by[newest.older], newest.by[newest.newer]
        self.orders[older] = orders[newer]
        state[older] = _early(orders[older], orders[newer])
        return Written(state, self.orders)


def _early(orders: NDArray[np.uint64], decisive: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return (n,) uint8: the states of records that are not later than the states that decide about them."""
    return np.where((orders == decisive).all(axis=1), Written.SAME, Written.OUTDATED).astype(np.uint8)


def _are_same(
    records: Records,
    at: NDArray[np.int64],
    reader: SegmentReader,
    rows: NDArray[np.int64],
    families: Sequence[Family],
) -> NDArray[np.bool_]:
    """Return (n,) bool: True where a record is the row in all but key and order.

    A record of whose image the bytes are unknown says nothing about them.
    """
    names = ["width", "height", "sha256", *(family.name for family in families)]
    stored = reader.pick(rows, names, ["meta"])
    same = records.texts["meta"].take(at).equals(stored.texts["meta"])
    for name in ("width", "height"):
        same &= records.fixed[name][at] == stored.columns[name]
    digests = records.fixed["sha256"][at]
    same &= (digests == stored.columns["sha256"]).all(axis=1) | ~digests.any(axis=1)
    for family in families:
        same &= (_as_bytes(records.rows[family.name][at]) == _as_bytes(stored.columns[family.name])).all(axis=1)
    return same


def _as_bytes(rows: NDArray[Any]) -> NDArray[np.uint8]:
    """Return signatures byte by byte: (n, bytes of a row) uint8."""
    return np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
