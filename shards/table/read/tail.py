"""The log's tail over the segments of a manifest: of a key that both have, the newer state counts.

The tail is in memory, segments may be far away. To know every row that the tail replaces, each key of the tail has to
be looked up in every segment that may hold it, which takes thousands of requests. To know it of one row that was found,
the row's key is looked up in the tail, which takes none. A record of the tail that was found may itself be the older
state, but only where a segment holds anything as late, and segments were mostly written before.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shards.storage.parallel import ParallelMap
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.format.orders import is_later
from shards.table.format.records import DELETE, Records
from shards.table.format.texts import Texts
from shards.table.read.latest import OpenSegment, replaced, sharing, winning
from shards.table.read.reader import SegmentReader, TailReader, find_keys


class Tail:
    """The newest state of each key in the log's tail. Safe to use from several threads."""

    def __init__(
        self, records: Records, manifest: Manifest, open_segment: OpenSegment, parallel_map: ParallelMap
    ) -> None:
        """Put records, one a key, sorted by key hash, deletes included, over the segments of a manifest."""
        self.reader = TailReader(records)
        self._manifest = manifest
        self._open = open_segment
        self._parallel_map = parallel_map
        self._lock = threading.Lock()
        self._losing: NDArray[np.uint32] | None = None

    def __len__(self) -> int:
        return self.reader.rows

    @cached_property
    def deletes(self) -> NDArray[np.uint32]:
        """The rows that are deletes, sorted."""
        return np.flatnonzero(self.reader.records.fixed["kind"] == DELETE).astype(np.uint32)

    @property
    def losing(self) -> NDArray[np.uint32]:
        """The rows that lose: a segment has a newer state of their key, or the same. Sorted."""
        with self._lock:
            if self._losing is None:
                self._losing = np.flatnonzero(~self._wins(self.reader.records)).astype(np.uint32)
            return self._losing

    def replaced_in(self, segments: Sequence[SegmentReader]) -> list[NDArray[np.uint32]]:
        """Return the rows of each segment that the tail replaces, sorted. Looks all its keys up in each segment."""
        records = self.reader.records
        winners = np.setdiff1d(np.arange(len(self)), self.losing)
        hashes = records.fixed["key_hash"][winners]
        some = {segment.name: winners[mine] for segment, mine in sharing(self._manifest, hashes)}
        nobody = winners[:0]
        return self._parallel_map(
            lambda reader: replaced(reader, records, some.get(reader.segment.name, nobody)), segments
        )

    def find(self, keys: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find those of these keys that the tail has: (positions in `keys`, rows)."""
        return find_keys(self.reader, Texts.of(keys), names.key_hashes(keys), np.arange(len(keys)))

    def loses(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return (n,) bool: True for rows of the tail that lose against a newer state, or the same, in a segment.

        A row is looked up in a segment only if it is not later than all that the segment holds.
        """
        return ~self._wins(self.reader.records.take(rows))

    def replaces(self, reader: SegmentReader, rows: NDArray[np.int64], keys: Sequence[bytes]) -> NDArray[np.bool_]:
        """Return (n,) bool: True for rows of a segment, with the keys `keys`, that the tail replaces.

        Reads the order of rows whose key the tail has, where the segment holds anything as late.
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
        return winning(self._manifest, records, self._open, self._parallel_map)
