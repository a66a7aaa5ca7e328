"""The store in this process."""

from __future__ import annotations

import pytest

from shards.storage import open_store
from shards.storage.memory import MemoryStore
from shards.testing import StoreTests
from shards.testing.stores import NewStore
from tests.conftest import MakeStore


class TestMemory(StoreTests):
    mapped = True

    @pytest.fixture
    def new_store(self, make_store: MakeStore) -> NewStore:
        return lambda: make_store("memory")


def test_a_name_is_one_store_throughout_the_process() -> None:
    open_store("memory://test-memory-shared").create("a", b"content")
    assert bytes(open_store("memory://test-memory-shared").get("a")) == b"content"
    assert list(open_store("memory://test-memory-other").list()) == []


def test_without_a_name_each_store_is_a_fresh_one() -> None:
    open_store("memory://").create("a", b"content")
    assert list(open_store("memory://").list()) == []


def test_the_clock_it_was_given_dates_its_objects() -> None:
    ticks = iter([10.0, 20.5])
    store = MemoryStore(clock=lambda: next(ticks))
    store.create("b", b"")
    store.create("a", b"")
    assert [(entry.name, entry.modified) for entry in store.list()] == [("a", 20.5), ("b", 10.0)]
