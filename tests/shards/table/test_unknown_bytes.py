"""Images whose bytes are unknown: nothing is stored of their SHA-256, and no two of them are the same by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from shards.errors import FormatUnsupported
from shards.storage.memory import MemoryStore
from shards.table.format import layout, names, settings, thumbnails
from shards.table.format.columns import decode
from shards.table.format.layout import PARTIAL_SHA256
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.records import SHA256, Record
from shards.table.format.settings import IndexSettings
from shards.table.maintain.collect_thumbnails import collect_thumbnails
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.copying import copy
from shards.table.maintain.repair import repair
from shards.table.maintain.verify import verify
from shards.table.write.bulk import Written
from tests.shards.table.synthetic import DHASH, delete, make_store, make_table, order, put, read, records
from tests.world import FakeWorld

ID = "0123456789abcdef"


def unknown(key: str, seconds: float, hashed: int) -> Record:
    return replace(put(key, seconds, hashed), sha256=bytes(32))


@pytest.fixture
def store(world: FakeWorld) -> MemoryStore:
    return make_store(world)


@pytest.fixture
def table(store: MemoryStore, world: FakeWorld) -> CommittingTable:
    chosen = IndexSettings((DHASH.name,), id=ID)
    settings.create(store, chosen, world)
    return again(store, world)


def again(store: MemoryStore, world: FakeWorld) -> CommittingTable:
    return CommittingTable(store, settings.read(store), effects=world)


def manifest(table: CommittingTable) -> Manifest:
    return table.snapshot().manifest


def digests(table: CommittingTable) -> dict[str, str]:
    return {
        image.key: image.sha256 for source in table.snapshot().sources for image in source.images(source.live_rows())
    }


def lacking(segments: Sequence[Segment] | Manifest) -> list[bool]:
    return [SHA256 not in segment.columns for segment in segments]


class TestWriting:
    def test_a_segment_of_them_has_no_such_column_and_the_manifest_says_so(self, table: CommittingTable) -> None:
        table.write(records(put("a", 1, 1)))
        assert manifest(table).needs == frozenset()
        table.write(records(unknown("b", 1, 2), unknown("c", 1, 3)))
        assert lacking(manifest(table)) == [False, True]
        assert manifest(table).needs == {PARTIAL_SHA256}
        assert digests(table) == {"a": "01" * 32, "b": "", "c": ""}
        assert verify(table).problems == ()

    def test_one_image_whose_bytes_are_known_is_enough_to_have_it(self, table: CommittingTable) -> None:
        table.write(records(put("a", 1, 1), unknown("b", 1, 2)))
        assert lacking(manifest(table)) == [False]
        assert manifest(table).needs == frozenset()
        assert digests(table) == {"a": "01" * 32, "b": ""}

    def test_deletes_alone_need_nothing(self, table: CommittingTable) -> None:
        table.write(records(put("a", 1, 1)))
        table.write(records(delete("a", 2)))
        table.compact(everything=True)
        assert manifest(table).needs == frozenset()

    def test_the_log_lacks_it_only_where_the_manifest_has_said_so(
        self, table: CommittingTable, store: MemoryStore, world: FakeWorld
    ) -> None:
        first = table.append(records(unknown("a", 1, 1)))
        table.compact()
        second = table.append(records(unknown("b", 2, 2)))
        third = table.append(records(put("c", 2, 3)))
        kept = [SHA256 in decode(name, table.store.get(name)) for name in (first, second, third)]
        assert kept == [True, False, True]
        assert digests(again(store, world)) == {"a": "", "b": "", "c": "03" * 32}
        assert verify(table).problems == ()
        table.compact(everything=True)
        assert digests(again(store, world)) == {"a": "", "b": "", "c": "03" * 32}

    def test_format_1_has_zeros_as_ever(self, world: FakeWorld) -> None:
        table = make_table(make_store(world), world)
        table.write(records(unknown("a", 1, 1)))
        table.write(records(unknown("b", 1, 2)))
        table.append(records(unknown("c", 1, 3)))
        table.compact(everything=True)
        assert lacking(manifest(table)) == [False]
        assert manifest(table).needs == frozenset()
        assert digests(table) == {"a": "", "b": "", "c": ""}

    def test_a_reader_that_does_not_know_it_refuses(
        self, table: CommittingTable, store: MemoryStore, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table.write(records(unknown("a", 1, 1)))
        monkeypatch.setattr(layout, "NEEDS", layout.NEEDS - {PARTIAL_SHA256})
        with pytest.raises(FormatUnsupported, match=r"needs \['partial-sha256'\]"):
            again(store, world).snapshot()

    def test_the_need_stays(self, table: CommittingTable) -> None:
        """A writer may have put a log object without the column that nobody has seen yet."""
        table.write(records(unknown("a", 1, 1)))
        table.write(records(put("a", 2, 2)))
        table.compact(everything=True)
        assert lacking(manifest(table)) == [False]
        assert manifest(table).needs == {PARTIAL_SHA256}

    def test_an_image_is_the_same_if_its_bytes_were_known_and_new_if_they_become_known(
        self, table: CommittingTable
    ) -> None:
        table.write(records(put("known", 1, 1), put("unknown", 1, 2)))
        table.write(records(unknown("unknown", 2, 2)))
        later = [unknown("known", 3, 1), put("unknown", 3, 2)]
        assert table.write(records(*later), unless_same=True).state.tolist() == [Written.SAME, Written.REPLACED]
        assert digests(table) == {"known": "01" * 32, "unknown": "02" * 32}


class TestMerging:
    @pytest.mark.parametrize("known_first", [True, False])
    def test_those_with_and_without_are_merged(self, table: CommittingTable, known_first: bool) -> None:
        parts = [records(put("a", 1, 1), put("b", 1, 2)), records(unknown("c", 1, 3), unknown("d", 1, 4))]
        for part in parts if known_first else parts[::-1]:
            table.write(part)
        table.compact(everything=True)
        assert lacking(manifest(table)) == [False]
        assert digests(table) == {"a": "01" * 32, "b": "02" * 32, "c": "", "d": ""}
        assert verify(table).problems == ()

    def test_those_without_stay_so(self, table: CommittingTable) -> None:
        for n in range(3):
            table.write(records(unknown(f"{n}", 1, n)))
        table.compact(everything=True)
        assert lacking(manifest(table)) == [True]
        assert read(table) == {"0": 0, "1": 1, "2": 2}

    def test_rows_of_zeros_leave_the_column_when_no_known_one_is_left(self, table: CommittingTable) -> None:
        table.write(records(put("a", 1, 1), unknown("b", 1, 2)))
        table.write(records(unknown("a", 2, 3), unknown("c", 2, 4)))
        table.compact(everything=True)
        assert lacking(manifest(table)) == [True]
        assert digests(table) == {"a": "", "b": "", "c": ""}

    def test_they_are_split_into_more_shards(self, table: CommittingTable) -> None:
        table.write(records(put("known", 1, 100), *(unknown(f"{n}", 1, n) for n in range(20))))
        table.reshard(4)
        assert sorted(lacking(manifest(table))) == [False, True, True, True]
        assert read(table) == {f"{n}": n for n in range(20)} | {"known": 100}
        assert verify(table).problems == ()


class TestKeepingWhole:
    def test_a_copy_is_the_same(self, table: CommittingTable, store: MemoryStore, world: FakeWorld) -> None:
        table.write(records(unknown("a", 1, 1)))
        table.append(records(unknown("b", 1, 2), put("c", 1, 3)))
        there = make_store(world)
        copy(store, there, world)
        copied = again(there, world)
        assert digests(copied) == digests(table)
        assert manifest(copied).needs == {PARTIAL_SHA256}
        assert verify(copied).problems == ()

    def test_a_copy_of_format_1_may_lack_it(self, world: FakeWorld) -> None:
        old = make_table(make_store(world), world)
        old.append(records(unknown("a", 1, 1)))
        there = make_store(world)
        copy(old.root, there, world)
        copied = again(there, world)
        assert lacking(manifest(copied)) == [True]
        assert manifest(copied).needs == {PARTIAL_SHA256}
        assert digests(copied) == {"a": ""}

    def test_a_damaged_segment_is_repaired(self, table: CommittingTable, store: MemoryStore, world: FakeWorld) -> None:
        table.write(records(*(unknown(f"{n}", 1, n) for n in range(2000))))
        (segment,) = manifest(table)
        flip(store, segment.name, segment.columns["order"].offset)
        done = repair(again(store, world), verify(again(store, world)))
        repaired = again(store, world)
        assert verify(repaired).is_clean
        assert 0 < len(done.gone) < 2000, "the rows of one block"
        assert len(read(repaired)) == 2000 - len(done.gone)

    @pytest.mark.parametrize("known", [True, False])
    def test_of_a_damaged_log_object_a_digest_that_is_lost_is_told_from_one_that_never_was(
        self, table: CommittingTable, store: MemoryStore, world: FakeWorld, known: bool
    ) -> None:
        table.write(records(unknown("a", 1, 1)))
        made = put("b", 2, 2) if known else unknown("b", 2, 2)
        name = table.append(records(made))
        data = bytes(table.store.get(name))
        at = data.index(bytes([2]) * 32) if known else data.rindex(b"PK\x01\x02")
        flip(store, name, at)
        done = repair(again(store, world), verify(again(store, world)))
        assert digests(again(store, world)) == {"a": "", "b": ""}
        assert done.reduced == (("b",) if known else ())

    def test_no_thumbnail_is_kept_for_them(self, table: CommittingTable, world: FakeWorld) -> None:
        table.write(records(unknown("a", 1, 1)))
        table.write(records(put("b", 1, 2), unknown("c", 1, 3)))
        for digest in (bytes(32), bytes([2]) * 32):
            table.store.create(names.thumbnail(digest), thumbnails.seal(b"drawn"))
        world.pass_seconds(2 * 3600)
        assert collect_thumbnails(table).objects == (names.thumbnail(bytes(32)),)


def flip(store: MemoryStore, name: str, at: int) -> None:
    data, when = store._objects[f"{ID}/{name}"]
    changed = bytearray(data)
    changed[at] ^= 1
    store._objects[f"{ID}/{name}"] = bytes(changed), when


def test_rows_can_be_picked_as_if_the_column_were_there(table: CommittingTable) -> None:
    table.write(records(*(unknown(f"{n}", 1, n) for n in range(5))))
    ((reader),) = [source.reader for source in table.snapshot().sources]
    assert reader.column(SHA256).tolist() == [[0] * 32] * 5
    assert reader.column(SHA256, 1, 3).shape == reader.ranges(SHA256, [(2, 4)])[0].shape == (2, 32)
    picked = reader.pick(np.array([4, 0]), ["order", SHA256, "width"], ["key"])
    assert picked.columns[SHA256].tolist() == [[0] * 32] * 2
    assert picked.columns["order"].tolist() == [list(order(1))] * 2
    assert len(picked.texts["key"]) == 2
