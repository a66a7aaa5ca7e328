"""Machines whose clocks are wrong by days write to one index, and what they are told is true."""

from __future__ import annotations

import pytest

from lookalike import Index, Record
from shards.families import family
from shards.storage.memory import MemoryStore
from tests.shards.table.synthetic import make_store
from tests.world import FakeWorld

DAY = 24 * 3600.0
DHASH = family("dhash")


@pytest.fixture
def store(world: FakeWorld) -> MemoryStore:
    return make_store(world)


def machine(store: MemoryStore, world: FakeWorld, *, ahead: float = 0.0) -> Index:
    """An open index on a machine whose clock is so many seconds ahead."""

    class Ahead(FakeWorld):
        def now_ns(self) -> int:
            return max(world.now_ns() + int(ahead * 1e9), 1)

        def steady_ns(self) -> int:
            return world.steady_ns()

    return Index.open(store, effects=Ahead(seed=int(abs(ahead)) + 1))


def add(index: Index, key: str, number: int) -> None:
    """Add an image as the library does."""
    rows = {"dhash": DHASH.parse(f"{number:016x}")}
    index.write(index.dated([Record(key, (0, 0), rows=rows)]))


def number(index: Index, key: str) -> int:
    return int(index.get(key).signatures["dhash"], 16)


@pytest.mark.parametrize("ahead", [-50 * 365 * DAY, -DAY, DAY])
@pytest.mark.parametrize("fold", [False, True])
class TestAMachineWhoseClockIsWrong:
    def test_does_not_keep_others_from_removing_what_it_added(
        self, store: MemoryStore, world: FakeWorld, ahead: float, fold: bool
    ) -> None:
        Index.create(store, families=["dhash"], effects=world)
        add(machine(store, world, ahead=ahead), "cat", 1)
        right = machine(store, world)
        if fold:
            right.compact()
        assert right.remove(["cat"]) == ["cat"]
        assert right.has(["cat"]) == set()

    def test_nor_from_replacing_it(self, store: MemoryStore, world: FakeWorld, ahead: float, fold: bool) -> None:
        Index.create(store, families=["dhash"], effects=world)
        wrong, right = machine(store, world, ahead=ahead), machine(store, world)
        add(wrong, "cat", 1)
        if fold:
            right.compact()
        add(right, "cat", 2)
        assert number(wrong, "cat") == 2
        add(wrong, "cat", 3)
        assert number(right, "cat") == 3

    def test_is_believed_when_it_adds_and_removes(
        self, store: MemoryStore, world: FakeWorld, ahead: float, fold: bool
    ) -> None:
        Index.create(store, families=["dhash"], effects=world)
        wrong, right = machine(store, world, ahead=ahead), machine(store, world)
        add(right, "cat", 1)
        assert right.remove(["cat"]) == ["cat"]
        if fold:
            right.compact(everything=True)
        add(wrong, "cat", 2)
        assert number(right, "cat") == 2
        assert wrong.remove(["cat"]) == ["cat"]
        assert right.has(["cat"]) == set()


@pytest.mark.parametrize("fold", [False, True])
class TestAStateOfTheFuture:
    """An older release wrote it by a wrong clock, or it came with an event."""

    @pytest.fixture
    def index(self, store: MemoryStore, world: FakeWorld, fold: bool) -> Index:
        index = Index.create(store, families=["dhash"], effects=world)
        future = world.now_ns() + int(DAY * 1e9)
        rows = {"dhash": DHASH.parse("0" * 16)}
        index.write([Record("cat", (future, 1), rows=rows), Record("dog", (future, 1), deleted=True)])
        if fold:
            index.compact()
        return machine(store, world)

    def test_is_removed_by_a_remove(self, index: Index) -> None:
        assert index.remove(["cat"]) == ["cat"]
        assert index.has(["cat"]) == set()

    def test_is_replaced_by_an_add(self, index: Index) -> None:
        add(index, "cat", 7)
        add(index, "dog", 8)
        assert (number(index, "cat"), number(index, "dog")) == (7, 8)

    def test_and_of_several_adds_at_once_the_last_counts(self, index: Index) -> None:
        rows = [{"dhash": DHASH.parse(f"{n:016x}")} for n in range(4)]
        index.write(index.dated([Record("cat", (0, 0), rows=row) for row in rows]))
        assert number(index, "cat") == 3

    def test_an_order_that_was_taken_earlier_is_kept_for_what_is_not_of_the_future(
        self, index: Index, world: FakeWorld
    ) -> None:
        """A sync removes as of its beginning, so what is added meanwhile outlives it."""
        before = index.next_order()
        add(index, "bird", 1)
        orders = index.orders(["bird", "cat"], at=before)
        assert orders[0] == before
        assert orders[1] > (world.now_ns(), 0)

    def test_is_no_damage_and_is_named_by_verify_until_it_is_mended(self, index: Index, world: FakeWorld) -> None:
        report = index.verify()
        assert report.is_clean
        (problem,) = report.problems
        assert "has records of the future, up to 2027-01-16" in problem.problem
        assert "'cat'" in problem.problem
        assert "'dog'" in problem.problem
        assert "adding or removing the image again" in problem.advice.lower()
        index.remove(["cat"])
        add(index, "dog", 1)
        world.pass_seconds(2 * DAY)
        assert index.verify().problems == ()
