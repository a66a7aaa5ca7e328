"""Committing: folds, merges and what they leave behind, in as few manifests and requests as can be."""

from __future__ import annotations

from threading import Barrier, BrokenBarrierError

import pytest

from shards.storage.base import Data
from shards.table.format import names
from shards.table.maintain.committing import Committed, CommittingTable, Compacted, fold_bytes
from shards.table.maintain.merge import FACTOR
from shards.table.write.fold import LOG_AGE_MS
from tests.patience import PATIENCE
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import delete, make_store, make_table, many, put, read, records
from tests.world import FakeWorld

MEGABYTE = 1 << 20


@pytest.fixture
def store(world: FakeWorld) -> CountingStore:
    return CountingStore(make_store(world))


@pytest.fixture
def table(store: CountingStore, world: FakeWorld) -> CommittingTable:
    return make_table(store, world)


class TestCompacting:
    def test_it_says_what_it_did(self, table: CommittingTable) -> None:
        assert table.compact() == Compacted(folded=0, merged=0, written=0, version=0)
        for n in range(FACTOR):
            table.append(records(put(f"key {n}", n, n)))
        assert table.compact() == Compacted(folded=FACTOR, merged=0, written=0, version=1)
        for n in range(FACTOR):
            table.write(records(put(f"more {n}", n, n)))
        assert table.compact() == Compacted(folded=0, merged=FACTOR, written=1, version=2 + FACTOR)
        assert len(read(table)) == 2 * FACTOR

    def test_nothing_to_do_changes_nothing(self, store: CountingStore, table: CommittingTable) -> None:
        table.append(records(put("a", 1)))
        table.compact()
        before = [entry.name for entry in store.list()]
        assert table.compact().version == 1
        assert [entry.name for entry in store.list()] == before

    def test_a_long_tail_is_folded_in_parts_the_oldest_first(
        self, store: CountingStore, table: CommittingTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = [table.append(records(put(f"key {n}", n, n))) for n in range(5)]
        monkeypatch.setattr(
            "shards.table.maintain.committing.FOLD_BYTES", (0, 2 * max(store.size(name) for name in log))
        )
        assert table.compact() == Compacted(folded=5, merged=0, written=0, version=3)
        assert len(read(table)) == 5

    def test_a_fold_ends_though_something_is_added_all_the_time(
        self, store: CountingStore, table: CommittingTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = [table.append(records(put(f"key {n}", n, n))) for n in range(5)]
        monkeypatch.setattr(
            "shards.table.maintain.committing.FOLD_BYTES", (0, 2 * max(store.size(name) for name in log))
        )
        create, added = store.create, 0

        def create_and_add(name: str, data: Data) -> bool:
            nonlocal added
            if name.startswith(names.MANIFEST):
                added += 1
                assert added < 10, "the fold goes on for as long as something is added"
                table.append(records(put(f"added meanwhile {added}", 100 + added)))
            return create(name, data)

        monkeypatch.setattr(store, "create", create_and_add)
        assert table.commit().folded == 5
        assert table.pressure()[0] == added == 3

    def test_an_object_larger_than_a_part_is_folded_alone(
        self, table: CommittingTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shards.table.maintain.committing.FOLD_BYTES", (1, 1))
        for n in range(3):
            table.append(records(put(f"key {n}", n, n)))
        assert table.compact().folded == 3

    def test_segments_grow_no_larger_than_the_setting(self, store: CountingStore, world: FakeWorld) -> None:
        table = make_table(store, world, segment_rows=10)
        for n in range(12):
            table.write(many([f"{n} {i}" for i in range(3)], n))
        table.write(many([str(i) for i in range(25)], 1))
        table.compact(everything=True)
        assert max(segment.rows for segment in table.snapshot().manifest) <= 10
        assert len(read(table)) == 61

    def test_everything_leaves_one_segment_a_shard_without_dead_rows(
        self, store: CountingStore, world: FakeWorld
    ) -> None:
        table = make_table(store, world, shards=3)
        for n in range(5):
            table.write(many([str(i) for i in range(n, 40)], n, first=100 * n))
        table.compact(everything=True)
        manifest = table.snapshot().manifest
        assert [len(shard) for shard in manifest.segments] == [1, 1, 1]
        assert sum(segment.dead_rows for segment in manifest) == 0
        assert manifest.live == 40


class TestCommitting:
    def test_a_fold_and_merges_are_one_manifest(self, table: CommittingTable) -> None:
        for n in range(FACTOR):
            table.write(records(put(f"key {n}", n, n)))
        (segments,) = table.due_merges()
        merged = table.merge(segments)
        assert merged is not None
        table.append(records(put("key 0", 20, 20), delete("key 1", 20), put("fresh", 1, 21)))
        before = table.snapshot().manifest.version
        assert table.commit([merged]) == Committed(1, table.store.size(log_of(table)[0]), (True,))
        manifest = table.snapshot().manifest
        assert manifest.version == before + 1
        assert sorted(segment.rows for segment in manifest) == [3, FACTOR]
        assert read(table) == {f"key {n}": n for n in range(2, FACTOR)} | {"key 0": 20, "fresh": 21}

    def test_without_anything_to_do_it_looks_and_that_is_all(
        self, store: CountingStore, table: CommittingTable
    ) -> None:
        table.append(records(put("a", 1)))
        table.commit()
        store.reset()
        assert table.commit() == Committed(0, 0, ())
        assert store.calls == [("get", names.SETTINGS), ("list", names.LOG), ("list", names.MANIFEST)]

    def test_the_manifest_that_was_made_here_is_not_read(self, store: CountingStore, table: CommittingTable) -> None:
        table.write(records(put("a", 1)))
        table.append(records(put("b", 1)))
        store.reset()
        table.commit()
        assert [name for verb, name in store.calls if verb == "get" and name.startswith(names.MANIFEST)] == []

    def test_objects_are_created_at_once_and_the_manifest_when_all_are_there(
        self, store: CountingStore, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table = make_table(store, world, shards=4)
        create = store.create
        # each waits for the three others: one after another, the first would give up
        together = Barrier(4, timeout=PATIENCE)

        def waiting(name: str, data: Data) -> bool:
            if name.startswith(names.SEGMENTS):
                together.wait()
            if name.startswith(names.MANIFEST):
                assert len(list(store.list(names.SEGMENTS))) == 4
            return create(name, data)

        monkeypatch.setattr(store, "create", waiting)
        table.write(many([str(n) for n in range(100)], 1))
        assert len(read(table)) == 100

    def test_an_object_that_cannot_be_created_fails_the_commit(
        self, store: CountingStore, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table = make_table(store, world, shards=4)
        create = store.create

        def failing(name: str, data: Data) -> bool:
            if name.startswith(names.shard_prefix(2)):
                raise BrokenBarrierError
            return create(name, data)

        monkeypatch.setattr(store, "create", failing)
        with pytest.raises(BrokenBarrierError):
            table.write(many([str(n) for n in range(100)], 1))
        assert read(table) == {}

    def test_what_was_folded_ten_minutes_ago_is_deleted_without_another_request(
        self, store: CountingStore, table: CommittingTable, world: FakeWorld
    ) -> None:
        old = table.append(records(put("a", 1, 1)))
        table.commit()
        world.pass_seconds(LOG_AGE_MS / 1000 - 10)
        young = table.append(records(put("b", 1, 2)))
        table.commit()
        assert log_of(table) == sorted([old, young])
        world.pass_seconds(20)
        store.reset()
        table.commit()
        assert [call for call in store.calls if call[0] != "list"] == [("get", names.SETTINGS), ("delete", old)]
        assert store.requests == 4
        table.append(records(put("c", 1, 3)))
        table.commit()
        assert old not in table.snapshot().manifest.folded
        assert young in table.snapshot().manifest.folded
        assert read(table) == {"a": 1, "b": 2, "c": 3}

    def test_who_only_folds_keeps_nothing_of_what_it_has_folded(self, table: CommittingTable) -> None:
        """A compactor lives for hours, and never takes the snapshot that would let go of it."""
        keys = [f"{n}" for n in range(2000)]
        for n in range(6):
            table.append(many(keys, n, first=n))
            table.commit()
        assert table._logs == {}
        live = {segment.name for segment in table._newest()}
        assert table._readers.keys() <= live
        assert len(table._dead) <= len(live)

    @pytest.mark.parametrize(
        ("memory", "folded"), [(0, 32), (256, 32), (512, 64), (1024, 128), (1536, 128), (8192, 128)]
    )
    def test_the_more_memory_the_larger_the_folds(self, memory: int, folded: int) -> None:
        assert fold_bytes(memory * MEGABYTE) == folded * MEGABYTE


def log_of(table: CommittingTable) -> list[str]:
    return [entry.name for entry in table.store.list(names.LOG)]
