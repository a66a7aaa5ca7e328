"""Scores of one question against many rows, all of them or those that are not small."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.families.resident import Resident

KEPT_RATE = 1e-4
"""False rate, by the family's own table, from which on pairs are kept one by one."""

SLOW = 10e-6
"""Seconds a row from which on a family is not asked for all scores, but searches for those from the kept rate on."""

TIMED_ROWS = 200


class Scorer:
    """The scores of one family, of rows that stay."""

    def __init__(self, kind: Family, rows: Rows, clock: Callable[[], float] = perf_counter) -> None:
        self.kind = kind
        self.rows = rows
        self.floor = kind.rates.score(KEPT_RATE)
        self._flat = kind.is_flat(rows)
        is_slow = len(rows) >= TIMED_ROWS and _seconds_a_row(kind, rows[:TIMED_ROWS], clock) > SLOW
        self._searched = Resident(kind.columns(rows), len(rows)) if is_slow else None

    def scores(self, queries: Rows) -> NDArray[np.float64]:
        """Return (rows,) float64: each row's best score over the rows of one question.

        Pictures without content are no match of anything: pairs with one score 0, as do, with a slow family, pairs
        below `floor`.
        """
        if self.kind.question_dtype == self.kind.dtype and self.kind.is_flat(queries).all():
            return np.zeros(len(self.rows))
        if self._searched is not None:
            found = self.kind.search(queries, self._searched, limit=len(self.rows), min_score=self.floor)
            scores = np.zeros(len(self.rows))
            scores[found.rows] = found.scores
        else:
            scores = np.max([self.kind.score(query, self.rows) for query in queries], axis=0)
        scores[self._flat] = 0.0
        return scores

    def of_stored(self, place: int) -> NDArray[np.float64]:
        """Return (rows,) float64: what all rows score where this one of them is asked for."""
        return np.zeros(len(self.rows)) if self._flat[place] else self.scores(self.kind.asked(self.rows[place, None]))


def _seconds_a_row(kind: Family, rows: Rows, clock: Callable[[], float]) -> float:
    start = clock()
    kind.score(kind.asked(rows[:1])[0], rows)
    return (clock() - start) / len(rows)
