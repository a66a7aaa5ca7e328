"""The part of a store below a prefix is a store."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from shards.errors import StorageError
from shards.storage import open_store
from shards.storage.memory import MemoryStore
from shards.storage.prefixed import PrefixedStore
from shards.testing import StoreTests
from shards.testing.stores import NewStore


class TestPrefixed(StoreTests):
    mapped = True

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> NewStore:
        around, numbers = open_store(str(tmp_path)), count()
        return lambda: PrefixedStore(around, f"part{next(numbers)}")


def test_it_shows_its_own_part_and_no_other() -> None:
    around = MemoryStore()
    part = PrefixedStore(around, "part")
    part.create("a/b", b"1")
    around.create("a", b"2")
    around.create("part-2/c", b"3")
    assert [entry.name for entry in part.list()] == ["a/b"]
    assert bytes(around.get("part/a/b")) == b"1"


@pytest.mark.parametrize("prefix", ["", "..", "a/", "/a"])
def test_what_is_no_name_is_no_prefix(prefix: str) -> None:
    with pytest.raises(StorageError):
        PrefixedStore(MemoryStore(), prefix)
