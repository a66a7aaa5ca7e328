"""Scores: how many features of two pictures agree, as a number from 0 to 100.

score = 100 · (1 − 2^(−n / 4)), 99.9 at most; 100 for equal rows that have a feature
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Row, Rows
from shards.families.crops.matching import Lookup, matches_of_pairs
from shards.families.crops.row import MIN_SHARE, STORED
from shards.families.crops.unpacked import Unpacked
from shards.families.crops.vote import Votes, vote

_ROOTS = (1.0, 0.8408964152537145, 0.7071067811865476, 0.5946035575013605)
"""2^(−n / 4) for n = 0 … 3."""

MAX_COUNT = 64
"""Unpacked that can agree, at most."""

SCORES = np.array([min(99.9, 100 * (1 - _ROOTS[n % 4] / 2 ** (n // 4))) for n in range(MAX_COUNT + 1)])
"""(65,) float64: the score of n agreeing features."""

MATCH = 5
"""Agreeing features of which two pictures are called a match: in 10 million pairs of strangers none had as many."""

LEAST = 4
"""Agreeing features that a row must have to be found: of any million strangers some have three with a question."""

MATCH_SCORE, LEAST_SCORE = float(SCORES[MATCH]), float(SCORES[LEAST])

MIX = np.arange(1, 2 * STORED, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
"""(48,) uint64, odd: what codes are multiplied by, so that different rows have different sums."""

BLOCK = 1 << 12
"""Rows that are scored at a time: their features are 200,000."""


def score(query: Row, rows: Rows) -> NDArray[np.float64]:
    """Return (rows,) float64: the score of each stored row for a question's row."""
    queries = np.array([query], query.dtype)
    question = Unpacked.of(queries)
    lookup = Lookup.of(question)
    min_share = int(query["min_share"])
    scores = np.empty(len(rows))
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        firsts, number = _different(block)
        different = block[firsts]
        features = Unpacked.of(different)
        is_equal = _is_equal(queries, different)
        votes = vote(lookup.matches(features), question, features, min_share)
        of_different = np.where(is_equal, 100.0, SCORES[votes.counts])
        scores[start : start + BLOCK] = of_different[number]
    return scores


def score_pairs(first: Rows, second: Rows) -> NDArray[np.float64]:
    """Return (n,) float64: the score of the stored rows `first[i]` and `second[i]`, the greater of both directions."""
    scores = np.empty(len(first))
    for start in range(0, len(first), BLOCK):
        rows = first[start : start + BLOCK], second[start : start + BLOCK]
        one, other = Unpacked.of(rows[0]), Unpacked.of(rows[1])
        there = vote(matches_of_pairs(one, other), one, other, MIN_SHARE).counts
        back = vote(matches_of_pairs(other, one), other, one, MIN_SHARE).counts
        of_block = SCORES[np.maximum(there, back)]
        of_block[_is_equal(*rows)] = 100.0
        scores[start : start + BLOCK] = of_block
    return scores


def votes_for(query: Row, row: Row) -> Votes:
    """Return the vote of one pair: its arrays have one element."""
    question, stored = (Unpacked.of(np.array([one], one.dtype)) for one in (query, row))
    return vote(Lookup.of(question).matches(stored), question, stored, int(query["min_share"]))


def _is_equal(queries: Rows, rows: Rows) -> NDArray[np.bool_]:
    """Return (rows,) bool: rows with features, of which none differs from the question's."""
    equal: NDArray[np.bool_] = (queries["count"] == rows["count"]) & (rows["count"] > 0)
    for name in ("width", "height"):
        equal &= queries[name] == rows[name]
    asked = queries["features"][:, :STORED]
    at = np.flatnonzero(equal)
    equal[at] = (asked[at if len(asked) > 1 else 0] == rows["features"][at]).all(axis=(1, 2))
    return equal


def _different(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each different row first stands, and for each row its number among those.

    An index has pictures with thousands of copies, whose votes take long. Two equal rows may count as different.
    """
    mixed = (np.ascontiguousarray(rows["features"][:, :, :8]).view("<u8")[:, :, 0] * MIX).sum(axis=1, dtype=np.uint64)
    order = np.argsort(mixed, kind="stable")
    ordered = mixed[order]
    is_new = np.ones(len(rows), bool)
    alike = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    whole = rows.view(f"V{rows.itemsize}")
    is_new[alike] = whole[order[alike]] != whole[order[alike - 1]]
    number = np.empty(len(rows), np.int64)
    number[order] = np.cumsum(is_new) - 1
    return order[is_new], number
