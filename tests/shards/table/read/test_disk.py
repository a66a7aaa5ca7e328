"""The cache on disk: used where it is right, repaired where it is wrong, and never in the way."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Index, Signature, StorageError
from shards.storage.memory import MemoryStore
from shards.table.format.columns import CHECK_BLOCK, CHECKS
from shards.table.format.manifest import Segment
from shards.table.format.segment import pack_records
from shards.table.read.disk import DiskCache
from shards.table.read.memory import Memory
from shards.table.read.reader import SegmentReader
from tests.patience import PATIENCE
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import FAMILIES, many, put
from tests.tiers import scaled

ROWS = 30_000
LIMIT = 64 << 20
ORDER_BLOCK = CHECK_BLOCK // 16
"""Rows of the column `order` that a block holds."""


class Clock:
    """Moves on by a second each time it is looked at."""

    def __init__(self) -> None:
        self.now = 10**18

    def __call__(self) -> int:
        self.now += 10**9
        return self.now


@pytest.fixture(scope="module")
def packed() -> tuple[Segment, bytes]:
    segment, objects = pack_records(0, many([str(n) for n in range(ROWS)], 1).latest(), FAMILIES, "0" * 16)
    return segment, bytes(objects[segment.name])


@pytest.fixture
def store(packed: tuple[Segment, bytes]) -> CountingStore:
    segment, body = packed
    store = CountingStore(MemoryStore())
    store.create(segment.name, body)
    store.reset()
    return store


def cached(packed: tuple[Segment, bytes], store: CountingStore, folder: Path, limit: int = LIMIT) -> SegmentReader:
    """A reader of a new process: nothing in memory."""
    return SegmentReader(store, packed[0], Memory(LIMIT), DiskCache(folder, limit, Clock()))


def written(packed: tuple[Segment, bytes], name: str) -> bytes:
    column = packed[0].columns[name]
    return packed[1][column.offset : column.offset + column.size]


def file_of(folder: Path, name: str) -> Path:
    [path] = [path for path in folder.iterdir() if path.name.endswith(f".npz.{name}.lookalike")]
    return path


def test_a_second_process_asks_the_store_for_nothing(
    packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path
) -> None:
    cached(packed, store, tmp_path).column("order")
    store.reset()

    again = cached(packed, store, tmp_path)

    assert again.cold("order") == 0
    assert again.column("order").tobytes() == written(packed, "order")
    assert store.requests == 0


def test_only_what_is_not_there_is_fetched(packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path) -> None:
    cached(packed, store, tmp_path).ranges("order", [(0, 1), (5 * ORDER_BLOCK, 7 * ORDER_BLOCK)])
    store.reset()
    reader = cached(packed, store, tmp_path)
    size = packed[0].columns["order"].size

    # of a bucket, what lies between is fetched along
    assert size - CHECK_BLOCK <= reader.cold("order") < size
    assert reader.column("order").tobytes() == written(packed, "order")
    assert (store.requests, store.bytes_read) == (1, size - 3 * CHECK_BLOCK)


@settings(max_examples=scaled(30))
@given(seed=st.integers(0, 2**32), damage=st.sampled_from(["flip", "cut", "zeros", "hole", "longer", "foreign"]))
def test_what_was_damaged_is_fetched_again_and_repaired(
    packed: tuple[Segment, bytes], tmp_path_factory: pytest.TempPathFactory, seed: int, damage: str
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    store = CountingStore(MemoryStore())
    store.create(packed[0].name, packed[1])
    cached(packed, store, folder).column("order")
    path = file_of(folder, "order")
    size = path.stat().st_size
    at = int(np.random.default_rng(seed).integers(0, size))
    with path.open("r+b") as file:
        if damage == "cut":
            file.truncate(at)
        elif damage == "hole":
            file.truncate(at)
            file.truncate(size)
        elif damage == "longer":
            file.seek(size)
            file.write(b"more")
        else:
            file.seek(at)
            before = file.read(1)
            file.seek(at)
            file.write({"flip": bytes([before[0] ^ 1]), "zeros": bytes(40_000), "foreign": b"\xff" * 40_000}[damage])
    store.reset()

    for fetched_at_most in (size, 0):
        assert cached(packed, store, folder).column("order").tobytes() == written(packed, "order")
        assert store.bytes_read <= fetched_at_most
        assert damage == "longer" or fetched_at_most == 0 or store.bytes_read > 0
        store.reset()


@pytest.mark.parametrize("damage", [b"", b"abc", b"\0" * 4, b"\0" * 5000])
def test_damaged_checksums_are_no_false_alarm(
    packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path, damage: bytes
) -> None:
    cached(packed, store, tmp_path).column("order")
    file_of(tmp_path, CHECKS).write_bytes(damage)

    for _ in range(2):
        assert cached(packed, store, tmp_path).column("order").tobytes() == written(packed, "order")
    store.reset()
    assert cached(packed, store, tmp_path).column("order").tobytes() == written(packed, "order")
    assert store.requests == 0


def test_a_column_of_zeros_is_no_hole(tmp_path: Path) -> None:
    segment, objects = pack_records(0, many([str(n) for n in range(ROWS)], 1).latest(), FAMILIES, "0" * 16)
    store = CountingStore(MemoryStore())
    store.create(segment.name, objects[segment.name])
    for _ in range(2):
        store.reset()
        assert not cached((segment, b""), store, tmp_path).column("kind").any()
    assert store.requests == 0


def test_the_least_recently_used_files_go_first(
    packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path
) -> None:
    sizes = {name: packed[0].columns[name].size for name in ("order", "width", "height", "key_hash")}
    cache = DiskCache(tmp_path, 1 << 20, Clock())
    reader = SegmentReader(store, packed[0], Memory(0), cache)
    for name in ("order", "width", "height", "order"):
        reader.column(name)
    assert sum(path.stat().st_blocks * 512 for path in tmp_path.iterdir()) <= 1 << 20

    reader.column("key_hash")

    kept = [name for name in sizes if cache.stored(packed[0].name, name, packed[0].columns[name]).all()]
    assert kept == ["order", "height", "key_hash"]
    assert cache.checks(packed[0].name) is not None, "without them no block is of use"
    assert sum(path.stat().st_blocks * 512 for path in tmp_path.iterdir()) <= 1 << 20


def test_files_of_others_stay(packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path) -> None:
    others = [tmp_path / "holiday.jpg", tmp_path / "segments" / "0000" / "x.npz"]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1_000_000))
        os.utime(path, ns=(1, 1))
    reader = cached(packed, store, tmp_path, limit=400_000)
    for name in ("width", "height", "key_hash", "width"):
        reader.column(name)
    assert all(path.stat().st_size == 1_000_000 for path in others)
    assert sum(path.stat().st_blocks * 512 for path in tmp_path.glob("*.lookalike")) <= 400_000


def test_what_is_larger_than_the_limit_is_read_and_not_kept(
    packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path
) -> None:
    reader = cached(packed, store, tmp_path, limit=100_000)
    assert reader.column("order").tobytes() == written(packed, "order")
    assert sum(path.stat().st_blocks * 512 for path in tmp_path.iterdir()) <= 100_000


def test_a_disk_that_is_full_is_no_cache(
    packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(file: int, data: memoryview, at: int) -> int:
        if at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(file, data[: len(data) // 2], at)

    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", half)
    for _ in range(2):
        assert cached(packed, store, tmp_path).column("order").tobytes() == written(packed, "order")


def test_a_folder_that_is_gone_is_no_cache(packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    reader = cached(packed, store, folder)
    folder.rmdir()
    assert reader.column("order").tobytes() == written(packed, "order")
    assert reader.column("width").tobytes() == written(packed, "width")


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(StorageError, match="cache: cannot be the cache's folder"):
        DiskCache(tmp_path / "cache")


def test_threads_share_a_cache_that_is_too_small(
    packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path
) -> None:
    names = ("order", "width", "height", "key_hash", "sha256")

    def read(seed: int) -> None:
        rng = np.random.default_rng(seed)
        cache = DiskCache(tmp_path, 600_000)
        for _ in range(15):
            name = names[rng.integers(len(names))]
            start, stop = sorted(rng.integers(0, ROWS, 2).tolist())
            rows = SegmentReader(store, packed[0], Memory(0), cache).column(name, start, stop)
            size = packed[0].columns[name].row_size
            assert rows.tobytes() == written(packed, name)[start * size : stop * size]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(read, range(12)))


def _write_until_killed(folder: str, segment: Segment, body: bytes, started: threading.Event) -> None:
    """A process that fills and fills the cache."""
    store = MemoryStore()
    store.create(segment.name, body)
    while True:
        for name in ("order", "width", "sha256"):
            SegmentReader(CountingStore(store), segment, Memory(0), DiskCache(folder, 1 << 20)).column(name)
        started.set()
        for path in Path(folder).iterdir():
            path.unlink(missing_ok=True)


@contextmanager
def _writers(folder: Path, packed: tuple[Segment, bytes], count: int) -> Iterator[list[int]]:
    context = multiprocessing.get_context("spawn")
    events = [context.Event() for _ in range(count)]
    writers = [context.Process(target=_write_until_killed, args=(str(folder), *packed, event)) for event in events]
    for writer in writers:
        writer.start()
    try:
        for event in events:
            assert event.wait(PATIENCE)
        yield [writer.pid for writer in writers if writer.pid is not None]
    finally:
        for writer in writers:
            writer.kill()
            writer.join()


def test_processes_that_are_killed_at_any_moment_leave_nothing_wrong(
    packed: tuple[Segment, bytes], store: CountingStore, tmp_path: Path
) -> None:
    with _writers(tmp_path, packed, 2) as pids:
        for _ in range(5):
            for name in ("order", "width", "sha256"):
                assert cached(packed, store, tmp_path).column(name).tobytes() == written(packed, name)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    for _ in range(2):
        store.reset()
        for name in ("order", "width", "sha256"):
            assert cached(packed, store, tmp_path).column(name).tobytes() == written(packed, name)
    assert store.requests == 0


def test_an_index_is_opened_with_a_cache(tmp_path: Path) -> None:
    store = CountingStore(MemoryStore())
    index = Index.create(store, families=["dhash"])
    index.write([put("a", 1, 5), put("b", 2, 6)])
    index.compact()
    question = Signature(f"{5:016x}")

    for asked in (True, False):
        index = Index.open(store, cache=tmp_path / "cache", cache_bytes=LIMIT)
        store.reset()
        assert [hit.key for hit in index.search(question).hits] == ["a", "b"]
        assert any("/segments/" in name for _, name in store.calls) == asked
