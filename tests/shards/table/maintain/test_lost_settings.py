"""An index without its settings."""

from __future__ import annotations

import pytest

from lookalike import CorruptObject, Index, IndexNotFound
from shards.storage.memory import MemoryStore
from shards.table.format import names, settings
from shards.table.maintain import lost_settings
from shards.table.maintain.verify import DAMAGED
from tests.shards.table.synthetic import make_store, make_table, put, records
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


def test_where_nothing_is_left_that_is_said(world: FakeWorld) -> None:
    store = make_store(world)
    for name in ("notes.txt", "a/b", "0123456789abcdef/probe/x"):
        store.create(name, b"")
    with pytest.raises(IndexNotFound, match="nothing is left by which"):
        lost_settings.find(store)
