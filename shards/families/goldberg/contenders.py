"""The best rows so far, and the score that the next one must reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Matches, best_of


class Contenders:
    """Collects scored rows in any order; a row may come several times, for one query or for several."""

    def __init__(self, limit: int, min_score: float | None, dead: NDArray[np.uint32] | None) -> None:
        self.floor = -np.inf if min_score is None else min_score
        self._limit = limit
        self._dead = None if dead is None or len(dead) == 0 else dead
        self._found: list[Matches] = []

    def add(self, rows: NDArray[np.int64], scores: NDArray[np.float64], query: int) -> None:
        """Rows with their scores for one query; those that are dead or below the floor are left out."""
        good = scores >= self.floor
        if self._dead is not None:
            at = np.minimum(np.searchsorted(self._dead, rows), len(self._dead) - 1)
            good &= self._dead[at] != rows
        if good.any():
            rows = rows[good]
            self._found.append(Matches(rows, scores[good], np.full(len(rows), query)))

    def settle(self) -> Matches:
        """The best rows with every tie of the last, each once with its best score; the floor rises to the last."""
        rows = np.concatenate([np.empty(0, np.int64), *(found.rows for found in self._found)])
        scores = np.concatenate([np.empty(0), *(found.scores for found in self._found)])
        queries = np.concatenate([np.empty(0, np.int64), *(found.queries for found in self._found)])
        # a row's best score first, and of equals the first query's
        order = np.lexsort((queries, -scores, rows))
        _, first = np.unique(rows[order], return_index=True)
        keep = order[first]
        best = best_of(Matches(rows[keep], scores[keep], queries[keep]), self._limit)
        if len(best.rows) >= self._limit:
            self.floor = max(self.floor, float(best.scores[-1]))
        self._found = [best]
        return best
