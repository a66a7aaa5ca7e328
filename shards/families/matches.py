"""Matches of a search: the best rows of a segment, and their collection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Matches:
    """The rows that answer a question, best first: by falling score, then by rising row."""

    rows: NDArray[np.int64]
    """(n,) int64."""

    scores: NDArray[np.float64]
    """(n,) float64."""

    queries: NDArray[np.int64]
    """(n,) int64: the query that scored best for the row, the first of equals."""

    @classmethod
    def none(cls) -> Matches:
        """Return matches without a row."""
        return cls(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))

    def take(self, at: NDArray[np.intp]) -> Matches:
        """Return the matches at these positions, in this order."""
        return Matches(self.rows[at], self.scores[at], self.queries[at])


class BestRows:
    """The collector of scored rows: it keeps the best of them, and knows the score that the next one must reach.

    Scans of hashes collect by distance instead (`shards.families.hashes.scan.NearestRows`): with small integers a
    histogram tells the radius of the best rows, and scoring and sorting every row on the way would take longer than the
    scan itself.
    """

    def __init__(
        self, limit: int, min_score: float | None, dead: NDArray[np.uint32] | None = None, *, distinct: bool = False
    ) -> None:
        """Collect at most `limit` rows and ties of the last, of at least `min_score`, none of them in `dead` (sorted).

        `distinct`: no row is added twice, which saves looking for the best score of each.
        """
        self.floor = -np.inf if min_score is None else min_score
        self._limit = limit
        self._dead = dead
        self._distinct = distinct
        self._parts: list[Matches] = []

    def add(self, rows: NDArray[np.int64], scores: NDArray[np.float64], queries: NDArray[np.int64] | int) -> None:
        """Take rows with their scores by a query, or by one each; rows that are dead or below the floor are left out.

        A row may be added several times, by one query or by several.
        """
        # as long as there is no floor, what is no number must be kept out by itself
        good = np.flatnonzero(np.isfinite(scores) if self.floor == -np.inf else scores >= self.floor)
        if self._dead is not None and len(self._dead) and len(good):
            good = good[is_living(rows[good], self._dead)]
        if len(good):
            by = np.full(len(good), queries) if isinstance(queries, int) else queries[good]
            self._parts.append(Matches(rows[good], scores[good], by))

    def settle(self) -> Matches:
        """Return the best rows so far with every tie of the last, each once; the floor rises to the last of them."""
        if not self._parts:
            return Matches.none()
        matches = Matches(
            np.concatenate([part.rows for part in self._parts]),
            np.concatenate([part.scores for part in self._parts]),
            np.concatenate([part.queries for part in self._parts]),
        )
        if not self._distinct:
            # a row's best score first, and of equals the first query's
            order = np.lexsort((matches.queries, -matches.scores, matches.rows))
            matches = matches.take(order[np.flatnonzero(np.diff(matches.rows[order], prepend=-1))])
        best = best_of(matches, self._limit)
        self._parts = [best]
        if len(best.rows) >= self._limit:
            self.floor = max(self.floor, float(best.scores[-1]))
        return best


def best_of(matches: Matches, limit: int) -> Matches:
    """Return the best `limit` of matches of different rows, in any order, with every tie of the last; sorted."""
    if len(matches.rows) > limit:
        cut = np.partition(matches.scores, len(matches.scores) - limit)[len(matches.scores) - limit]
        keep = np.flatnonzero(matches.scores >= cut)
    else:
        keep = np.arange(len(matches.rows))
    return matches.take(keep[np.lexsort((matches.rows[keep], -matches.scores[keep]))])


def is_living(rows: NDArray[np.int64], dead: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return (rows,) bool: which rows are not among `dead`, which is sorted and not empty."""
    # an unsigned 32-bit column would be copied to be compared with 64-bit rows: search in its own type
    narrow = rows.astype(np.uint32)
    at = np.minimum(np.searchsorted(dead, narrow), len(dead) - 1)
    living: NDArray[np.bool_] = dead[at] != narrow
    return living
