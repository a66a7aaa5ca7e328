"""Scores of many pairs at once: the formula of `scoring`, where every row has its own query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.haar.row import is_grey
from shards.families.haar.scoring import BINS, STRICTNESS, WEIGHTS

CHUNK = 4096
"""Pairs scored at a time: the coefficients of one channel are 320 KB a side, and stay in the L2 cache."""


def score_pairs(queries: Rows, rows: Rows) -> NDArray[np.float64]:
    """Return (n,) float64: the score of stored `queries[i]` and `rows[i]`, as `scoring.score` gives it to the last bit.

    Pairs with a grey picture are compared by Y alone.
    """
    scores = np.empty(len(queries))
    for start in range(0, len(queries), CHUNK):
        part = slice(start, start + CHUNK)
        scores[part] = _score(queries[part], rows[part])
    return scores


def _score(queries: Rows, rows: Rows) -> NDArray[np.float64]:
    by_luma = is_grey(queries) | is_grey(rows)
    scale, shared = _weights(queries, rows, 0)
    for channel in (1, 2):
        all_of_query, in_common = _weights(queries, rows, channel)
        scale += np.where(by_luma, 0, all_of_query)
        shared += np.where(by_luma, 0, in_common)
    # a damaged average may be no number: then the score is none
    with np.errstate(invalid="ignore", over="ignore"):
        differences = np.abs(rows["avgl"] - queries["avgl"])
        distance = float(WEIGHTS[0, 0]) * differences[:, 0]
        for channel in (1, 2):
            distance = np.where(by_luma, distance, distance + float(WEIGHTS[channel, 0]) * differences[:, channel])
        scores: NDArray[np.float64] = 100.0 * ((shared - distance) / scale)
        return np.where(by_luma, 100.0 - STRICTNESS * (100.0 - scores), scores)


def _weights(queries: Rows, rows: Rows, channel: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the weights of the query's coefficients and of those the row shares: (n,) int32 each, in hundredths."""
    # pairs run along the last axis, and one coefficient of all rows is compared at a time: each step is one long loop
    asked = np.ascontiguousarray(queries["sig"][:, channel].T)
    stored = np.ascontiguousarray(rows["sig"][:, channel].T)
    weights = WEIGHTS[channel].take(BINS.take(np.abs(asked)))
    is_shared = np.zeros(asked.shape, bool)
    is_equal = np.empty(asked.shape, bool)
    for coefficient in stored:
        np.equal(asked, coefficient, out=is_equal)
        is_shared |= is_equal
    return weights.sum(axis=0, dtype=np.int32), np.where(is_shared, weights, 0).sum(axis=0, dtype=np.int32)
