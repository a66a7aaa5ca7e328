"""The collector of the best rows, compared with sorting all that it was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.families.matches import BestRows, Matches
from tests.tiers import scaled

SCORED = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 3)), max_size=30)
"""Rows with a score, of which few differ, by a query."""


def worst_last(scored: tuple[int, int, int]) -> tuple[int, int]:
    return -scored[1], scored[0]


def ranked(scored: list[tuple[int, int, int]], limit: int) -> list[tuple[int, int, int]]:
    """Return each row once, by its best score and the first query that gives it; the best with all ties."""
    best: dict[int, tuple[int, int]] = {}
    for row, score, query in scored:
        best[row] = min(best.get(row, (1, 0)), (-score, query))
    rows = sorted((negated, row, query) for row, (negated, query) in best.items())
    return [
        (row, -negated, query)
        for n, (negated, row, query) in enumerate(rows)
        if n < limit or negated == rows[limit - 1][0]
    ]


def listed(matches: Matches) -> list[tuple[int, int, int]]:
    return list(zip(matches.rows.tolist(), matches.scores.astype(int).tolist(), matches.queries.tolist(), strict=True))


@settings(max_examples=scaled(200))
@given(
    parts=st.lists(SCORED, max_size=5),
    limit=st.integers(1, 8),
    min_score=st.one_of(st.none(), st.integers(0, 12)),
    dead=st.one_of(st.none(), st.sets(st.integers(0, 40))),
)
def test_the_best_are_those_of_all_sorted(
    parts: list[list[tuple[int, int, int]]], limit: int, min_score: int | None, dead: set[int] | None
) -> None:
    best = BestRows(limit, min_score, None if dead is None else np.array(sorted(dead), np.uint32))
    taken: list[tuple[int, int, int]] = []
    for part in parts:
        rows, scores, queries = np.array(part, np.int64).reshape(-1, 3).T
        best.add(rows, scores.astype(float), queries)
        taken += [scored for scored in part if scored[0] not in (dead or ()) and scored[1] >= (min_score or 0)]
        expected = ranked(taken, limit)

        assert listed(best.settle()) == expected
        assert best.floor == (
            expected[-1][1] if len(expected) >= limit else (-np.inf if min_score is None else min_score)
        )


@settings(max_examples=scaled(60))
@given(scores=st.lists(st.integers(0, 9), max_size=60), limit=st.integers(1, 8), size=st.integers(1, 20))
def test_rows_that_come_once_need_no_second_look(scores: list[int], limit: int, size: int) -> None:
    best = BestRows(limit, None, distinct=True)
    for start in range(0, len(scores), size):
        part = np.array(scores[start : start + size], float)
        best.add(np.arange(start, start + len(part)), part, 0)
        best.settle()

    assert listed(best.settle()) == ranked([(row, score, 0) for row, score in enumerate(scores)], limit)


@pytest.mark.parametrize("distinct", [False, True])
def test_nothing_added_is_nothing_found(distinct: bool) -> None:
    best = BestRows(3, 50.0, distinct=distinct)

    assert listed(best.settle()) == []
    assert best.floor == 50.0
