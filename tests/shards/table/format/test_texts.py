"""Columns of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shards.table.format import texts as module
from shards.table.format.texts import Texts

texts = st.lists(st.binary(max_size=12))


@given(texts)
def test_they_are_a_list_of_byte_strings(given: list[bytes]) -> None:
    made = Texts.of(given)
    assert len(made) == len(given)
    assert made.tolist() == list(made) == given
    assert [made[i] for i in range(len(made))] == given


def test_many_are_walked_over_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 3)
    for n in range(10):
        given = [b"x" * (i % 4) for i in range(n)]
        assert list(Texts.of(given)) == given


@pytest.fixture(autouse=True, params=[0, module.FEW_BYTES])
def few_bytes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Few bytes are copied in another way than many: each test does both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW_BYTES", request.param)
        yield


@given(texts, st.data())
def test_taken_rows_are_those_of_the_list(given: list[bytes], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(given) - 1))) if given else []
    taken = Texts.of(given).take(np.array(rows, np.intp))
    taken.check("key", len(rows))
    assert taken.tolist() == [given[row] for row in rows]


def test_texts_longer_than_64_kb_are_taken_too() -> None:
    given = [b"a" * 70_000, b"", b"b" * 4464, b"c" * 65_536, b"d"]  # 4,464 is 70,000 - 65,536
    rows = [3, 2, 0, 4, 1, 0]
    assert Texts.of(given).take(np.array(rows)).tolist() == [given[row] for row in rows]


def test_all_rows_in_order_are_the_same_texts_not_a_copy() -> None:
    made = Texts.of([b"a", b"bc"])
    assert made.take(np.arange(2)) is made
    assert made.take(np.array([1, 0])).tolist() == [b"bc", b"a"]


@given(st.lists(texts, min_size=1), st.randoms())
def test_gathered_ones_are_some_of_each_part_in_another_order(parts: list[list[bytes]], random: Random) -> None:
    chosen = [sorted(random.sample(range(len(part)), random.randint(0, len(part)))) for part in parts]
    listed = [part[row] for part, rows in zip(parts, chosen, strict=True) for row in rows]
    places = random.sample(range(len(listed)), len(listed))
    rows = [np.array(some, np.int64) for some in chosen]
    gathered = Texts.gather([Texts.of(part) for part in parts], rows, np.array(places, np.int64)).tolist()
    assert [gathered[place] for place in places] == listed


@given(st.lists(texts, min_size=1))
def test_joined_ones_are_the_lists_end_to_end(parts: list[list[bytes]]) -> None:
    assert Texts.join([Texts.of(part) for part in parts]).tolist() == list(chain(*parts))


@given(st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=3))))
@example([(b"", b"a"), (b"", b""), (b"ab", b"ac"), (b"", b""), (b"x", b"x")])
def test_each_is_compared_with_the_one_at_its_place(pairs: list[tuple[bytes, bytes]]) -> None:
    ours, theirs = Texts.of([a for a, _ in pairs]), Texts.of([b for _, b in pairs])
    assert ours.equals(theirs).tolist() == [a == b for a, b in pairs]


@given(
    st.text(alphabet="aé東😀", max_size=8),
    st.lists(st.integers(0, 32)),
    st.none() | st.tuples(st.integers(0, 31), st.integers(0, 255)),
)
def test_each_has_to_be_utf8_by_itself(text: str, cuts: list[int], change: tuple[int, int] | None) -> None:
    whole = bytearray(text.encode())
    if change is not None and change[0] < len(whole):
        whole[change[0]] = change[1]
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    given = [bytes(whole[start:stop]) for start, stop in pairwise(places)]
    assert fault(Texts.of(given).check_utf8) == fault(lambda: [text.decode() for text in given])


def fault(check: Callable[[], object]) -> tuple[bytes, str] | None:
    """Return the text that is not UTF-8, and why."""
    try:
        check()
    except UnicodeDecodeError as error:
        return error.object, error.reason
    return None
