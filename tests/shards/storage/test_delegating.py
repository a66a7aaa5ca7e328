"""A store made of another one: it is as good a store, and sees every request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from shards.storage import Store
from shards.storage.delegating import DelegatingStore, Verb
from shards.storage.memory import MemoryStore
from shards.testing import StoreTests
from shards.testing.stores import NewStore
from tests.conftest import MakeStore

Result = TypeVar("Result")


class TestDelegating(StoreTests):
    mapped = True

    @pytest.fixture
    def new_store(self, make_store: MakeStore) -> NewStore:
        return lambda: DelegatingStore(make_store("memory"))

    def open_again(self, url: str) -> Store:
        return DelegatingStore(super().open_again(url))


class Told(DelegatingStore):
    """Remembers what was requested."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.requests: list[tuple[Verb, str]] = []

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        self.requests.append((verb, name))
        return super().request(verb, name, send)


def test_every_request_can_be_seen_in_one_place() -> None:
    store = Told()
    store.create("a/b", b"content")
    store.get("a/b")
    store.get_ranges("a/b", [(0, 1)])
    store.size("a/b")
    list(store.list("a/"))
    store.delete(["a/b", "c"])
    assert store.requests == [
        ("create", "a/b"),
        ("get", "a/b"),
        ("get_ranges", "a/b"),
        ("size", "a/b"),
        ("list", "a/"),
        ("delete", "a/b c"),
    ]
