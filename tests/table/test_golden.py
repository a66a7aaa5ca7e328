"""Format 1 stays readable, and stays what is written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from shards.storage import open_store
from shards.storage.memory import MemoryStore
from shards.table import names, settings
from shards.table.manifest import newest
from shards.table.table import Table
from shards.table.verify import verify
from tests.table.format1 import FOLDER, LIVE, build
from tests.table.synthetic import read
from tests.world import FakeWorld

FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def made() -> MemoryStore:
    store = MemoryStore()
    build(store)
    return store


def test_todays_code_reads_it() -> None:
    store = open_store(str(FOLDER))
    chosen = settings.read(store)
    assert chosen.families == ("dhash",)
    assert read(Table(store, chosen, effects=FakeWorld())) == LIVE
    assert verify(store, chosen, FakeWorld()).problems == ()


def test_it_has_every_kind_of_object() -> None:
    assert {name.split("/")[0] for name in FILES} == {"index.json", "log", "manifest", "segments", "dead"}
    manifest = newest(open_store(str(FOLDER)), 2)
    assert manifest.folded
    assert any(segment.dead_object for segment in manifest)
    assert any(segment.dead for segment in manifest)


def test_the_same_calls_write_the_same_files(made: MemoryStore) -> None:
    assert sorted(entry.name for entry in made.list()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_and_the_same_bytes(name: str, made: MemoryStore) -> None:
    assert bytes(made.get(name)) == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".npz")])
def test_numpy_opens_it_without_us(name: str) -> None:
    with np.load(FOLDER / name, allow_pickle=False) as archive:
        rows = len(archive["key_hash"])
        assert rows == len(archive["order"]) == len(archive["dhash"]) == len(archive["key.offsets"]) - 1
        assert archive["key.data"].tobytes().decode()


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".json")])
def test_and_so_does_any_json_tool(name: str) -> None:
    sealed = json.loads((FOLDER / name).read_bytes())
    assert sealed["body"]["format"] == 1
    assert len(sealed["blake2b"]) == 32


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(names.DEAD)])
def test_lists_of_dead_rows_are_plain_npy_files(name: str) -> None:
    dead = np.load(io.BytesIO(Path(FOLDER / name).read_bytes()))
    assert dead.dtype == np.dtype("<u4")
    assert (np.diff(dead) > 0).all()
