"""Rows near a query, with their distances in bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.matches import is_living


@dataclass(frozen=True, slots=True)
class Near:
    """Rows near one of several queries, in any order."""

    rows: NDArray[np.int64]
    """(n,) int64."""

    distances: NDArray[np.int64]
    """(n,) int64: bits in which each row differs from its query."""

    queries: NDArray[np.int64]
    """(n,) int64: the query that each row is near."""

    @classmethod
    def none(cls) -> Near:
        """Return no rows."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))

    @classmethod
    def join(cls, parts: Sequence[Near]) -> Near:
        """Return the rows of all parts, of which there is at least one."""
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
        """Return the rows that are marked, or those at these positions."""
        return Near(self.rows[which], self.distances[which], self.queries[which])

    def nearest_query(self) -> Near:
        """Return each row once, at its least distance, with the first query that is so near; by rising row."""
        order = np.lexsort((self.queries, self.distances, self.rows))
        rows = self.rows[order]
        return self.take(order[np.concatenate([[True], rows[1:] != rows[:-1]])]) if len(rows) else self

    def living(self, dead: NDArray[np.uint32] | None) -> Near:
        """Return the rows that are not among `dead`, which is sorted."""
        if dead is None or not len(dead) or not len(self):
            return self
        return self.take(is_living(self.rows, dead))
