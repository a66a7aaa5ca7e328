"""One changed byte anywhere in any object: an error that names the object, never a wrong answer, never a bare error."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from lookalike import CorruptObject, Index, Key, LookalikeError
from shards.families import family
from shards.table.format import envelope
from shards.table.format.records import DELETE, Records, meta_bytes
from tests.world import FakeWorld

PLACES = 12
"""Bytes changed in each object: the first, the last, and others at random."""


def make_index(folder: Path) -> Index:
    """Segments of two shards, lists of dead rows as objects, manifests plain and compressed, and a log tail."""
    world = FakeWorld(7)
    index = Index.create(str(folder), families=["dhash", "haar"], shards=2, segment_rows=500, effects=world)
    write(index, range(900), 0)
    write(index, range(700), 1, deleted=True)
    write(index, range(600, 1000), 2)
    index.write([index.sign("tail.png", picture(), {"n": 1})])
    return index


def write(index: Index, numbers: range, seed: int, *, deleted: bool = False) -> None:
    random_numbers = np.random.default_rng(seed)
    count = len(numbers)
    dhash, haar = family("dhash"), family("haar")
    rows = {"dhash": np.zeros(count, dhash.dtype), "haar": np.zeros(count, haar.dtype)}
    rows["dhash"]["hash"] = random_numbers.integers(0, 2**63, (count, 1))
    rows["haar"]["avgl"] = 0.25
    rows["haar"]["sig"] = np.arange(1, 41) + random_numbers.integers(0, 500, (count, 3, 1))
    index.write_bulk(
        Records.build(
            keys=[f"images/{n:05}.jpg" for n in numbers],
            order=np.array([index.next_order() for _ in numbers], np.uint64),
            kind=np.full(count, DELETE if deleted else 0, np.uint8),
            meta=[meta_bytes({"n": n}, None) for n in numbers],
            rows=rows,
        )
    )


def picture() -> bytes:
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.effect_noise((40, 30), 60).save(file, "PNG")
    return file.getvalue()


def ask(folder: Path) -> list[object]:
    """Return all that a user can see of the index."""
    index = Index.open(str(folder), effects=FakeWorld(8))
    return [
        index.count(),
        sorted((image.key, image.meta["n"], image.added) for image in index.list()),
        index.search(Key("images/00777.jpg"), family="dhash", limit=50).hits,
        index.search(Key("tail.png"), family="haar", limit=20, where={"n": 801}).hits,
        index.get("images/00999.jpg"),
        index.thumbnail(index.get("tail.png").image),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corrupt") / "index"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "GZIP_FROM", 4_000)
        index = make_index(folder)
    assert index.verify().problems == ()
    return folder


def test_the_index_has_every_kind_of_object(folder: Path) -> None:
    objects = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    kinds = {name.partition("/")[0] for name in objects}
    assert kinds == {"index.json", "log", "manifest", "segments", "dead", "thumbnails"}
    newest = min(path for path in (folder / "manifest").iterdir())
    assert newest.read_bytes()[:2] == b"\x1f\x8b", "the newest manifest should be a compressed one"


@pytest.mark.parametrize("kind", ["index.json", "log", "manifest", "segments", "dead", "thumbnails"])
def test_a_changed_byte_is_named_and_never_believed(kind: str, folder: Path) -> None:
    expected = ask(folder)
    chance = random.Random(kind)
    objects = sorted(path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] == kind)
    chosen = objects if len(objects) <= 4 else [*objects[:2], objects[-1]]
    for path in chosen:
        name = path.relative_to(folder).as_posix()
        written = path.read_bytes()
        places = {0, len(written) - 1, *(chance.randrange(len(written)) for _ in range(PLACES))}
        for place in sorted(places):
            changed = bytearray(written)
            changed[place] ^= chance.randrange(1, 256)
            try:
                path.write_bytes(changed)
                try:
                    found = ask(folder)
                except LookalikeError as error:
                    assert name in str(error), f"byte {place} of {name}: {error!r} does not name it"
                else:
                    assert found == expected, f"byte {place} of {name} changed an answer"
                assert name in problems(folder), f"verify does not see byte {place} of {name}"
            finally:
                path.write_bytes(written)


def problems(folder: Path) -> str:
    try:
        return str(Index.open(str(folder)).verify().problems)
    except LookalikeError as error:
        return str(error)


@pytest.mark.parametrize("kind", ["log", "manifest", "segments", "dead", "thumbnails"])
def test_an_object_cut_short_is_named(kind: str, folder: Path) -> None:
    expected = ask(folder)
    for path in sorted((folder / kind).rglob("*.*"))[:3]:
        name = path.relative_to(folder).as_posix()
        written = path.read_bytes()
        for keep in (0, 1, len(written) // 2, len(written) - 1):
            path.write_bytes(written[:keep])
            try:
                assert ask(folder) == expected
            except LookalikeError as error:
                assert name in str(error)
            assert name in problems(folder)
        path.write_bytes(written)


@pytest.mark.parametrize("kind", ["segments", "dead"])
def test_an_object_that_the_manifest_names_and_that_is_gone_is_named(kind: str, folder: Path) -> None:
    expected = ask(folder)
    for path in sorted((folder / kind).rglob("*.*")):
        name = path.relative_to(folder).as_posix()
        written = path.read_bytes()
        path.unlink()
        try:
            assert ask(folder) == expected
        except CorruptObject as error:
            assert error.name == name
            assert name in problems(folder)
        path.write_bytes(written)
