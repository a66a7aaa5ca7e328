"""An index without its settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike import CorruptObject, Index, IndexExists, IndexNotFound, QueryError
from shards.families import Family, family
from shards.storage.local import LocalStore
from shards.storage.memory import MemoryStore
from shards.table.format import names, settings
from shards.table.maintain import lost_settings
from shards.table.maintain.verify import DAMAGED
from tests.shards.table.synthetic import make_store, make_table, put, records
from tests.simulation.interleaving import InterleavedStore
from tests.world import FakeWorld


def made(world: FakeWorld) -> MemoryStore:
    store = make_store(world)
    index = Index.create(store, families=["dhash", "haar"], shards=4, thumbnails=0, effects=world)
    index.write([index.sign("a", picture())])
    return store


def picture() -> bytes:
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.effect_noise((40, 30), 60).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("left", [b"", b"{}", None])
@pytest.mark.parametrize("folded", [True, False])
def test_settings_are_made_anew_of_what_is_left(world: FakeWorld, left: bytes | None, folded: bool) -> None:
    store = made(world)
    index = Index.open(store, effects=world)
    if folded:
        index.compact()
    before = index.settings
    store.delete([names.SETTINGS])
    if left is not None:
        store.create(names.SETTINGS, left)
    with pytest.raises((CorruptObject, IndexNotFound)):
        Index.open(store)
    found = lost_settings.find(store)
    lost_settings.restore(store, found, world)
    again = Index.open(store, effects=world)
    assert again.settings == settings.read(store) == found
    assert (set(found.families), found.id) == (set(before.families), before.id)
    assert found.shards == (4 if folded else 1)
    assert [image.key for image in again.list()] == ["a"]
    assert [entry.name for entry in store.list(DAMAGED)] == ([] if left is None else [DAMAGED + names.SETTINGS])


def test_of_format_1_too(world: FakeWorld) -> None:
    store = make_store(world)
    table = make_table(store, world, shards=2)
    table.write(records(put("a", 1)))
    store.delete([names.SETTINGS])
    assert lost_settings.find(store).families == table.settings.families
    assert (lost_settings.find(store).shards, lost_settings.find(store).id) == (2, "")


def test_a_family_that_is_not_installed_is_named_and_not_left_out(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made(world)
    store.delete([names.SETTINGS])

    def without(name: str) -> Family:
        if name == "haar":
            raise QueryError(f"no family is called {name}")
        return family(name)

    monkeypatch.setattr(lost_settings, "family", without)
    with pytest.raises(IndexNotFound, match="signatures of haar, which are not installed here"):
        lost_settings.find(store)


def test_to_make_an_index_among_many_other_things_takes_few_requests(world: FakeWorld) -> None:
    inner = make_store(world)
    for n in range(300):
        inner.create(f"picture{n:03}.jpg", b"")
        inner.create(f"album{n:03}/picture.jpg", b"")
    store = InterleavedStore(inner)
    Index.create(store, effects=world)
    assert len(store.requests) < 40


@pytest.mark.parametrize("form", [1, 2])
def test_no_new_index_is_made_over_one_that_lost_its_settings(world: FakeWorld, form: int) -> None:
    store = make_store(world)
    if form == 1:
        make_table(store, world).write(records(put("a", 1)))
    else:
        store = made(world)
        Index.open(store, effects=world).compact()
    with pytest.raises(IndexExists, match="is an index already"):
        Index.create(store, effects=world)
    store.delete([names.SETTINGS])
    with pytest.raises(IndexExists, match=r"objects of an index, and no index.json: 'lookalike verify --repair"):
        Index.create(store, effects=world)


def test_a_pipe_in_the_place_of_the_settings_is_moved_away(tmp_path: Path, world: FakeWorld) -> None:
    index = Index.create(str(tmp_path), families=["dhash"], thumbnails=0)
    index.write([index.sign("a", picture())])
    (tmp_path / names.SETTINGS).unlink()
    os.mkfifo(tmp_path / names.SETTINGS)
    store = LocalStore(tmp_path)
    lost_settings.restore(store, lost_settings.find(store), world)
    assert [image.key for image in Index.open(str(tmp_path)).list()] == ["a"]
    assert (tmp_path / DAMAGED / names.SETTINGS).is_fifo()


def test_where_nothing_is_left_that_is_said(world: FakeWorld) -> None:
    store = make_store(world)
    for name in ("notes.txt", "a/b", "0123456789abcdef/probe/x"):
        store.create(name, b"")
    with pytest.raises(IndexNotFound, match="nothing is left by which"):
        lost_settings.find(store)
