"""Checked bytes are fetched once and kept, as far as there is room."""

from __future__ import annotations

import pytest

from shards import CorruptObject
from shards.storage.memory import MemoryStore
from shards.table.checked import CheckedBytes, Memory
from shards.table.columns import CHECK_BLOCK
from shards.table.manifest import Segment
from shards.table.segment import pack_records
from tests.table.counting import CountingStore
from tests.table.synthetic import FAMILIES, many

ROWS = 30_000


@pytest.fixture(scope="module")
def packed() -> tuple[Segment, bytes]:
    segment, objects = pack_records(0, many([str(n) for n in range(ROWS)], 1).latest(), FAMILIES, "0" * 16)
    return segment, bytes(objects[segment.name])


def stored(packed: tuple[Segment, bytes]) -> tuple[Segment, CountingStore]:
    segment, body = packed
    store = CountingStore(MemoryStore())
    store.create(segment.name, body)
    store.reset()
    return segment, store


def test_what_was_fetched_is_not_fetched_again(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    column = CheckedBytes(store, segment, Memory(1 << 20))
    size = segment.columns["key_hash"].size
    assert column.cold("key_hash") >= size
    [some] = column.read("key_hash", [(CHECK_BLOCK + 5, 2 * CHECK_BLOCK + 7)])
    assert column.cold("key_hash", [(CHECK_BLOCK, 3 * CHECK_BLOCK)]) == 0
    store.reset()
    [whole] = column.read("key_hash", [(0, size)])
    assert store.bytes_read == size - 2 * CHECK_BLOCK, "only what was missing around it"
    assert whole[CHECK_BLOCK + 5 : 2 * CHECK_BLOCK + 7] == some
    store.reset()
    again, empty = column.read("key_hash", [(0, size), (9, 9)])
    assert (store.requests, again == whole, len(empty)) == (0, True, 0)
    assert column.cold("key_hash") == 0


def test_runs_that_do_not_touch_share_a_request(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    column = CheckedBytes(store, segment, Memory(1 << 20))
    column.read("order", [(4 * CHECK_BLOCK, 4 * CHECK_BLOCK + 1), (0, 1), (9 * CHECK_BLOCK - 1, 9 * CHECK_BLOCK + 1)])
    assert store.requests == 1


def test_the_least_recently_used_column_goes_when_there_is_no_more_room(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    sizes = {name: segment.columns[name].size for name in ("key_hash", "width", "height", "sha256")}
    memory = Memory(sizes["key_hash"] + sizes["width"])
    column = CheckedBytes(store, segment, memory)
    for name in ("width", "key_hash", "width", "height"):
        column.read(name, [(0, sizes[name])])
        assert memory.size <= memory.limit
    assert [name for name in sizes if column.cold(name) == 0] == ["width", "height"]
    column.read("sha256", [(0, sizes["sha256"])])
    assert column.cold("sha256") > 0, "larger than all the room there is: it is read and not kept"


def test_a_view_outlives_its_place_in_memory(packed: tuple[Segment, bytes]) -> None:
    segment, store = stored(packed)
    column = CheckedBytes(store, segment, Memory(segment.columns["width"].size))
    [view] = column.read("width", [(0, 400)])
    before = bytes(view)
    column.read("height", [(0, segment.columns["height"].size)])
    assert bytes(view) == before


def test_bytes_that_are_wrong_are_not_kept(packed: tuple[Segment, bytes]) -> None:
    segment, body = packed
    changed = bytearray(body)
    changed[segment.columns["width"].offset] ^= 1
    _, store = stored((segment, bytes(changed)))
    column = CheckedBytes(store, segment, Memory(1 << 20))
    for _ in range(2):
        with pytest.raises(CorruptObject, match="CRC-32 of column width, bytes 0 on"):
            column.read("width", [(0, 4)])


def test_a_map_costs_no_memory_and_is_never_cold(packed: tuple[Segment, bytes]) -> None:
    segment, body = packed
    store = MemoryStore()
    store.create(segment.name, body)
    memory = Memory(1 << 20)
    column = CheckedBytes(store, segment, memory)
    assert column.cold("order") == 0
    column.read("order", [(0, segment.columns["order"].size)])
    assert memory.size == 0
