"""A table: appends, snapshots, commits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from shards.errors import CorruptObject, ObjectNotFound, QueryError
from shards.families import family
from shards.storage.effects import World
from shards.table.format import names, whole
from shards.table.format.manifest import INLINE_DEAD
from shards.table.format.records import Records
from shards.table.read.snapshot import Snapshot
from shards.table.table import RESTARTS, Table
from tests.patience import PATIENCE
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import DHASH, delete, make_store, make_table, many, put, read, records
from tests.world import FakeWorld


@pytest.fixture
def store(world: FakeWorld) -> CountingStore:
    return CountingStore(make_store(world))


@pytest.fixture
def table(store: CountingStore, world: FakeWorld) -> Table:
    return make_table(store, world)


class CountedLock:
    """A lock that knows how many threads have come to it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._came: set[int] = set()
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._came.add(threading.get_ident())
            self._changed.notify_all()
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def wait_for(self, threads: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._came) >= threads, timeout=PATIENCE)


class TestOrder:
    def test_orders_rise_even_where_the_clock_stands_still_or_goes_back(self) -> None:
        class Stubborn(FakeWorld):
            def now_ns(self) -> int:
                return 5

        world = Stubborn()
        table = make_table(make_store(world), world)
        times = [table.next_order()[0] for _ in range(4)]
        assert times == [5, 6, 7, 8]

    def test_two_processes_are_told_apart_by_random_bits(self, store: CountingStore) -> None:
        a, b = (make_table(store, FakeWorld(seed)).next_order() for seed in (1, 2))
        assert a[1] != b[1]

    def test_the_real_world_has_a_clock_and_64_random_bits(self) -> None:
        world = World()
        before = world.now_ns()
        world.sleep(0)
        assert 0 <= before <= world.now_ns()
        assert max(world.random() for _ in range(64)) >= 2**60


class TestAppending:
    def test_it_costs_a_request_and_a_look_whether_this_is_the_same_index(
        self, store: CountingStore, table: Table
    ) -> None:
        table.append(records(put("first", 1)))
        store.reset()
        name = table.append(records(put("a", 1), put("b", 2.5)))
        assert store.calls == [("create", name), ("get", names.SETTINGS)]
        assert name.startswith("log/1800000002500-"), "the newest order, in ms"

    def test_the_same_records_again_are_the_same_object(self, store: CountingStore, table: Table) -> None:
        assert table.append(records(put("a", 1))) == table.append(records(put("a", 1)))
        assert len(list(store.list(names.LOG))) == 1

    def test_no_records_are_refused(self, table: Table) -> None:
        for write in (table.append, table.write):
            with pytest.raises(QueryError, match="there are no records to add"):
                write(Records.none([DHASH]))

    def test_other_families_are_refused(self, table: Table) -> None:
        haar = family("haar")
        made = Records.build(keys=["a"], order=np.zeros((1, 2), np.uint64), rows={"haar": np.zeros(1, haar.dtype)})
        for write in (table.append, table.write):
            with pytest.raises(QueryError, match=r"signatures of \['haar'\], the index has \['dhash'\]"):
                write(made)


class TestRequests:
    """The requests that a snapshot costs."""

    def test_a_new_index_costs_two_listings_and_a_look_whether_it_is_the_same(
        self, store: CountingStore, table: Table
    ) -> None:
        store.reset()
        table.snapshot()
        assert store.calls == [("list", names.LOG), ("list", names.MANIFEST), ("get", names.SETTINGS)]

    def test_a_cold_one_costs_a_get_for_the_manifest_and_for_each_log_object(
        self, store: CountingStore, table: Table, world: FakeWorld
    ) -> None:
        table.write(records(put("a", 1)))
        log = [table.append(records(put(f"b{n}", n))) for n in range(3)]
        cold = make_table(store, world)
        store.reset()
        cold.snapshot()
        assert store.calls[:4] == [
            ("list", names.LOG),
            ("list", names.MANIFEST),
            ("get", names.manifest(1)),
            ("get", names.SETTINGS),
        ]
        assert sorted(store.calls[4:]) == [("get", name) for name in sorted(log)]

    def test_a_warm_one_costs_two_listings_until_something_changes(self, store: CountingStore, table: Table) -> None:
        table.write(records(put("a", 1)))
        table.append(records(put("b", 1)))
        before = table.snapshot()
        store.reset()
        assert table.snapshot() is before
        assert store.calls == [("list", names.LOG), ("list", names.MANIFEST)]
        new = table.append(records(put("c", 1)))
        store.reset()
        table.snapshot()
        assert [call for call in store.calls if call[0] == "get"] == [("get", new)]

    def test_many_dead_rows_cost_one_more_get_once(self, store: CountingStore, table: Table, world: FakeWorld) -> None:
        keys = [str(n) for n in range(2 * INLINE_DEAD)]
        table.write(many(keys, 1))
        table.write(many(keys[: INLINE_DEAD + 1], 2, first=2000))
        cold = make_table(store, world)
        store.reset()
        cold.snapshot()
        assert [name[: len(names.DEAD)] for verb, name in store.calls if verb == "get"].count(names.DEAD) == 1
        table.write(records(put("another", 1)))
        store.reset()
        cold.snapshot()
        assert [name for verb, name in store.calls if verb == "get"] == [names.manifest(3), names.SETTINGS]


class TestStaleness:
    def test_by_default_every_write_is_seen(self, store: CountingStore, table: Table, world: FakeWorld) -> None:
        reader = make_table(store, world)
        for n in range(3):
            table.append(records(put("a", n, n)))
            assert read(reader) == {"a": n}

    def test_a_warm_reader_asks_nothing_until_its_snapshot_is_too_old(
        self, store: CountingStore, table: Table, world: FakeWorld
    ) -> None:
        reader = make_table(store, world, max_staleness=60)
        table.append(records(put("a", 1, 1)))
        assert read(reader) == {"a": 1}
        table.append(records(put("a", 2, 2)))
        store.reset()
        world.pass_seconds(59)
        assert read(reader) == {"a": 1}
        assert store.requests == 0
        world.pass_seconds(2)
        assert read(reader) == {"a": 2}

    def test_what_it_wrote_itself_it_sees_at_once(self, store: CountingStore, world: FakeWorld) -> None:
        both = make_table(store, world, max_staleness=60)
        assert read(both) == {}
        both.append(records(put("a", 1, 1)))
        assert read(both) == {"a": 1}
        both.write(records(put("b", 2, 2)))
        assert read(both) == {"a": 1, "b": 2}

    def test_queries_that_wait_for_each_other_share_a_snapshot_begun_after_they_came(
        self, table: Table, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ten queries come while one takes its snapshot: one more is taken for all of them, and it is new enough."""
        table.append(records(put("a", 1, 1)))
        lock = CountedLock()
        monkeypatch.setattr(table, "_lock", lock)
        take = Table._take_snapshot
        takes: list[Snapshot] = []
        late: list[Future[dict[str, int]]] = []
        with ThreadPoolExecutor(10) as pool:

            def slow(self: Table) -> Snapshot:
                taken = take(self)
                if not takes:
                    make_table(table.store, world).append(records(put("a", 2, 2)))
                    late.extend(pool.submit(read, table) for _ in range(10))
                    lock.wait_for(11)
                takes.append(taken)
                return taken

            monkeypatch.setattr(Table, "_take_snapshot", slow)
            assert read(table) == {"a": 1}
            assert [one.result() for one in late] == [{"a": 2}] * 10
        assert len(takes) == 2

    def test_a_clock_that_goes_back_does_not_freeze_it(
        self, store: CountingStore, table: Table, world: FakeWorld
    ) -> None:
        reader = make_table(store, world, max_staleness=60)
        assert read(reader) == {}
        table.append(records(put("a", 1, 1)))
        world.pass_seconds(-3600)
        assert read(reader) == {"a": 1}

    def test_what_is_collected_under_it_makes_it_look_again(self, store: CountingStore, world: FakeWorld) -> None:
        reader = make_table(store, world, max_staleness=10**6)
        writer = make_table(store, world)
        writer.write(records(put("a", 1, 1)))
        (old,) = reader.snapshot().manifest
        writer.write(records(put("b", 2, 2)))
        writer.compact(everything=True)
        store.delete([old.name])
        assert read(reader) == {"a": 1, "b": 2}


class TestReading:
    def test_a_question_is_asked_again_of_a_new_snapshot(self, table: Table) -> None:
        asked: list[Snapshot] = []

        def question(snapshot: Snapshot) -> str:
            asked.append(snapshot)
            if len(asked) < 3:
                raise ObjectNotFound("segments/gone", "memory://")
            return "answer"

        assert table.read(question) == "answer"
        assert len({id(snapshot) for snapshot in asked}) == 3

    def test_what_stays_missing_is_corrupt(self, table: Table) -> None:
        asked = []

        def question(snapshot: Snapshot) -> None:
            asked.append(snapshot)
            raise ObjectNotFound("segments/gone", "memory://")

        with pytest.raises(CorruptObject, match="segments/gone: is needed by the newest manifest or the log"):
            table.read(question)
        assert len(asked) == RESTARTS

    def test_a_long_answer_goes_on_where_it_was_in_a_new_snapshot(self, table: Table) -> None:
        asked: list[tuple[int, int | None]] = []

        def count_up(snapshot: Snapshot, after: int | None) -> Iterator[int]:
            asked.append((id(snapshot), after))
            for n in range(0 if after is None else after + 1, 5):
                if n == 3 and len(asked) < 3:
                    raise ObjectNotFound("segments/gone", "memory://")
                yield n

        assert list(table.stream(count_up, None, lambda n: n)) == [0, 1, 2, 3, 4]
        assert [after for _, after in asked] == [None, 2, 2]

    def test_a_long_answer_that_cannot_go_on_ends_in_an_error(self, table: Table) -> None:
        def stuck(snapshot: Snapshot, after: int | None) -> Iterator[int]:
            if after is None:
                yield 0
            raise ObjectNotFound("segments/gone", "memory://")

        with pytest.raises(CorruptObject, match="segments/gone: is needed by the newest manifest or the log"):
            list(table.stream(stuck, None, lambda n: n))

    def test_a_changed_log_object_is_named(self, store: CountingStore, table: Table) -> None:
        name = table.append(records(put("a", 1)))
        body = bytearray(store.get(name))
        body[-1] ^= 1
        store.delete([name])
        store.create(name, bytes(body))
        with pytest.raises(CorruptObject, match=name):
            table.snapshot()


class TestPressure:
    def test_it_is_what_waits_for_a_fold(self, table: Table, store: CountingStore) -> None:
        assert table.pressure() == (0, 0)
        names_of = [table.append(records(put(f"key {n}", n), delete("x", n))) for n in range(3)]
        assert table.pressure() == (3, sum(store.size(name) for name in names_of))
        table.compact()
        assert table.pressure() == (0, 0)


def test_more_than_a_log_object_may_have_is_refused(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table(make_store(world), world)
    monkeypatch.setitem(whole.MAX_BYTES, names.LOG, 10_000)
    with pytest.raises(QueryError, match=r"1,000 records have .* bytes, and one call takes 10,000: write"):
        table.append(many([str(n) for n in range(1000)], 1))
    table.write(many([str(n) for n in range(1000)], 1))
    assert len(read(table)) == 1000
