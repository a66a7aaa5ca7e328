"""The policy of backpressure: a limit is what may wait, and one more is past it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.ingest.backpressure import BACKPRESSURE, Backpressure

MB = 1 << 20


def test_nothing_is_due_where_nothing_waits() -> None:
    assert not BACKPRESSURE.must_wait(0, 0)
    assert not BACKPRESSURE.should_fold_soon(0, 0)
    assert not BACKPRESSURE.is_worth_folding(0, 0)


@pytest.mark.parametrize(("objects", "size"), [(257, 0), (0, 32 * MB + 1)])
def test_adding_waits_past_256_log_objects_or_32_mb(objects: int, size: int) -> None:
    assert BACKPRESSURE.must_wait(objects, size)
    assert not BACKPRESSURE.must_wait(256, 32 * MB)


@pytest.mark.parametrize(("objects", "size"), [(65, 0), (0, 8 * MB + 1)])
def test_a_fold_comes_early_past_a_quarter_of_both(objects: int, size: int) -> None:
    assert BACKPRESSURE.should_fold_soon(objects, size)
    assert not BACKPRESSURE.should_fold_soon(64, 8 * MB)


@pytest.mark.parametrize(("objects", "size"), [(17, 0), (0, 4 * MB + 1)])
def test_folding_is_worth_it_past_16_log_objects_or_4_mb(objects: int, size: int) -> None:
    assert BACKPRESSURE.is_worth_folding(objects, size)
    assert not BACKPRESSURE.is_worth_folding(16, 4 * MB)


@given(st.integers(0, 1000), st.integers(0, 64 * MB))
def test_whoever_folds_begins_before_anybody_has_to_wait(objects: int, size: int) -> None:
    assert BACKPRESSURE.should_fold_soon(objects, size) or not BACKPRESSURE.must_wait(objects, size)
    assert BACKPRESSURE.is_worth_folding(objects, size) or not BACKPRESSURE.should_fold_soon(objects, size)


def test_without_any_patience_the_first_log_object_is_too_many() -> None:
    limits = Backpressure(max_objects=0)
    assert not limits.must_wait(0, 0)
    assert limits.must_wait(1, 0)
    assert limits.should_fold_soon(1, 0)
