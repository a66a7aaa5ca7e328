"""Segments: written once, read by byte range, checked before use."""

from __future__ import annotations

import errno
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.errors import CorruptObject, StorageError
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format.columns import CHECK_BLOCK, CHECKS
from shards.table.format.manifest import INLINE_DEAD, Segment, read_dead
from shards.table.format.records import FIXED, PARTS, Records
from shards.table.format.segment import pack_records, with_dead
from shards.table.read.checked import CheckedBytes
from shards.table.read.reader import Reader, SegmentReader, TailReader
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import DHASH, FAMILIES, delete, many, put, records
from tests.tiers import scaled

MARK = "0123456789abcdef"


def stored(made: Records, store: CountingStore | MemoryStore) -> SegmentReader:
    """A reader of a segment of these records."""
    segment, objects = pack_records(0, made.latest(), FAMILIES, MARK)
    for name, data in objects.items():
        assert store.create(name, data)
    return SegmentReader(store, segment)


def keys(n: int) -> list[str]:
    return [f"images/{i:06}.jpg" for i in range(n)]


@pytest.fixture(scope="module")
def large() -> Records:
    """30,000 records: every column is of several blocks."""
    return many(keys(30_000), 1).latest()


def test_a_disk_without_room_to_lay_a_segment_out_is_named(large: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def __init__(self, **_: object) -> None:
            super().__init__()

        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(
        StorageError, match=r"a segment of 30,000 rows cannot be laid out in .*: No space left on device"
    ):
        pack_records(0, large, FAMILIES, MARK)


class TestPacking:
    def test_numpy_opens_a_segment_as_it_was_written(self) -> None:
        made = records(put("a", 1, 5, meta={"x": 1}), put("b", 2, 6), delete("c", 3)).latest()
        segment, objects = pack_records(7, made, FAMILIES, MARK)
        assert list(objects) == [segment.name]
        with np.load(io.BytesIO(objects[segment.name]), allow_pickle=False) as archive:
            expected = [*FIXED, *(f"{part}.{half}" for part in PARTS for half in ("offsets", "data"))]
            assert archive.files[: len(expected)] == expected
            assert archive.files[-1] == CHECKS
            assert archive["key_hash"].tolist() == sorted(names.key_hash(key) for key in (b"a", b"b", b"c"))
            assert sorted(archive[DHASH.name]["hash"][:, 0].tolist()) == [0, 5, 6]

    def test_every_column_is_aligned(self, large: Records) -> None:
        segment, objects = pack_records(0, large, FAMILIES, MARK)
        body = objects[segment.name]
        assert len(body) == segment.size
        for name, column in segment.columns.items():
            assert column.offset % 64 == 0, name
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.testzip() is None

    def test_the_same_records_give_the_same_bytes(self) -> None:
        made = [put(key, 1, n) for n, key in enumerate("abc")]
        first = pack_records(0, records(*made).latest(), FAMILIES, MARK)
        second = pack_records(0, records(*reversed(made)).latest(), FAMILIES, MARK)
        assert first[0] == second[0]
        assert [bytes(data) for data in first[1].values()] == [bytes(data) for data in second[1].values()]

    def test_a_segments_name_tells_its_content_and_its_commit(self) -> None:
        segment, objects = pack_records(7, records(put("a", 1)), FAMILIES, MARK)
        names.check_content(segment.name, objects[segment.name])
        assert segment.name == names.segment(7, objects[segment.name], MARK)

    def test_tombstones_are_dead_from_the_beginning(self) -> None:
        made = records(*(put(f"p{n}", 1) for n in range(5)), *(delete(f"d{n}", 1) for n in range(3))).latest()
        segment, _ = pack_records(0, made, FAMILIES, MARK)
        assert segment.dead == tuple(np.flatnonzero(made.fixed["kind"]).tolist())
        assert (segment.tombstones, segment.dead_rows, segment.live, segment.removable) == (3, 3, 5, 0)


class TestDeadRows:
    SEGMENT = Segment(names.segment(0, b"", MARK), 0, 10_000, 1, {})

    @pytest.mark.parametrize("dead", [0, 1, INLINE_DEAD])
    def test_few_are_listed_in_the_manifest(self, dead: int) -> None:
        rows = np.arange(dead, dtype=np.uint32) * 3
        segment, objects = with_dead(self.SEGMENT, rows, MARK)
        assert segment.dead == tuple(rows.tolist())
        assert (segment.dead_object, segment.dead_rows, objects) == (None, dead, {})
        assert read_dead(MemoryStore(), segment).tolist() == rows.tolist()

    def test_many_have_an_object_of_their_own_that_numpy_opens(self) -> None:
        rows = np.arange(INLINE_DEAD + 1, dtype=np.uint32) * 3
        segment, objects = with_dead(self.SEGMENT, rows, MARK)
        assert segment.dead == ()
        assert segment.dead_rows == len(rows)
        ((name, data),) = objects.items()
        assert name == segment.dead_object == names.dead(data, MARK)
        assert np.load(io.BytesIO(data)).tolist() == rows.tolist()
        store = MemoryStore()
        store.create(name, data)
        assert read_dead(store, segment).tolist() == rows.tolist()

    def test_a_changed_list_is_corrupt(self) -> None:
        segment, objects = with_dead(self.SEGMENT, np.arange(1000, dtype=np.uint32), MARK)
        assert segment.dead_object is not None
        changed = bytearray(objects[segment.dead_object])
        changed[-1] ^= 1
        store = MemoryStore()
        store.create(segment.dead_object, bytes(changed))
        with pytest.raises(CorruptObject, match=segment.dead_object):
            read_dead(store, segment)


Make: TypeAlias = Callable[[Records], Reader]


def in_a_segment(made: Records) -> Reader:
    return stored(made, MemoryStore())


@pytest.mark.parametrize("make", [in_a_segment, TailReader])
class TestReading:
    """Both readers, of a segment and of the tail, give the same answers."""

    @given(st.data())
    @settings(max_examples=scaled(15))
    def test_columns_rows_and_texts_are_those_of_the_records(
        self, make: Make, large: Records, data: st.DataObject
    ) -> None:
        reader = make(large)
        assert reader.rows == len(large)
        some = st.lists(st.integers(0, len(large) - 1), max_size=8)
        rows = np.array(data.draw(some), np.int64)
        start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(large))] * 2)))
        for name in FIXED:
            assert reader.take(name, rows).tolist() == large.fixed[name][rows].tolist()
            assert reader.column(name, start, stop).tolist() == large.fixed[name][start:stop].tolist()
        assert reader.take(DHASH.name, rows).tolist() == large.rows[DHASH.name][rows].tolist()
        for part in PARTS:
            assert reader.texts(part, rows) == large.texts[part].take(rows).tolist()

    @given(st.data())
    @settings(max_examples=scaled(15))
    def test_find_is_a_search_in_the_sorted_hashes(self, make: Make, large: Records, data: st.DataObject) -> None:
        there = st.sampled_from(range(0, len(large), 97)).map(lambda i: int(large.fixed["key_hash"][i]))
        edges = st.sampled_from([0, 1, 2**63, 2**64 - 1])
        hashes = np.array(data.draw(st.lists(there | edges | st.integers(0, 2**64 - 1), max_size=40)), np.uint64)
        at, rows = make(large).find(hashes)
        expected = [
            (i, row) for i, one in enumerate(hashes) for row in np.flatnonzero(large.fixed["key_hash"] == one).tolist()
        ]
        assert list(zip(at.tolist(), rows.tolist(), strict=True)) == expected

    def test_find_gives_every_row_of_keys_that_collide(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        def nearly_equal(stored: Iterable[bytes]) -> NDArray[np.uint64]:
            return np.array([names.key_hash(key) // 2**52 for key in stored], np.uint64)

        monkeypatch.setattr(names, "key_hashes", nearly_equal)
        made = many(keys(9000), 1).latest()
        hashes = made.fixed["key_hash"]
        at, rows = make(made).find(hashes[[0, 5000]])
        assert at.tolist() == [0] * np.count_nonzero(hashes == hashes[0]) + [1] * np.count_nonzero(
            hashes == hashes[5000]
        )
        assert rows.tolist() == [*np.flatnonzero(hashes == hashes[0]), *np.flatnonzero(hashes == hashes[5000])]


class TestSegmentReader:
    def test_no_rows_are_picked_without_a_look_at_the_bytes(
        self, large: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of the many segments of a large index, most have none of a search's hits."""
        reader = stored(large, MemoryStore())
        monkeypatch.setattr(CheckedBytes, "several", None)
        nothing = reader.pick(np.empty(0, np.int64), ["order", "width", DHASH.name], ["key", "meta"])
        assert nothing.columns["order"].shape == (0, 2)
        assert nothing.columns["width"].dtype == np.uint32
        assert nothing.columns[DHASH.name].dtype == DHASH.dtype
        assert [texts.tolist() for texts in nothing.texts.values()] == [[], []]

    def test_a_small_read_fetches_its_block_and_the_checksums(self, large: Records) -> None:
        store = CountingStore(MemoryStore())
        reader = stored(large, store)
        checks = reader.segment.columns[CHECKS].size
        store.reset()
        reader.take("order", np.array([3], np.int64))
        assert (store.requests, store.bytes_read) == (1, CHECK_BLOCK + checks)
        store.reset()
        reader.take("order", np.array([3, 4, 25_000], np.int64))
        assert (store.requests, store.bytes_read) == (1, 2 * CHECK_BLOCK), "the checksums are known by now"

    def test_to_find_ten_keys_it_reads_windows_not_the_column(self, large: Records) -> None:
        store = CountingStore(MemoryStore())
        reader = stored(large, store)
        column = reader.segment.columns["key_hash"].size
        store.reset()
        at, rows = reader.find(large.fixed["key_hash"][[100, 29_000]])
        assert (at.tolist(), rows.tolist()) == ([0, 1], [100, 29_000])
        assert store.requests == 1
        assert store.bytes_read < column / 2

    def test_a_changed_byte_is_noticed_where_it_is_read_and_only_there(self, large: Records) -> None:
        segment, objects = pack_records(0, large, FAMILIES, MARK)
        body = bytearray(objects[segment.name])
        body[segment.columns["order"].offset + CHECK_BLOCK] ^= 1
        store = MemoryStore()
        store.create(segment.name, bytes(body))
        reader = SegmentReader(store, segment)
        assert reader.column("width").tolist() == large.fixed["width"].tolist()
        assert len(reader.column("order", 0, 1024)) == 1024
        with pytest.raises(CorruptObject, match=f"{segment.name}: CRC-32 of column order, bytes 16,384 on, is"):
            reader.column("order", 1024, 1025)

    @pytest.mark.parametrize("kept", [0, 100, 300_000])
    def test_a_truncated_object_is_noticed(self, large: Records, kept: int) -> None:
        segment, objects = pack_records(0, large, FAMILIES, MARK)
        store = MemoryStore()
        store.create(segment.name, bytes(objects[segment.name][:kept]))
        with pytest.raises(CorruptObject, match="its manifest says"):
            SegmentReader(store, segment).column("key_hash")

    def test_a_column_that_the_manifest_does_not_know_is_corrupt(self, large: Records) -> None:
        with pytest.raises(CorruptObject, match="knows no column 'haar'"):
            stored(large, MemoryStore()).column("haar")

    def test_what_is_read_cannot_be_changed(self, large: Records) -> None:
        column = stored(large, MemoryStore()).column("width")
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
