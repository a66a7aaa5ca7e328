"""Pairs of crops: all that are alike are found without comparing each row with each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.crops import Crops, near, pairs
from tests.shards.families.crops_rows import copies, strangers
from tests.tiers import scaled

CROPS = Crops()


def collected(parts: Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]] | None) -> list[tuple[int, int]]:
    assert parts is not None
    return [pair for first, second in parts for pair in zip(first.tolist(), second.tolist(), strict=True)]


def alike(rows: Rows, min_score: float) -> set[tuple[int, int]]:
    first, second = np.triu_indices(len(rows), 1)
    enough = CROPS.score_pairs(rows[first], rows[second]) >= min_score
    return set(zip(first[enough].tolist(), second[enough].tolist(), strict=True))


@settings(max_examples=scaled(15), deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1.0, 50.0, CROPS.match_score, 90.0]), st.sampled_from([1, 3, 64]))
def test_every_pair_that_scores_enough_is_found_once(seed: int, min_score: float, together: int) -> None:
    some = strangers(seed, 6)
    rows = np.concatenate([some, *(copies(some, seed + kept, kept, turned=1) for kept in (4, 7, 12, 30))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "TOGETHER", together)
        found = collected(CROPS.near_pairs(rows, min_score))
    assert len(found) == len(set(found))
    assert all(first < second for first, second in found)
    assert alike(rows, min_score) <= set(found)


def test_strangers_are_not_scored() -> None:
    assert collected(CROPS.near_pairs(strangers(1, 500), CROPS.match_score)) == []


def test_rows_that_are_near_everything_are_compared_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    some = strangers(1, 1)
    rows = np.concatenate([copies(some, seed, 40, moved=0, turned=0) for seed in range(12)])
    monkeypatch.setattr(near, "MOST", 30)
    assert alike(rows, CROPS.match_score) <= set(collected(CROPS.near_pairs(rows, CROPS.match_score)))


def test_progress_is_told_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "TOGETHER", 4)
    told: list[tuple[int, int]] = []
    collected(CROPS.near_pairs(strangers(1, 10), 50.0, lambda done, total: told.append((done, total))))
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_where_every_score_is_enough_every_pair_is_compared() -> None:
    assert CROPS.near_pairs(strangers(1, 3), 0.0) is None
