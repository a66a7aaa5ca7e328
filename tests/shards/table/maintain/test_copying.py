"""Copies: whole, of one moment, with an id of their own, whatever happens meanwhile."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lookalike import Index
from shards.errors import Conflict, CorruptObject, IndexExists, IndexNotFound, QueryError, StorageError
from shards.storage import laid_out
from shards.storage.base import Store
from shards.storage.delegating import DelegatingStore, Verb
from shards.storage.memory import MemoryStore
from shards.storage.probe import PROBES
from shards.table.format import names, settings, thumbnails
from shards.table.format.settings import IndexSettings
from shards.table.maintain import collect, transfer
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.copying import Copied, copy, points
from shards.table.maintain.verify import verify
from tests.conftest import MakeStore
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import DHASH, delete, make_store, many, put, read, records
from tests.simulation.interleaving import CrashError, InterleavedStore, lose_answer
from tests.tiers import LENGTH
from tests.world import FakeWorld

Result = TypeVar("Result")

HOUR = 3600.0
ID = "5bd1e9955bd1e995"


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def source(world: FakeWorld) -> Store:
    """Two segments, one with a list of dead rows of its own, and a tail that replaces and removes."""
    store = make_store(world)
    settings.create(store, IndexSettings((DHASH.name,), id=ID), world)
    table = opened(store, world)
    table.write(many([f"many {n}" for n in range(600)], 1))
    table.write(many([f"many {n}" for n in range(300)], 2, deleted=True))
    table.append(records(put("cat", 3, 1), put("dog", 3, 2)))
    table.commit()
    table.append(records(put("cat", 4, 3)))
    table.append(records(delete("dog", 5), put("bird", 5, 4)))
    return store


@pytest.fixture
def destination(world: FakeWorld) -> MemoryStore:
    return make_store(world)


def opened(store: Store, world: FakeWorld) -> CommittingTable:
    return CommittingTable(store, settings.read(store), effects=world)


def images(store: Store, world: FakeWorld) -> dict[str, int]:
    return read(opened(store, world))


def is_whole(store: Store, world: FakeWorld) -> bool:
    return not [each for each in verify(opened(store, world)).problems if not each.is_harmless]


def objects(store: Store, prefix: str = "") -> list[str]:
    return [entry.name for entry in settings.read(store).data(store).list(prefix)]


class TestACopy:
    def test_has_the_same_images_another_id_and_is_whole(
        self, source: Store, destination: Store, world: FakeWorld
    ) -> None:
        copied = copy(source, destination, world)
        assert images(destination, world) == images(source, world)
        assert settings.read(destination).id == copied.id != ID
        assert copied.images == len(images(source, world)) == 302
        assert is_whole(destination, world)
        assert objects(destination, names.LOG) == []

    def test_leaves_the_source_as_it_is(self, source: Store, destination: Store, world: FakeWorld) -> None:
        before = [(entry.name, bytes(source.get(entry.name))) for entry in source.list()]
        copy(source, destination, world)
        assert [(entry.name, bytes(source.get(entry.name))) for entry in source.list()] == before

    def test_of_an_index_of_format_1_is_one_of_format_2(self, destination: Store, world: FakeWorld) -> None:
        source = make_store(world)
        settings.create(source, IndexSettings((DHASH.name,), shards=2), world)
        opened(source, world).append(records(put("cat", 1, 1)))
        copy(source, destination, world)
        assert settings.read(destination).format == 2
        assert images(destination, world) == {"cat": 1}

    def test_of_an_empty_index_is_empty(self, destination: Store, world: FakeWorld) -> None:
        source = make_store(world)
        settings.create(source, IndexSettings((DHASH.name,), shards=4, id=ID), world)
        assert copy(source, destination, world).images == 0
        assert images(destination, world) == {}
        assert is_whole(destination, world)

    def test_can_be_written_to(self, source: Store, destination: Store, world: FakeWorld) -> None:
        copy(source, destination, world)
        table = opened(destination, world)
        table.append(records(put("new", 9, 9)))
        table.compact(everything=True)
        assert images(destination, world) == {**images(source, world), "new": 9}

    def test_is_not_made_of_what_is_no_index(self, destination: Store, world: FakeWorld) -> None:
        with pytest.raises(IndexNotFound):
            copy(make_store(world), destination, world)
        assert list(destination.list()) == []

    def test_is_not_made_where_the_index_itself_is(self, tmp_path: Path) -> None:
        Index.create(str(tmp_path / "index"), families=["dhash"])
        (tmp_path / "link").symlink_to(tmp_path / "index")
        with pytest.raises(QueryError, match="hold the same index"):
            Index.open(str(tmp_path / "index")).copy(str(tmp_path / "link"), replace=True)

    @pytest.mark.parametrize("there", ["memory", "local", "cloud"])
    @pytest.mark.parametrize("here", ["memory", "local", "cloud"])
    def test_may_be_in_any_store(self, here: str, there: str, make_store: MakeStore) -> None:
        index = Index.create(make_store(here), families=["dhash"], thumbnails=0)
        index.write_bulk(many([f"{n}.jpg" for n in range(50)], 1))
        index.write([put("cat", 2, 1)])
        place = make_store(there)
        assert index.copy(place).images == 51
        assert Index.open(place).verify().is_clean
        index.write([put("dog", 3, 2)])
        assert index.copy(place).there == 1
        assert Index.open(place).count() == 52


class TestBringingUpToDate:
    def test_copies_only_what_is_new(self, source: Store, destination: Store, world: FakeWorld) -> None:
        copy(source, destination, world)
        way = CountingStore(source)
        opened(source, world).append(records(put("fox", 6, 6)))
        copied = copy(way, destination, world)
        assert [name for verb, name in way.calls if verb == "get_ranges"] == []
        assert copied.there == 5, "three segments and two lists of dead rows"
        assert images(destination, world) == images(source, world)
        assert is_whole(destination, world)

    def test_does_nothing_where_nothing_has_changed(self, source: Store, destination: Store, world: FakeWorld) -> None:
        first = copy(source, destination, world)
        way = CountingStore(destination)
        second = copy(source, way, world)
        assert (second.version, second.objects) == (first.version, 0)
        written = {name.removeprefix(f"{first.id}/") for verb, name in way.calls if verb == "create"}
        assert {name for name in written if not name.startswith("probe/")} == set()

    def test_goes_on_where_a_collector_was_at_work(self, source: Store, destination: Store, world: FakeWorld) -> None:
        copy(source, destination, world)
        there = opened(destination, world)
        there.store.create(names.segment(0, b"left by a crash", ID), b"left by a crash")
        world.pass_seconds(2 * HOUR)
        assert len(collect.collect(there).objects) == 1
        assert len(objects(destination, names.MANIFEST)) > 1, "the collector has made a manifest that changes nothing"
        opened(source, world).append(records(put("fox", 6, 6)))
        copy(source, destination, world)
        assert images(destination, world) == images(source, world)

    def test_goes_on_however_many_manifests_without_changes_its_own_collectors_made(
        self, source: Store, destination: Store, world: FakeWorld
    ) -> None:
        copy(source, destination, world)
        for n in range(9):
            data = opened(destination, world).store
            world.pass_seconds(2 * HOUR)
            orphan = b"left by a copying that died %d" % n
            data.create(names.segment(0, orphan, ID), orphan)
            world.pass_seconds(1.5 * HOUR)
            copy(source, destination, world)
        assert len(objects(destination, names.MANIFEST)) >= 8
        opened(source, world).append(records(put("fox", 6, 6)))
        copy(source, destination, world)
        assert images(destination, world) == images(source, world)

    @pytest.mark.parametrize("fold", [False, True])
    def test_is_refused_where_somebody_has_written(
        self, source: Store, destination: Store, world: FakeWorld, fold: bool
    ) -> None:
        copy(source, destination, world)
        there = opened(destination, world)
        there.append(records(put("theirs", 9, 9)))
        if fold:
            there.commit()
            world.pass_seconds(HOUR)
            there.commit()
        with pytest.raises(IndexExists, match="changed since"):
            copy(source, destination, world)
        assert images(destination, world)["theirs"] == 9

    def test_is_refused_where_the_copy_is_of_another_index(
        self, source: Store, destination: Store, world: FakeWorld
    ) -> None:
        copy(source, destination, world)
        other = make_store(world)
        settings.create(other, IndexSettings((DHASH.name,), id="0" * 16), world)
        with pytest.raises(IndexExists):
            copy(other, destination, world)

    def test_deletes_what_only_forgotten_points_had(self, source: Store, destination: Store, world: FakeWorld) -> None:
        for n in range(12):
            opened(source, world).append(records(put(f"{n}", 10 + n, n)))
            opened(source, world).compact(everything=True)
            copy(source, destination, world)
            world.pass_seconds(24 * HOUR)
        copy(source, destination, world)
        held = points(destination)
        assert len(held) == 8
        notes = [entry.name for entry in destination.list(names.COPIES)]
        assert len(notes) == len(held) + 1
        assert len(objects(destination, names.SEGMENTS)) <= 9
        assert is_whole(destination, world)


class TestPoints:
    def test_each_can_be_restored(self, source: Store, destination: Store, world: FakeWorld) -> None:
        before = []
        for n in range(4):
            opened(source, world).append(records(put(f"new {n}", 10 + n, n), delete(f"many {400 + n}", 10)))
            copy(source, destination, world)
            before.append(images(source, world))
            opened(source, world).compact(everything=True)
        held = points(destination)
        assert [point.images for point in held] == [len(state) for state in before[::-1]]
        for point, state in zip(held, before[::-1], strict=True):
            restored = make_store(world)
            copy(destination, restored, world, point=point.version)
            assert images(restored, world) == state
            assert is_whole(restored, world)

    def test_others_are_named(self, source: Store, destination: Store, world: FakeWorld) -> None:
        copy(source, destination, world)
        with pytest.raises(QueryError, match="holds no point 7 in time; it holds 1"):
            copy(destination, make_store(world), world, point=7)

    def test_an_index_that_is_no_copy_holds_none(self, source: Store) -> None:
        assert points(source) == []


class TestReplacing:
    @pytest.fixture
    def damaged(self, world: FakeWorld) -> MemoryStore:
        """An index to be replaced, of the same version."""
        store = make_store(world)
        settings.create(store, IndexSettings((DHASH.name,), id="d" * 16), world)
        table = opened(store, world)
        table.write(records(put("wrong", 1, 13)))
        table.append(records(put("wrong too", 2, 13)))
        return store

    def test_another_index_is_refused_unless_it_is_to_be_replaced(
        self, source: Store, damaged: Store, world: FakeWorld
    ) -> None:
        before = [entry.name for entry in damaged.list()]
        with pytest.raises(IndexExists, match="--replace"):
            copy(source, damaged, world)
        assert [entry.name for entry in damaged.list()] == before

    def test_a_process_that_has_it_open_goes_on_with_the_copy(
        self, source: Store, damaged: Store, world: FakeWorld
    ) -> None:
        process = opened(damaged, world)
        assert set(read(process)) == {"wrong", "wrong too"}
        copy(source, damaged, world, replacing=True)
        assert read(process) == images(source, world)
        process.append(records(put("new", 9, 9)))
        process.compact(everything=True)
        assert images(damaged, world) == {**images(source, world), "new": 9}
        assert is_whole(damaged, world)

    @pytest.mark.parametrize("format1", [False, True])
    def test_nothing_of_it_is_left(self, source: Store, damaged: MemoryStore, world: FakeWorld, format1: bool) -> None:
        if format1:
            damaged = make_store(world)
            settings.create(damaged, IndexSettings((DHASH.name,)), world)
            opened(damaged, world).write(records(put("wrong", 1, 13)))
        copied = copy(source, damaged, world, replacing=True)
        left = {entry.name for entry in damaged.list() if not entry.name.startswith((f"{copied.id}/", "copies/"))}
        assert {name for name in left if PROBES not in name} == {names.SETTINGS}

    @pytest.mark.scaled
    def test_killed_at_any_moment_it_goes_on(self, source: Store, world: FakeWorld) -> None:
        def begin() -> MemoryStore:
            store = make_store(world)
            settings.create(store, IndexSettings((DHASH.name,), id="d" * 16), world)
            opened(store, world).append(records(put("wrong", 2, 13)))
            return store

        def look(store: Store) -> None:
            found = names.SETTINGS in [entry.name for entry in store.list(names.SETTINGS)]
            assert not found or images(store, world) in ({"wrong": 13}, images(source, world))

        killed_everywhere(begin, lambda way: copy(source, way, world, replacing=True), look)


class TestInterruptions:
    @pytest.mark.scaled
    def test_killed_at_any_moment_no_half_copy_is_an_index_and_the_next_call_goes_on(
        self, source: Store, world: FakeWorld
    ) -> None:
        def look(store: Store) -> None:
            if names.SETTINGS in [entry.name for entry in store.list(names.SETTINGS)]:
                assert images(store, world) == images(source, world)
                assert is_whole(store, world)

        killed_everywhere(lambda: make_store(world), lambda way: copy(source, way, world), look)

    @pytest.mark.scaled
    def test_nor_while_a_copy_is_brought_up_to_date(self, source: Store, world: FakeWorld) -> None:
        first = make_store(world)
        copy(source, first, world)
        old = images(source, world)
        table = opened(source, world)
        table.append(records(put("fox", 6, 6), delete("many 500", 6)))
        table.compact(everything=True)
        table.append(records(put("hen", 7, 7)))

        def begin() -> MemoryStore:
            store = make_store(world)
            store._objects = dict(first._objects)
            return store

        def look(store: Store) -> None:
            assert images(store, world) in (old, images(source, world))
            assert is_whole(store, world)

        killed_everywhere(begin, lambda way: copy(source, way, world), look)

    @pytest.mark.parametrize("has_ended", [True, False])
    def test_a_damaged_note_is_in_nobodys_way(
        self, source: Store, destination: Store, world: FakeWorld, has_ended: bool
    ) -> None:
        if has_ended:
            copy(source, destination, world)
        else:
            with pytest.raises(CrashError):
                copy(source, Dying(destination, 14), world)
        for name in [entry.name for entry in destination.list(names.COPIES) if entry.name.endswith("begun.json")]:
            destination.delete([name])
            destination.create(name, b"cut short")
        if has_ended:
            with pytest.raises(CorruptObject, match="say --replace to copy everything anew"):
                copy(source, destination, world)
        copy(source, destination, world, replacing=has_ended)
        assert images(destination, world) == images(source, world)
        assert is_whole(destination, world)

    def test_what_was_copied_is_not_copied_again(self, source: Store, destination: Store, world: FakeWorld) -> None:
        with pytest.raises(CrashError):
            copy(source, Dying(destination, 14), world)
        made = {entry.name for entry in destination.list() if names.SEGMENTS in entry.name or names.DEAD in entry.name}
        assert made
        assert copy(source, destination, world).there == len(made)
        assert len({entry.name.split("/")[0] for entry in destination.list()}) == 3, (
            "one copy, its notes and index.json"
        )

    @pytest.mark.parametrize("prefix", ["copies/", "{id}/segments/", "{id}/dead/", "{id}/manifest/", "index.json"])
    def test_a_lost_answer_changes_nothing(
        self, source: Store, destination: Store, world: FakeWorld, prefix: str
    ) -> None:
        way = InterleavedStore(destination)
        seen = FakeWorld(seed=5)
        way.after("create", prefix.format(id=f"{FakeWorld(seed=5).random():016x}"), lose_answer)
        copied = copy(source, way, seen)
        assert way.all_happened
        assert (copied.version, images(destination, world)) == (1, images(source, world))

    def test_an_answer_lost_while_reading_is_asked_for_again(
        self, source: Store, destination: Store, world: FakeWorld
    ) -> None:
        way = InterleavedStore(source)
        for n, (verb, prefix) in enumerate(itertools.product(("get", "get_ranges", "list"), ("", f"{ID}/"))):
            way.before(verb, prefix, lose_answer, nth=n + 1)  # type: ignore[arg-type]
        copy(way, destination, world)
        assert images(destination, world) == images(source, world)


class TestBesideOthers:
    @pytest.mark.parametrize("nth", range(1, 4))
    def test_what_is_merged_and_collected_meanwhile_is_copied_as_it_is_then(
        self, source: Store, destination: Store, world: FakeWorld, nth: int
    ) -> None:
        def rewrite() -> None:
            table = opened(source, world)
            table.append(records(put("fox", 6, 6)))
            for n in range(9):
                table.append(records(put("owl", 7 + n, 7)))
                table.compact(everything=True)
            world.pass_seconds(3 * HOUR)
            collect.collect(opened(source, world))
            collect.collect(opened(source, world))

        way = InterleavedStore(source)
        way.before("get_ranges", f"{ID}/{names.SEGMENTS}", rewrite, nth=nth)
        copy(way, destination, world)
        assert way.all_happened
        assert images(destination, world) == images(source, world)
        assert is_whole(destination, world)

    def test_what_is_folded_between_the_listing_and_the_manifest_is_there(
        self, source: Store, destination: Store, world: FakeWorld
    ) -> None:
        def fold() -> None:
            table = opened(source, world)
            table.append(records(put("fox", 6, 6)))
            table.compact()

        way = InterleavedStore(source)
        way.after("list", f"{ID}/{names.LOG}", fold)
        copy(way, destination, world)
        assert way.all_happened
        assert images(destination, world) == images(source, world)

    def test_of_two_at_once_one_is_told_so(self, source: Store, destination: Store, world: FakeWorld) -> None:
        copy(source, destination, world)
        opened(source, world).append(records(put("fox", 6, 6)))
        way = InterleavedStore(destination)
        folder = settings.read(destination).id
        way.before("create", f"{folder}/{names.MANIFEST}", lambda: copy(source, destination, FakeWorld(seed=9)))
        with pytest.raises(Conflict, match="run the same command again"):
            copy(source, way, world)
        assert images(destination, world) == images(source, world)
        assert is_whole(destination, world)

    def test_a_slow_one_does_not_put_an_older_state_over_a_newer(
        self, source: Store, destination: Store, world: FakeWorld
    ) -> None:
        copy(source, destination, world)

        def newer() -> None:
            opened(source, world).append(records(put("fox", 6, 6)))
            copy(source, destination, FakeWorld(seed=9))

        opened(source, world).append(records(put("hen", 6, 7)))
        way = InterleavedStore(source)
        way.after("list", f"{ID}/{names.LOG}", newer)
        with pytest.raises(Conflict):
            copy(way, destination, world)
        assert images(destination, world) == images(source, world)

    def test_what_somebody_writes_to_the_copy_meanwhile_is_not_lost(
        self, source: Store, destination: Store, world: FakeWorld
    ) -> None:
        copy(source, destination, world)
        opened(source, world).append(records(put("fox", 6, 6)))
        opened(source, world).compact(everything=True)

        def meanwhile() -> None:
            opened(destination, world).write(records(put("theirs", 9, 9)))
            for n in range(9):
                opened(source, world).append(records(put("owl", 7 + n, 7)))
                opened(source, world).compact(everything=True)
            world.pass_seconds(3 * HOUR)
            collect.collect(opened(source, world))
            collect.collect(opened(source, world))

        way = InterleavedStore(source)
        way.before("get_ranges", f"{ID}/{names.SEGMENTS}", meanwhile)
        with pytest.raises(Conflict):
            copy(way, destination, world)
        assert way.all_happened
        assert images(destination, world)["theirs"] == 9


class TestDamage:
    @pytest.mark.parametrize(
        ("kind", "harm"),
        [
            *itertools.product([names.SEGMENTS, names.LOG, names.DEAD], ["flipped", "cut"]),
            # a log object that is not listed is none
            *itertools.product([names.SEGMENTS, names.DEAD], ["missing"]),
        ],
    )
    def test_in_the_source_is_named_and_nothing_is_made_of_it(
        self, source: MemoryStore, destination: Store, world: FakeWorld, kind: str, harm: str
    ) -> None:
        *_, name = objects(source, kind)
        body, modified = source._objects[f"{ID}/{name}"]
        middle = len(body) // 2
        if harm == "missing":
            del source._objects[f"{ID}/{name}"]
        else:
            wrong = body[:middle] + (bytes([body[middle] ^ 1]) + body[middle + 1 :] if harm == "flipped" else b"")
            source._objects[f"{ID}/{name}"] = wrong, modified
        with pytest.raises(CorruptObject) as failure:
            copy(source, destination, world)
        assert failure.value.name == name
        with pytest.raises(IndexNotFound):
            settings.read(destination)

    def test_on_the_way_is_read_once_more(self, source: Store, destination: Store, world: FakeWorld) -> None:
        way = Cutting(source, names.SEGMENTS, names.LOG, names.DEAD)
        copy(way, destination, world)
        assert len(way.cut) > 3
        assert images(destination, world) == images(source, world)
        assert is_whole(destination, world)

    def test_what_has_only_the_name_of_an_object_is_replaced(
        self, source: Store, destination: MemoryStore, world: FakeWorld
    ) -> None:
        first = copy(source, destination, world)
        name = next(name for name in objects(source, names.SEGMENTS))
        destination._objects[f"{first.id}/{name}"] = b"cut", 0.0
        opened(source, world).append(records(put("fox", 6, 6)))
        copy(source, destination, world)
        assert is_whole(destination, world)


class TestThumbnails:
    def add(self, store: Store, *numbers: int) -> None:
        data = settings.read(store).data(store)
        for number in numbers:
            data.create(names.thumbnail(bytes([number]) * 32), thumbnails.seal(b"drawn %d" % number))

    def test_are_copied_in_any_number(
        self, source: Store, destination: Store, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfer, "THUMBNAILS_AT_ONCE", 3)
        self.add(source, *range(1, 20, 2))
        copy(source, destination, world)
        self.add(source, *range(0, 20, 2))
        assert copy(source, destination, world).objects == 10
        assert objects(destination, names.THUMBNAILS) == objects(source, names.THUMBNAILS)

    def test_a_damaged_one_is_left_out_and_named(
        self, source: MemoryStore, destination: Store, world: FakeWorld
    ) -> None:
        self.add(source, 1, 2)
        name = names.thumbnail(bytes([1]) * 32)
        source._objects[f"{ID}/{name}"] = b"nonsense", 0.0
        assert copy(source, destination, world).damaged == (name,)
        assert objects(destination, names.THUMBNAILS) == [names.thumbnail(bytes([2]) * 32)]

    def test_those_of_images_that_are_gone_go(self, source: Store, destination: Store, world: FakeWorld) -> None:
        """`put("cat", …, 3)` is of an image whose SHA-256 is 03 03 03 …"""
        self.add(source, 3, 200)
        copy(source, destination, world)
        world.pass_seconds(2 * HOUR)
        source.delete([f"{ID}/{names.thumbnail(bytes([200]) * 32)}"])
        opened(source, world).append(records(put("fox", 6, 6)))
        copy(source, destination, world)
        assert objects(destination, names.THUMBNAILS) == [names.thumbnail(bytes([3]) * 32)]


class TestNotesOfImports:
    CONTENT = "0123456789abcdef" * 2
    BEGUN, DONE = names.imported(CONTENT, is_done=False), names.imported(CONTENT, is_done=True)

    def test_are_copied_and_mean_the_same_there(self, source: Store, destination: Store, world: FakeWorld) -> None:
        first = opened(source, world).import_time(self.CONTENT)
        copy(source, destination, world)
        assert objects(destination, names.IMPORTS) == [self.BEGUN]
        world.pass_seconds(60)
        opened(source, world).mark_imported(self.CONTENT)
        assert copy(source, destination, world).objects == 1, "though no record has changed"
        there = opened(destination, world)
        assert (there.import_time(self.CONTENT), there.was_imported(self.CONTENT)) == (first, True)
        assert is_whole(destination, world)

    def test_an_import_that_ends_meanwhile_is_not_complete_in_the_copy(
        self, source: Store, destination: Store, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        way = CountingStore(source)
        table = opened(source, world)
        table.import_time(self.CONTENT)
        request = way.request

        def late(verb: Verb, name: str, send: Callable[[], Any]) -> Any:
            answer = request(verb, name, send)
            if verb == "get" and names.MANIFEST in name and not table.was_imported(self.CONTENT):
                table.write(records(put("last row", 9, 9)))
                table.mark_imported(self.CONTENT)
            return answer

        monkeypatch.setattr(way, "request", late)
        copy(way, destination, world)
        assert table.was_imported(self.CONTENT)
        assert "last row" not in images(destination, world)
        assert objects(destination, names.IMPORTS) == [self.BEGUN]

    def test_an_older_state_knows_of_no_import_that_is_complete(
        self, source: Store, destination: Store, world: FakeWorld
    ) -> None:
        older = copy(source, destination, world).version
        table = opened(source, world)
        table.import_time(self.CONTENT)
        table.write(records(put("imported", 9, 9)))
        table.mark_imported(self.CONTENT)
        copy(source, destination, world)
        restored = make_store(world)
        copy(destination, restored, world, point=older)
        assert "imported" not in images(restored, world)
        assert objects(restored, names.IMPORTS) == [self.BEGUN]

    def test_a_damaged_one_is_left_out_and_named(
        self, source: MemoryStore, destination: Store, world: FakeWorld
    ) -> None:
        opened(source, world).import_time(self.CONTENT)
        source._objects[f"{ID}/{self.BEGUN}"] = b"nonsense", 0.0
        assert copy(source, destination, world).damaged == (self.BEGUN,)
        assert objects(destination, names.IMPORTS) == []


class TestMemory:
    def test_a_large_segment_goes_in_pieces(
        self, source: Store, destination: Store, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfer, "PIECE", 4096)
        way = Pieces(source)
        copy(way, destination, world)
        assert way.largest <= 4097
        assert images(destination, world) == images(source, world)
        assert is_whole(destination, world)

    def test_a_full_disk_for_temporary_files_is_named(
        self, source: Store, destination: Store, world: FakeWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(transfer, "PIECE", 4096)
        monkeypatch.setattr(laid_out, "SMALLEST_MAP", 4096)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        with pytest.raises(StorageError, match="set TMPDIR to a folder with more"):
            copy(source, destination, world)

    def test_progress_ends_at_what_there_was_to_do(self, source: Store, destination: Store, world: FakeWorld) -> None:
        told: list[tuple[int, int]] = []
        copy(source, destination, world, progress=lambda done, total: told.append((done, total)))
        assert told == sorted(told)
        assert told[-1][0] == told[-1][1] > 10_000


class Dying(DelegatingStore):
    """A way to a store on which the process dies before its n-th request."""

    def __init__(self, inner: Store, after: int) -> None:
        super().__init__(inner)
        self.left = after

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        self.left -= 1
        if self.left < 0:
            raise CrashError
        return super().request(verb, name, send)


class Cutting(DelegatingStore):
    """A way to a store on which each object of these kinds arrives cut short the first time."""

    def __init__(self, inner: Store, *kinds: str) -> None:
        super().__init__(inner)
        self.kinds = kinds
        self.cut: set[str] = set()

    def get(self, name: str, max_bytes: int | None = None) -> memoryview:
        return self._cut(name, super().get(name, max_bytes))

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        return [self._cut(name, body) for body in super().get_ranges(name, ranges)]

    def _cut(self, name: str, body: memoryview) -> memoryview:
        if name in self.cut or not any(kind in name for kind in self.kinds):
            return body
        self.cut.add(name)
        return body[: len(body) // 2]


class Pieces(DelegatingStore):
    """A way to a store that notes the largest range that was asked for."""

    largest = 0

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        self.largest = max(self.largest, *(stop - start for start, stop in ranges))
        return super().get_ranges(name, ranges)


def killed_everywhere(
    begin: Callable[[], MemoryStore], do: Callable[[Store], Copied], look: Callable[[Store], None]
) -> None:
    """Kill a copying before its first request, and its second, and so on; look what is there, and let it go on.

    In the first tier, before some of them only.
    """
    for after in itertools.count(0, 1 if LENGTH > 1 else 11):
        store = begin()
        try:
            do(Dying(store, after))
        except CrashError:
            look(store)
            do(store)
            look(store)
        else:
            assert after > 10
            return
        assert names.SETTINGS in [entry.name for entry in store.list(names.SETTINGS)]
