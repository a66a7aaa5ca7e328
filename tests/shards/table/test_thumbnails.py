"""Thumbnails: stored before the records that have them, found by the image's SHA-256, collected after it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lookalike import CorruptObject, Index
from shards.storage.base import Store
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.maintain.collect import ORPHAN_SECONDS
from tests.shards.table.synthetic import make_store
from tests.world import FakeWorld


def png(seed: int, size: tuple[int, int] = (300, 150)) -> bytes:
    file = BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def root(world: FakeWorld) -> MemoryStore:
    return make_store(world)


@pytest.fixture
def index(root: MemoryStore, world: FakeWorld) -> Index:
    return Index.create(root, families=["dhash"], effects=world)


@pytest.fixture
def store(index: Index, root: MemoryStore) -> Store:
    """The place of the index's objects."""
    return index.settings.data(root)


def stored(store: Store) -> list[str]:
    return [entry.name for entry in store.list(names.THUMBNAILS)]


def test_it_is_a_small_webp_file_of_the_image(index: Index) -> None:
    index.add("a", png(1))
    drawn = index.thumbnail(index.get("a").image)
    assert drawn is not None
    with Image.open(BytesIO(drawn)) as image:
        assert (image.format, image.size) == ("WEBP", (256, 128))


def test_what_lies_in_the_store_opens_as_a_picture_too(index: Index, store: Store) -> None:
    index.add("a", png(1))
    (name,) = stored(store)
    with Image.open(BytesIO(store.get(name))) as image:
        image.load()
        assert image.size == (256, 128)


def test_its_size_is_a_setting_and_may_be_none() -> None:
    for pixels, expected in ((64, (64, 32)), (2000, (300, 150))):
        index = Index.create(MemoryStore(), families=["dhash"], thumbnails=pixels)
        index.add("a", png(1))
        drawn = index.thumbnail(index.get("a").image)
        assert drawn is not None
        assert Image.open(BytesIO(drawn)).size == expected
    store = MemoryStore()
    index = Index.create(store, families=["dhash"], thumbnails=0)
    index.add("a", png(1))
    assert index.thumbnail(index.get("a").image) is None
    assert stored(index.settings.data(store)) == []


def test_the_same_bytes_under_two_keys_share_one(index: Index, store: Store) -> None:
    index.add("a", png(1))
    index.add("b", png(1))
    assert len(stored(store)) == 1
    assert index.thumbnail(index.get("a").image) == index.thumbnail(index.get("b").image) is not None


def test_it_is_there_before_the_record_is(index: Index, root: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    created: list[str] = []
    create = root.create
    monkeypatch.setattr(root, "create", lambda name, data: created.append(name) or create(name, data))
    index.write([index.sign(f"{n}", png(n)) for n in range(3)])
    kinds = [name.split("/")[1] for name in created]
    assert [kind for kind in kinds if kind != "probe"] == ["thumbnails"] * 3 + ["log"]


def test_it_goes_with_the_last_image_that_has_it_but_not_at_once(index: Index, store: Store, world: FakeWorld) -> None:
    for key, seed in (("a", 1), ("b", 1), ("c", 2), ("d", 3)):
        index.add(key, png(seed))
    index.remove(["a", "c"])
    index.compact()
    index.remove(["d"])
    assert index.collect().objects == ()
    world.pass_seconds(ORPHAN_SECONDS + 1)
    gone = [name for name in index.collect().objects if name.startswith(names.THUMBNAILS)]
    assert len(gone) == 2
    assert len(stored(store)) == 1
    assert index.thumbnail(index.get("b").image) is not None


def test_one_whose_record_is_still_on_its_way_stays(index: Index, store: Store, world: FakeWorld) -> None:
    index.add("a", png(1))
    world.pass_seconds(ORPHAN_SECONDS + 1)
    store.create(names.thumbnail(bytes(32)), b"of a writer that is at work")
    assert index.collect().objects == ()
    assert len(stored(store)) == 2


def test_a_damaged_one_is_named_and_shown_to_nobody(index: Index, store: Store) -> None:
    index.add("a", png(1))
    image = index.get("a").image
    (name,) = stored(store)
    for damaged in (b"", b"short", bytes(store.get(name))[:-1]):
        store.delete([name])
        store.create(name, damaged)
        with pytest.raises(CorruptObject, match=name):
            index.thumbnail(image)
        (problem,) = index.verify().problems
        assert name in str(problem)


def test_a_strange_name_among_them_is_reported_and_left_alone(index: Index, store: Store, world: FakeWorld) -> None:
    store.create("thumbnails/readme.txt", b"hello")
    assert "thumbnails/readme.txt" in str(index.verify().problems)
    world.pass_seconds(2 * ORPHAN_SECONDS)
    assert index.collect().objects == ()
    assert stored(store) == ["thumbnails/readme.txt"]
