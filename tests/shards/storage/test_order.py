"""Listings by name from stores that list by name and from those that list by folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.errors import StorageError
from shards.storage._names import folder_of
from shards.storage._order import by_name, start_after
from shards.storage.base import Entry

parts = st.text("-.0AZ_ab", min_size=1, max_size=3).filter(lambda part: not part.startswith("."))
object_names = st.lists(parts, min_size=1, max_size=3).map("/".join)


def by_bytes(name: str) -> list[str]:
    return [name]


def by_folder(name: str) -> list[str]:
    return name.split("/")


Order = Callable[[str], list[str]]


def listing(every: set[str], order: Order, folder: str, start: str | None) -> list[Entry]:
    """List names as a store of this order does: a tree passes over the folders up to the one that `start` names."""
    below = [name for name in every if name.startswith(folder)]
    if start is not None:
        passed = order(start)
        below = [name for name in below if order(name)[: len(passed)] > passed]
    return [Entry(name, 0, 0.0) for name in sorted(below, key=order)]


@pytest.mark.parametrize("order", [by_bytes, by_folder])
@given(
    every=st.sets(object_names, max_size=12),
    name=object_names,
    length=st.integers(0, 6),
    after=object_names | st.just(""),
)
def test_the_names_wanted_come_by_their_bytes(
    order: Order, every: set[str], name: str, length: int, after: str
) -> None:
    prefix = name[:length]
    folder = folder_of(prefix)
    assert folder is not None
    entries = listing(every, order, folder, start_after(folder, prefix, after))
    listed = [entry.name for entry in by_name(entries, folder, prefix, after)]
    assert listed == sorted(one for one in every if one.startswith(prefix) and one > after)


def test_a_listing_goes_on_near_where_it_left_off() -> None:
    name = "log/1760000000123-00ff.npz"
    assert start_after("log/", "log/", name) == "log/176000000012"
    assert start_after("manifest/", "manifest/184467", "") == "manifest/1844"


def test_only_what_is_needed_is_asked_for() -> None:
    asked = []

    def entries() -> Iterator[Entry]:
        for number in range(100):
            asked.append(number)
            yield Entry(f"log/{number:03}.npz", 0, 0.0)

    next(by_name(entries(), "log/", "log/", ""))
    assert len(asked) <= 2


def test_any_other_order_is_refused() -> None:
    entries = [Entry(name, 0, 0.0) for name in ["log/b", "log/a"]]
    with pytest.raises(StorageError, match="log/a: listed after log/b"):
        list(by_name(entries, "log/", "log/", ""))


@pytest.mark.parametrize("prefix", ["/", "/a", "a//", "../", "a/../b", ".tmp/", "ä/", " /"])
def test_no_folder_holds_what_no_name_begins_with(prefix: str) -> None:
    assert folder_of(prefix) is None
