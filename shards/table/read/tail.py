"""The log's tail over the segments of a manifest: of a key that both have, which state is the newer one.

The tail is in memory, segments may be far away. To know every row that the tail replaces, each of its keys has to be
looked up in every segment that may have it: thousands of requests. To know it of a row that was found, that row's key
is looked for in the tail: none. A record of the tail that was found may be the older one itself, but only where a
segment holds something as late: hardly ever, since what is in segments was mostly written before.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shards.storage.each import Each
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.format.orders import is_later
from shards.table.format.records import DELETE, Records, Texts
from shards.table.read.overlay import Open, replaced, sharing, winning
from shards.table.read.reader import SegmentReader, TailReader, find_keys


class Tail:
    """The newest state of each key in the log's tail. Safe to use from several threads.

    `records`: one a key, sorted by key hash, deletes included. `each` looks into several segments at once.
    """

    def __init__(self, records: Records, manifest: Manifest, open_segment: Open, each: Each) -> None:
        self.reader = TailReader(records)
        self._manifest = manifest
        self._open = open_segment
        self._each = each
        self._lock = threading.Lock()
        self._losing: NDArray[np.uint32] | None = None

    def __len__(self) -> int:
        return self.reader.rows

    @cached_property
    def deletes(self) -> NDArray[np.uint32]:
        """Sorted: its rows that are deletes."""
        return np.flatnonzero(self.reader.records.fixed["kind"] == DELETE).astype(np.uint32)

    @property
    def losing(self) -> NDArray[np.uint32]:
        """Sorted: its rows of which a segment has a newer state, or the same."""
        with self._lock:
            if self._losing is None:
                self._losing = np.flatnonzero(~self._wins(self.reader.records)).astype(np.uint32)
            return self._losing

    def replaced_in(self, segments: Sequence[SegmentReader]) -> list[NDArray[np.uint32]]:
        """Sorted: the rows of each of these segments of which it has a newer state. Looks all its keys up in each."""
        records = self.reader.records
        winners = np.setdiff1d(np.arange(len(self)), self.losing)
        hashes = records.fixed["key_hash"][winners]
        some = {segment.name: winners[mine] for segment, mine in sharing(self._manifest, hashes)}
        nobody = winners[:0]
        return self._each(lambda one: replaced(one, records, some.get(one.segment.name, nobody)), segments)

    def find(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which of these keys it has, and where: (positions in `keys`, rows)."""
        return find_keys(self.reader, Texts.of(keys), names.key_hashes(keys), np.arange(len(keys)))

    def loses(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) bool: of which of its rows a segment has a newer state, or the same.

        Looks up those alone that are not later than all that a segment holds, and there alone.
        """
        return ~self._wins(self.reader.records.take(rows))

    def replaces(self, reader: SegmentReader, rows: NDArray[np.int64], keys: Sequence[bytes]) -> NDArray[np.bool_]:
        """(n,) bool: of which of these rows of a segment, whose keys these are, it has a newer state.

        Reads the order of those whose key it has, where the segment holds something as late.
        """
        is_replaced = np.zeros(len(keys), bool)
        at, mine = self.find(keys)
        orders = self.reader.take("order", mine)
        newer = is_later(orders, reader.segment.latest)
        if not newer.all():
            newer = is_later(orders, reader.take("order", rows[at]))
        is_replaced[at[newer]] = True
        return is_replaced

    def _wins(self, records: Records) -> NDArray[np.bool_]:
        return winning(self._manifest, records, self._open, self._each)
