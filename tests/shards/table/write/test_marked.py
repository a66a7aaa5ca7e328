"""Marks and decisions: the youngest counts, however they are stored, folded, copied and read."""

from __future__ import annotations

import pytest

from lookalike import Index
from shards.errors import CorruptObject
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format.envelope import seal
from shards.table.format.layout import FORMATS
from shards.table.write import marked
from shards.table.write.marked import FOLDED_FROM, Entry, checked


@pytest.fixture
def index() -> Index:
    return Index.create("memory://", families=("dhash",))


def objects(index: Index) -> list[str]:
    return [entry.name for entry in index._table.store.list(names.MARKS)]


def test_the_youngest_entry_counts_and_null_takes_back(index: Index) -> None:
    index.mark([Entry(("a",), "remove"), Entry(("b",), "keep")])
    index.mark([Entry(("a",), "keep")])
    index.mark([Entry(("b",), None), Entry(("a", "b"), "different")])
    marks = index.marks()
    assert {key: mark for key, (mark, _) in marks.marks.items()} == {"a": "keep"}
    assert list(marks.different) == [("a", "b")]
    index.mark([Entry(("a", "b"), None)])
    assert index.marks().different == {}


def test_an_older_entry_that_comes_later_does_not_count(index: Index) -> None:
    index.mark([Entry(("a",), "remove", 2_000)])
    index.mark([Entry(("a",), "keep", 1_000)])
    assert index.marks().marks["a"] == ("remove", 2_000)


def test_many_objects_are_folded_and_say_the_same(index: Index) -> None:
    for n in range(FOLDED_FROM + 5):
        index.mark([Entry((f"image {n % 7}",), "remove" if n % 2 else "keep"), Entry((f"a{n}", "b"), "different")])
    assert len(objects(index)) < FOLDED_FROM
    marks = index.marks()
    assert len(marks.marks) == 7
    assert len(marks.different) == FOLDED_FROM + 5
    assert all(names.is_own(name) for name in objects(index))


def test_a_fold_that_a_crash_has_cut_changes_nothing(index: Index) -> None:
    store = index._table.store
    kept = {}
    for n in range(FOLDED_FROM - 1):
        index.mark([Entry(("a", str(n)), "different")])
        kept |= {name: bytes(store.get(name)) for name in objects(index)}
    index.mark([Entry(("a", "0"), None)])
    before = index.marks()
    for name, data in kept.items():
        store.create(name, data)  # as if they had not been deleted
    assert index.marks() == before


def test_marks_survive_a_copy_and_are_verified(index: Index) -> None:
    index.mark([Entry(("a",), "remove")])
    copy = MemoryStore()
    index.copy(copy)
    assert Index.open(copy).marks() == index.marks()
    assert not index.verify().problems
    index._table.store.create(names.marks(1, b"x"), b"x")
    (problem,) = index.verify().problems
    assert problem.name.startswith(names.MARKS)
    assert problem.is_harmless


@pytest.mark.parametrize(
    "entries",
    [None, [["a"]], [[[], "keep", 1]], [[["a"], "burn", 1]], [[["a", "b"], "keep", 1]], [[["a"], None, -1]]],
)
def test_an_object_that_says_something_else_is_damaged(entries: object) -> None:
    with pytest.raises(CorruptObject, match="no marks"):
        marked.parse("marks/1.json", seal({"format": FORMATS[-1], "entries": entries}))


@pytest.mark.parametrize(
    ("keys", "value"), [(["a", "a"], "different"), (["a"], "different"), ([1], "keep"), ([], None)]
)
def test_what_nobody_can_mean_is_refused(keys: list[str], value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        checked(keys, value)
