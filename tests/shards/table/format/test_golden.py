"""Format 1 stays readable, and stays what is written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from lookalike import Index, Signature
from shards.storage import open_store
from shards.storage.memory import MemoryStore
from shards.storage.probe import PROBES
from shards.table.format import names, settings
from shards.table.maintain.verify import verify
from shards.table.read.newest import newest
from shards.table.table import Table
from tests.shards.table.counting import CountingStore
from tests.shards.table.format.format1 import FOLDER, LIVE, build
from tests.shards.table.synthetic import make_store, read
from tests.world import FakeWorld

OLDER = FOLDER.with_name("format1-without-latest")
"""The same index by a release whose manifests did not say the latest order of each segment."""

FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def made() -> MemoryStore:
    world = FakeWorld(seed=1)
    store = make_store(world)
    build(store, world)
    return store


@pytest.mark.parametrize("folder", [FOLDER, OLDER])
def test_todays_code_reads_it(folder: Path) -> None:
    store = open_store(str(folder))
    chosen = settings.read(store)
    assert chosen.families == ("dhash",)
    table = Table(store, chosen, effects=FakeWorld())
    assert read(table) == LIVE
    assert verify(table).problems == ()


def test_an_unknown_latest_order_is_looked_up() -> None:
    store = CountingStore(open_store(str(OLDER)))
    assert all(segment.latest is None for segment in newest(store, 2).manifest)
    index = Index.open(store, effects=FakeWorld())
    for key, number in LIVE.items():
        hit = index.search(Signature(f"{number:016x}"), limit=1, max_distance=0).hits[0]
        assert hit.score == 100
        assert LIVE[hit.key] == number, key


def test_it_has_every_kind_of_object() -> None:
    assert {name.split("/")[0] for name in FILES} == {"index.json", "log", "manifest", "segments", "dead"}
    manifest = newest(open_store(str(FOLDER)), 2).manifest
    assert manifest.folded
    assert any(segment.dead_object for segment in manifest)
    assert any(segment.dead for segment in manifest)


def test_the_same_calls_write_the_same_files(made: MemoryStore) -> None:
    assert sorted(entry.name for entry in made.list() if not entry.name.startswith(PROBES)) == FILES


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
