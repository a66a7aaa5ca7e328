"""Rows near a query, by their distance in bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Near:
    """`rows` (n,) int64, their `distances` (n,) int64 in bits, and (n,) int64 which of the `queries` they are near."""

    rows: NDArray[np.int64]
    distances: NDArray[np.int64]
    queries: NDArray[np.int64]

    @classmethod
    def nothing(cls) -> Near:
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))

    @classmethod
    def join(cls, parts: Sequence[Near]) -> Near:
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.distances for part in parts]),
            np.concatenate([part.queries for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Near:
        return Near(self.rows[which], self.distances[which], self.queries[which])

    def nearest_query(self) -> Near:
        """Each row once, at its least distance, with the first of the queries that are so near; by rising row."""
        order = np.lexsort((self.queries, self.distances, self.rows))
        rows = self.rows[order]
        return self.take(order[np.concatenate([[True], rows[1:] != rows[:-1]])]) if len(rows) else self

    def living(self, dead: NDArray[np.uint32] | None) -> Near:
        """Those that are not among the sorted rows `dead`."""
        if dead is None or not len(dead) or not len(self):
            return self
        # an unsigned 32-bit column would be copied to be compared with 64-bit rows: search in its own type
        rows = self.rows.astype(np.uint32)
        at = np.minimum(np.searchsorted(dead, rows), len(dead) - 1)
        return self.take(dead[at] != rows)
