"""Collecting: what is deleted, and what never is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from shards.errors import StorageError
from shards.storage.base import Data, Entry, Store
from shards.storage.delegating import DelegatingStore
from shards.storage.local import LocalStore
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.maintain.collect import ORPHAN_SECONDS, collect, folded_log
from shards.table.maintain.collect_thumbnails import collect_thumbnails
from shards.table.maintain.committing import CommittingTable
from shards.table.read.newest import newest
from shards.table.write.commit import KEPT_MANIFESTS
from shards.table.write.fold import LOG_AGE_MS
from tests.shards.table.synthetic import delete, make_store, make_table, many, put, read, records
from tests.world import FakeWorld

LOG_SECONDS = LOG_AGE_MS / 1000


@pytest.fixture
def store(world: FakeWorld) -> MemoryStore:
    return make_store(world)


@pytest.fixture
def table(store: MemoryStore, world: FakeWorld) -> CommittingTable:
    return make_table(store, world)


class FullStore(DelegatingStore):
    """A store that takes nothing while it is full."""

    is_full = False

    def create(self, name: str, data: Data) -> bool:
        if self.is_full:
            raise StorageError(f"{name}: cannot create: No space left on device")
        return super().create(name, data)


def there(store: Store, prefix: str = "") -> list[str]:
    return [entry.name for entry in store.list(prefix)]


def again(table: CommittingTable, world: FakeWorld) -> CommittingTable:
    """Return the table as another process sees it, which has not asked for the time."""
    return CommittingTable(table.store, table.settings, effects=world)


def test_an_index_that_is_new_has_nothing_to_collect(
    store: MemoryStore, table: CommittingTable, world: FakeWorld
) -> None:
    assert collect(table).objects == ()
    assert there(store) == [names.SETTINGS]


def test_a_log_object_goes_ten_minutes_after_its_fold(
    store: MemoryStore, table: CommittingTable, world: FakeWorld
) -> None:
    log = table.append(records(put("a", 1, 1)))
    world.pass_seconds(100 * LOG_SECONDS)
    assert collect(table).objects == (), "it is not folded"
    table.compact()
    world.pass_seconds(LOG_SECONDS - 1)
    assert collect(table).objects == ()
    world.pass_seconds(2)
    collected = collect(table)
    assert collected.objects == (log,)
    assert collected.size > 0
    assert read(table) == {"a": 1}


def test_the_last_manifests_stay_whatever_their_age(
    store: MemoryStore, table: CommittingTable, world: FakeWorld
) -> None:
    for n in range(KEPT_MANIFESTS + 5):
        table.write(records(put("a", n, n)))
    world.pass_seconds(1000 * ORPHAN_SECONDS)
    collect(table)
    assert there(store, names.MANIFEST) == [names.manifest(version) for version in range(KEPT_MANIFESTS + 5, 5, -1)]


def test_young_manifests_stay_however_many(store: MemoryStore, table: CommittingTable, world: FakeWorld) -> None:
    for n in range(KEPT_MANIFESTS + 5):
        table.write(records(put("a", n, n)))
    world.pass_seconds(ORPHAN_SECONDS - 10)
    collect(table)
    assert len(there(store, names.MANIFEST)) == KEPT_MANIFESTS + 5


def test_merged_segments_and_lists_go_when_no_kept_manifest_names_them(
    store: MemoryStore, table: CommittingTable, world: FakeWorld
) -> None:
    keys = [str(n) for n in range(1000)]
    table.write(many(keys, 1))
    table.write(many(keys[:300], 2, deleted=True))
    assert len(there(store, names.DEAD)) == 2, "of overwritten rows, and of the tombstones"
    table.compact(everything=True)
    old = {*there(store, names.SEGMENTS), *there(store, names.DEAD)}
    world.pass_seconds(2 * ORPHAN_SECONDS)
    assert collect(table).objects == (), "the last manifests name them still"
    for n in range(KEPT_MANIFESTS):
        table.write(records(put("last", n, n)))
    table.compact(everything=True)
    world.pass_seconds(2 * ORPHAN_SECONDS)
    for n in range(KEPT_MANIFESTS):
        table.write(records(put("last", 100 + n, n)))
    gone = set(collect(table).objects)
    assert old <= gone
    assert len(read(table)) == 701


def orphan_of(store: MemoryStore) -> str:
    name = names.segment(0, b"nobody's", "c0ffeec0ffeec0ff")
    store.create(name, b"nobody's")
    return name


def test_an_orphan_goes_when_a_manifest_is_over_an_hour_younger(
    store: MemoryStore, table: CommittingTable, world: FakeWorld
) -> None:
    """Its commit may be asleep before its last step: that manifest has taken the version which it wants."""
    table.write(records(put("a", 1, 1)))
    orphan = orphan_of(store)
    world.pass_seconds(ORPHAN_SECONDS / 2)
    table.write(records(put("b", 1, 2)))
    world.pass_seconds(ORPHAN_SECONDS - 10)
    assert collect(table).objects == ()
    table.write(records(put("c", 1, 3)))
    assert collect(table).objects == (orphan,)
    assert there(store, names.MANIFEST) == [names.manifest(version) for version in (3, 2, 1)]


def test_where_nobody_commits_an_orphan_goes_behind_a_manifest_that_changes_nothing(
    store: MemoryStore, table: CommittingTable, world: FakeWorld
) -> None:
    table.write(records(put("a", 1, 1)))
    log = table.append(records(put("b", 1, 2)))
    table.commit()
    orphan = orphan_of(store)
    before = newest(store, 1).manifest
    world.pass_seconds(ORPHAN_SECONDS + 10)
    assert collect(table).objects == (orphan, log)
    after = newest(store, 1).manifest
    assert (after.version, after.segments, after.folded) == (before.version + 1, before.segments, before.folded)
    assert read(table) == {"a": 1, "b": 2}
    world.pass_seconds(1000 * ORPHAN_SECONDS)
    assert collect(table).objects == ()
    assert newest(store, 1).manifest == after, "one is made only where something has to go"


def test_without_a_manifest_an_orphan_stays(store: MemoryStore, table: CommittingTable, world: FakeWorld) -> None:
    orphan_of(store)
    world.pass_seconds(1000 * ORPHAN_SECONDS)
    assert collect(table).objects == ()
    assert there(store, names.MANIFEST) == []


def test_what_is_no_object_of_an_index_is_left_alone(
    store: MemoryStore, table: CommittingTable, world: FakeWorld
) -> None:
    store.create("notes.txt", b"mine")
    table.write(records(put("a", 1), delete("b", 1)))
    world.pass_seconds(1000 * ORPHAN_SECONDS)
    table.write(records(put("a", 2)))
    collect(table)
    assert "notes.txt" in there(store)
    assert names.SETTINGS in there(store)


def test_on_a_full_disk_what_makes_room_works(world: FakeWorld) -> None:
    store = FullStore(make_store(world))
    table = make_table(store, world)
    for n in range(KEPT_MANIFESTS + 1):
        table.write(records(put("a", n, n)))
    table.compact(everything=True)
    log = table.append(records(put("b", 1, 1)))
    table.commit()
    world.pass_seconds(LOG_SECONDS + 1)
    table.write(records(put("c", 1, 2)))
    segments = there(store, names.SEGMENTS)
    store.is_full = True
    assert collect(again(table, world)).objects == (log,), "by the time of the newest object"
    world.pass_seconds(100 * ORPHAN_SECONDS)
    assert collect(again(table, world)).objects == ()
    assert there(store, names.SEGMENTS) == segments, "nothing says that they are old"
    store.is_full = False
    assert collect(again(table, world)).objects
    assert read(table) == {"a": KEPT_MANIFESTS, "b": 1, "c": 2}


def test_files_of_people_are_not_collected_wherever_they_lie(tmp_path: Path, world: FakeWorld) -> None:
    """A folder of an index from somebody else may be a link to one's own."""
    home, place = tmp_path / "home", tmp_path / "index"
    (home / "0000").mkdir(parents=True)
    own = ["thesis.npz", "0000/thesis.npz", "created", "1800000001000-thesis.npz"]
    for name in own:
        (home / name).write_bytes(b"of years")
        os.utime(home / name, (1, 1))
    store = LocalStore(place, lambda: world.now_ns() / 1e9)
    table = make_table(store, world)
    for n in range(KEPT_MANIFESTS + 1):
        table.write(records(put("a", n, n)))
    for kind in (names.DEAD, names.LOG, names.THUMBNAILS):
        shutil.rmtree(place / kind, ignore_errors=True)
        (place / kind.rstrip("/")).symlink_to(home)
    (home / "0001").mkdir()
    (place / "segments/0001").mkdir()
    (place / "segments/0001/thesis.npz").write_bytes(b"of years")
    os.utime(place / "segments/0001/thesis.npz", (1, 1))
    world.pass_seconds(100 * ORPHAN_SECONDS)
    collect(table)
    collect_thumbnails(table)
    assert all((home / name).exists() for name in own)
    assert (place / "segments/0001/thesis.npz").exists()


def test_a_log_object_has_the_name_of_one_to_be_deleted() -> None:
    entries = [Entry("log/thesis.txt", 8, 1.0), Entry(names.log(1_800_000_000_000, b""), 8, 1.0)]
    assert folded_log(entries, dict.fromkeys((entry.name for entry in entries), 0), 1e9) == entries[1:]
