"""Cursors as text: they come back as they went, and nothing else is taken for one."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import QueryError
from shards.search.cursor import Cursor

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


@given(st.floats(allow_nan=False, allow_infinity=False), keys, st.integers(0, 2**64 - 1))
def test_a_cursor_comes_back_as_it_went(score: float, key: str, rank: int) -> None:
    cursor = Cursor(score, key, rank)
    assert Cursor.parse(str(cursor)) == cursor


def packed(score: float, key: bytes) -> str:
    return base64.urlsafe_b64encode(struct.pack(">dQ", score, 3) + key).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    ["", "x", "cat.jpg", "=", "%", "ü", "a" * 10_000 + "!", "AAAA", packed(99.0, b""), packed(1.0, b"\xff"),
     packed(float("nan"), b"k"), packed(float("inf"), b"k")],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="is no place in an answer: give the 'next' of its previous page") as refused:
        Cursor.parse(text)
    assert len(str(refused.value)) < 200
