"""Objects that are moved away."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shards.errors import CorruptObject, ObjectNotFound
from shards.storage import moving
from shards.storage.base import Store
from shards.storage.local import LocalStore
from shards.storage.memory import MemoryStore
from shards.storage.moving import move
from shards.storage.prefixed import PrefixedStore
from shards.testing.stores import names
from tests.world import FakeWorld


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture(params=["memory", "local", "prefixed"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    around = MemoryStore() if request.param == "memory" else LocalStore(tmp_path)
    return PrefixedStore(around, "part") if request.param == "prefixed" else around


def test_an_object_gets_another_name(store: Store, world: FakeWorld) -> None:
    store.create("a", b"content")
    move(store, world, "a", "damaged/a")
    assert (names(store), bytes(store.get("damaged/a"))) == (["damaged/a"], b"content")
    with pytest.raises(ObjectNotFound):
        move(store, world, "a", "damaged/a")


def test_nothing_that_was_moved_before_is_lost(store: Store, world: FakeWorld) -> None:
    for body in (b"first", b"second", b"third"):
        store.create("a", body)
        move(store, world, "a", "damaged/a")
    moved = {name: bytes(store.get(name)) for name in names(store)}
    assert moved == {"damaged/a": b"first", "damaged/a.1": b"second", "damaged/a.2": b"third"}


def test_an_object_of_a_bucket_is_copied_in_pieces(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "PIECE", 100)
    store = MemoryStore()
    body = os.urandom(1050)
    store.create("a", body)
    store.create("b", body)
    move(store, world, "a", "b")
    assert names(store) == ["b"], "an earlier attempt had come to the deletion"
    assert bytes(store.get("b")) == body
    monkeypatch.setattr(moving, "LARGEST", 1000)
    with pytest.raises(CorruptObject, match="b: has 1,050 bytes, more than can be copied at once"):
        move(store, world, "b", "c")


def test_a_folder_of_the_index_may_lie_on_another_disk(
    tmp_path: Path, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.create("a", b"content")
    link = os.link

    def linking(source: Path, target: Path, **options: bool) -> None:
        if options:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        link(source, target)

    monkeypatch.setattr(os, "link", linking)
    move(store, world, "a", "damaged/a")
    assert (names(store), bytes(store.get("damaged/a"))) == (["damaged/a"], b"content")
