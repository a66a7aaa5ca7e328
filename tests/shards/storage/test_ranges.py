"""Byte ranges that are joined, and the views cut from what was fetched for them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.storage.ranges import cut, join

ranges_of_one_object = st.lists(
    st.builds(lambda start, length: (start, start + length), st.integers(0, 80), st.integers(0, 20)), max_size=8
)


@pytest.mark.parametrize(
    ("ranges", "joined"),
    [
        ([], []),
        ([(5, 5)], []),
        ([(0, 5)], [(0, 5)]),
        ([(5, 9), (0, 5)], [(0, 9)]),
        ([(0, 5), (8, 9)], [(0, 9)]),
        ([(0, 5), (9, 10)], [(0, 5), (9, 10)]),
        ([(0, 9), (2, 3), (13, 14)], [(0, 9), (13, 14)]),
        ([(0, 2), (4, 4), (6, 8)], [(0, 2), (6, 8)]),
    ],
)
def test_gaps_of_less_than_4_bytes_are_bridged(ranges: list[tuple[int, int]], joined: list[tuple[int, int]]) -> None:
    assert join(ranges, 4) == joined


@given(ranges=ranges_of_one_object, gap=st.integers(1, 30), size=st.integers(0, 100))
def test_views_are_the_bytes_asked_for(ranges: list[tuple[int, int]], gap: int, size: int) -> None:
    content = memoryview(bytes(range(size)))
    fetched = join(ranges, gap)
    bodies = [content[start:stop] for start, stop in fetched]
    assert cut(ranges, fetched, bodies) == [content[start:stop] for start, stop in ranges]


@given(ranges=ranges_of_one_object, gap=st.integers(1, 30))
def test_what_is_fetched_rises_and_keeps_its_distance(ranges: list[tuple[int, int]], gap: int) -> None:
    fetched = join(ranges, gap)
    assert all(stop + gap <= start for (_, stop), (start, _) in pairwise(fetched))
    wanted = {byte for start, stop in ranges for byte in range(start, stop)}
    assert all({start, stop - 1} <= wanted for start, stop in fetched)
