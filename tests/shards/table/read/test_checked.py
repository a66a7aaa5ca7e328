"""Checked bytes are fetched once and kept, as far as there is room."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike import CorruptObject
from shards.storage.local import LocalStore
from shards.storage.memory import MemoryStore
from shards.storage.ranges import GAP
from shards.table.format.columns import CHECK_BLOCK
from shards.table.format.manifest import Segment
from shards.table.format.segment import pack_records
from shards.table.read.checked import CheckedBytes
from shards.table.read.memory import Memory
from shards.table.read.reader import SegmentReader
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import FAMILIES, many
from tests.tiers import scaled

ROWS = 30_000


@pytest.fixture(scope="module")
def packed() -> tuple[Segment, bytes]:
    segment, objects = pack_records(0, many([str(n) for n in range(ROWS)], 1).latest(), FAMILIES, "0" * 16)
    return segment, bytes(objects[segment.name])


def stored(packed: tuple[Segment, bytes], gap: int = 1) -> tuple[Segment, CountingStore]:
    segment, body = packed
    store = CountingStore(MemoryStore(), gap)
    store.create(segment.name, body)
    store.reset()
    return segment, store


def bounds(*ranges: tuple[int, int]) -> NDArray[np.int64]:
    return np.array(ranges, np.int64).reshape(-1, 2)


def everything(segment: Segment, name: str) -> NDArray[np.int64]:
    return bounds((0, segment.columns[name].shape[0]))


def plain(packed: tuple[Segment, bytes], name: str) -> NDArray[Any]:
    """The columns that were written."""
    segment, body = packed
    column = segment.columns[name]
    return np.frombuffer(body, column.dtype, offset=column.offset, count=column.size // column.dtype.itemsize).reshape(
        column.shape
    )


def test_what_was_fetched_is_not_fetched_again(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    column = CheckedBytes(store, segment, Memory(1 << 20))
    whole, size, block = everything(segment, "key_hash"), segment.columns["key_hash"].size, CHECK_BLOCK // 8
    assert column.cold("key_hash", whole) >= size
    some = column.rows("key_hash", bounds((block + 1, 2 * block + 1)))[block + 1 : 2 * block + 1]
    assert column.cold("key_hash", bounds((block, 3 * block))) == 0
    store.reset()
    rows = column.rows("key_hash", whole)
    assert store.bytes_read == size - 2 * CHECK_BLOCK, "only what was missing around it"
    assert rows[block + 1 : 2 * block + 1].tolist() == some.tolist()
    assert rows.tolist() == plain(packed, "key_hash").tolist()
    store.reset()
    assert column.rows("key_hash", np.concatenate([whole, bounds((9, 9))])).tolist() == rows.tolist()
    assert (store.requests, column.cold("key_hash", whole)) == (0, 0)


def test_nothing_is_fetched_for_no_rows(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    column = CheckedBytes(store, segment, Memory(1 << 20))
    rows = segment.columns["width"].shape[0]
    column.rows("width", bounds((0, 0), (7, 7), (rows, rows)))
    column.rows("width", bounds())
    assert store.requests == 0


@settings(max_examples=scaled(10))
@given(
    asked=st.lists(
        st.lists(st.tuples(st.integers(0, ROWS), st.integers(0, 4 * ROWS)).map(sorted), max_size=4), max_size=4
    )
)
def test_rows_are_those_that_were_written_and_what_is_cold_is_what_is_fetched(
    packed: tuple[Segment, bytes], asked: list[list[tuple[int, int]]]
) -> None:
    segment, store = stored(packed, GAP)
    column = CheckedBytes(store, segment, Memory(1 << 22))
    column.rows("kind", bounds((0, 1)))  # the checksums
    written = plain(packed, "order")
    for ranges in asked:
        inside = bounds(*((start, min(stop, ROWS)) for start, stop in ranges))
        cold = column.cold("order", inside)
        store.reset()
        rows = column.rows("order", inside)
        assert cold - CHECK_BLOCK < store.bytes_read <= cold, "the last block of a column is shorter"
        assert store.requests == (cold > 0)
        for start, stop in inside.tolist():
            assert rows[start:stop].tolist() == written[start:stop].tolist()


def test_several_columns_come_in_one_request_with_the_checksums(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    # nothing stays in memory: what was fetched for them all is still what each has
    column = CheckedBytes(store, segment, Memory(0))
    names = ("order", "sha256", "width", "key.offsets")
    found = column.several([(name, bounds((7, 9), (20_000, 20_001))) for name in names])
    assert store.requests == 1
    for name, rows in zip(names, found, strict=True):
        assert rows[[7, 8, 20_000]].tolist() == plain(packed, name)[[7, 8, 20_000]].tolist()
    assert [len(rows) for rows in column.several([("width", bounds()), ("kind", bounds((0, 0)))])] == [ROWS, ROWS]
    assert store.requests == 1


def test_the_least_recently_used_column_goes_when_there_is_no_more_room(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    sizes = {name: segment.columns[name].size for name in ("key_hash", "width", "height", "sha256")}
    memory = Memory(sizes["key_hash"] + sizes["width"])
    column = CheckedBytes(store, segment, memory)
    for name in ("width", "key_hash", "width", "height"):
        column.rows(name, everything(segment, name))
        assert memory.size <= memory.limit
    assert [name for name in sizes if column.cold(name, everything(segment, name)) == 0] == ["width", "height"]
    column.rows("sha256", everything(segment, "sha256"))
    assert column.cold("sha256", everything(segment, "sha256")) > 0, (
        "larger than all the room there is: it is read and not kept"
    )


def test_a_view_outlives_its_place_in_memory(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    column = CheckedBytes(store, segment, Memory(segment.columns["width"].size))
    view = column.rows("width", bounds((0, 100)))[:100]
    before = view.tolist()
    column.rows("height", everything(segment, "height"))
    assert view.tolist() == before


def test_bytes_that_are_wrong_are_not_kept(packed: tuple[Segment, bytes]) -> None:
    segment, body = packed
    changed = bytearray(body)
    changed[segment.columns["width"].offset] ^= 1
    _, store = stored((segment, bytes(changed)))
    column = CheckedBytes(store, segment, Memory(1 << 20))
    for _ in range(2):
        with pytest.raises(CorruptObject, match="CRC-32 of column width, bytes 0 on"):
            column.rows("width", bounds((0, 1)))


def test_a_map_costs_no_memory_and_is_never_cold(packed: tuple[Segment, bytes]) -> None:
    segment, body = packed
    store = MemoryStore()
    store.create(segment.name, body)
    memory = Memory(1 << 20)
    reader = SegmentReader(store, segment, memory)
    assert reader.cold("order") == reader.cold("order", [(0, 5)]) == 0
    assert reader.column("order").tolist() == plain(packed, "order").tolist()
    assert memory.size == 0


class TestOfAFile:
    """A segment in a folder is mapped: nothing of a file that was cut short may be touched, or the process ends."""

    @pytest.fixture
    def file(self, packed: tuple[Segment, bytes], tmp_path: Path) -> Path:
        segment, body = packed
        LocalStore(tmp_path).create(segment.name, body)
        return tmp_path / segment.name

    def reader(self, packed: tuple[Segment, bytes], tmp_path: Path) -> SegmentReader:
        return SegmentReader(LocalStore(tmp_path), packed[0])

    @pytest.mark.parametrize("left", [0, 1, CHECK_BLOCK, 1 << 17])
    def test_one_that_was_cut_short_before_is_damaged(
        self, packed: tuple[Segment, bytes], tmp_path: Path, file: Path, left: int
    ) -> None:
        os.truncate(file, left)
        with pytest.raises(CorruptObject, match=r"has .* bytes, its manifest says"):
            self.reader(packed, tmp_path).column("dhash")

    def test_one_that_is_cut_short_in_the_meantime_is_damaged(
        self, packed: tuple[Segment, bytes], tmp_path: Path, file: Path
    ) -> None:
        reader = self.reader(packed, tmp_path)
        whole = reader.column("key_hash").tolist()
        os.truncate(file, 1 << 17)
        for name in ("key_hash", "dhash"):
            with pytest.raises(CorruptObject, match=r"cut short while it was in use|its manifest says"):
                reader.column(name)
        (tmp_path / "restored").write_bytes(packed[1])
        (tmp_path / "restored").replace(file)
        assert reader.column("key_hash").tolist() == whole, "it is read again once it is whole again"

    def test_one_that_is_removed_can_be_read_to_the_end(
        self, packed: tuple[Segment, bytes], tmp_path: Path, file: Path
    ) -> None:
        reader = self.reader(packed, tmp_path)
        reader.column("key_hash")
        file.unlink()
        assert reader.column("dhash").tolist() == plain(packed, "dhash").tolist()
