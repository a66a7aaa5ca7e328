"""Notes of copies."""

from __future__ import annotations

import pytest

from shards.errors import CorruptObject
from shards.storage.memory import MemoryStore
from shards.table.format import copies, envelope, names
from shards.table.format.copies import Begun
from shards.table.format.manifest import Manifest
from tests.world import FakeWorld

ID = "0123456789abcdef"
WORLD = FakeWorld()


def manifest(version: int) -> Manifest:
    return Manifest(version, f"{version:016x}", 0, ((),), index=ID)


def test_what_was_begun_is_found_again() -> None:
    store = MemoryStore()
    assert copies.read_begun(store, ID) is None
    begun = [Begun(ID, "memory://source", ""), Begun("f" * 16, "1" * 16, "1")]
    for one in begun:
        copies.write_begun(store, WORLD, one)
    assert copies.all_begun(store) == begun
    assert copies.read_begun(store, ID) == begun[0]


def test_a_manifest_is_known_by_its_version_and_its_commit() -> None:
    store = MemoryStore()
    copies.write_made(store, WORLD, manifest(3), "state")
    assert copies.read_made(store, manifest(3)) == "state"
    assert copies.read_made(store, manifest(4)) is None
    assert copies.read_made(store, Manifest(3, "another", 0, ((),), index=ID)) is None


def test_notes_of_manifests_that_are_gone_are_forgotten_but_none_of_a_later_one() -> None:
    """The later one's manifest is about to be created by another copying."""
    store = MemoryStore()
    copies.write_begun(store, WORLD, Begun(ID, "source", ""))
    for version in range(1, 8):
        copies.write_made(store, WORLD, manifest(version), "state")
    copies.forget(store, ID, names.manifest(4))
    assert [copies.read_made(store, manifest(version)) is not None for version in range(1, 8)] == [False] * 3 + [
        True
    ] * 4
    assert copies.read_begun(store, ID) is not None


def test_a_note_that_says_something_else_is_corrupt() -> None:
    store = MemoryStore()
    store.create(copies.begun_name(ID), envelope.seal({"format": 2, "source": 3, "replaces": ""}))
    with pytest.raises(CorruptObject, match="its source is 3"):
        copies.read_begun(store, ID)
    copies.write_begun(store, WORLD, Begun("f" * 16, "source", ""))
    assert [begun.id for begun in copies.all_begun(store)] == ["f" * 16], "others are none of its business"
    with pytest.raises(CorruptObject, match="its source is 3, and should be a text; say --replace"):
        copies.all_begun(store, needed=ID)
