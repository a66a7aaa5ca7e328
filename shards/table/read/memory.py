"""A cache of fetched columns in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.table.format.columns import Column


@dataclass(frozen=True, slots=True, eq=False)
class CachedColumn:
    """The bytes of a column that are here already."""

    data: NDArray[np.uint8]
    """(bytes,) uint8."""

    is_there: NDArray[np.bool_]
    """(blocks,) bool: the blocks of `data` that are filled and checked."""


class Memory:
    """A cache of fetched columns, up to `limit` bytes; the least recently used goes first.

    Objects are immutable, so nothing in here is ever out of date. Safe to use from several threads.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._columns: OrderedDict[tuple[str, str], CachedColumn] = OrderedDict()
        self._sizes: dict[tuple[str, str], int] = {}

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return sum(self._sizes.values())

    def column(self, segment: str, name: str, column: Column) -> CachedColumn:
        """Return what there is of this column. It takes memory only as it is filled."""
        key = segment, name
        with self._lock:
            kept = self._columns.get(key)
            if kept is None:
                kept = CachedColumn(np.empty(column.size, np.uint8), np.zeros(column.blocks, bool))
                if column.size <= self.limit:
                    self._columns[key] = kept
                    self._sizes[key] = 0
            else:
                self._columns.move_to_end(key)
            return kept

    def grew(self, segment: str, name: str, size: int) -> None:
        """Count `size` bytes that were fetched into this column, and let others go where that is too much."""
        with self._lock:
            if (segment, name) not in self._sizes:
                return
            self._sizes[segment, name] += size
            total = sum(self._sizes.values())
            while total > self.limit:
                key, _ = self._columns.popitem(last=False)
                total -= self._sizes.pop(key)
