"""What a store is asked before it is written: does it create only if absent, and what time is it there?"""

from __future__ import annotations

import logging

import pytest

from lookalike import Index, StoreUnfit
from shards.errors import Undecided
from shards.storage.base import Data, Store
from shards.storage.delegating import DelegatingStore
from shards.storage.memory import MemoryStore
from shards.storage.probe import PROBES, TWICE, StoreClock, check_conditional_create
from shards.table.format import names
from tests.shards.table.synthetic import make_table, put, records
from tests.world import FakeWorld

SECOND = 10**9
HOUR = 3600 * SECOND


class Overwriting(DelegatingStore):
    """A store that ignores `If-None-Match`: the last one wins, and everybody is told "created"."""

    def create(self, name: str, data: Data) -> bool:
        self.inner.delete([name])
        return self.inner.create(name, data)


class TestConditionalCreate:
    def test_a_store_that_keeps_its_promise_is_asked_twice_the_first_time_and_once_after(self) -> None:
        calls: list[str] = []

        class Counting(DelegatingStore):
            def create(self, name: str, data: Data) -> bool:
                calls.append(name)
                return super().create(name, data)

        store = Counting(MemoryStore())
        check_conditional_create(store, FakeWorld(), "there")
        check_conditional_create(store, FakeWorld(), "there")
        assert calls == [TWICE] * 3

    def test_no_index_is_created_in_a_store_that_overwrites(self) -> None:
        store = Overwriting(MemoryStore("s3://proxied/index"))
        with pytest.raises(StoreUnfit, match=r"s3://proxied/index: the store creates an object again .* If-None-Match"):
            Index.create(store)
        assert not any(entry.name == names.SETTINGS for entry in store.list())

    def test_nothing_is_written_through_a_way_that_overwrites(self) -> None:
        """The index was made without the proxy, and is written through it."""
        inner = MemoryStore()
        make_table(inner, FakeWorld()).append(records(put("a", 1)))
        there = [entry for entry in inner.list() if not entry.name.startswith(PROBES)]
        table = make_table(Overwriting(inner), FakeWorld())
        for write in (table.append, table.write):
            with pytest.raises(StoreUnfit):
                write(records(put("b", 1)))
        with pytest.raises(StoreUnfit):
            table.compact()
        assert [entry for entry in inner.list() if not entry.name.startswith(PROBES)][1:] == there[1:]

    def test_an_answer_that_is_lost_is_no_reason_to_refuse(self) -> None:
        class Forgetful(DelegatingStore):
            forgets = True

            def create(self, name: str, data: Data) -> bool:
                made = super().create(name, data)
                if self.forgets:
                    self.forgets = False
                    raise Undecided("503")
                return made

        check_conditional_create(Forgetful(MemoryStore()), FakeWorld(), "there")


class Clocks:
    """A local clock, a steady one and the store's, each set by hand."""

    def __init__(self, local: int, store: int) -> None:
        self.local, self.steady, self.of_store = local, 0, store
        self.draws = 0

    def now_ns(self) -> int:
        return self.local

    def steady_ns(self) -> int:
        return self.steady

    def random(self) -> int:
        self.draws += 1
        return self.draws

    def sleep(self, seconds: float) -> None:
        self.wait(int(seconds * SECOND))

    def wait(self, ns: int) -> None:
        self.local += ns
        self.steady += ns
        self.of_store += ns

    def make_store(self, granularity: float = 0.0) -> Store:
        def seconds() -> float:
            now = self.of_store / SECOND
            return now // granularity * granularity if granularity else now

        return MemoryStore("memory://there", clock=seconds)


NOW = 1_800_000_000 * SECOND


class TestStoreClock:
    @pytest.mark.parametrize("error", [-20 * 365 * 24 * HOUR, -24 * HOUR, -2 * SECOND, 2 * SECOND, 24 * HOUR])
    def test_a_wrong_clock_is_put_right(self, error: int) -> None:
        clocks = Clocks(NOW + error, NOW)
        clock = StoreClock(clocks.make_store(), clocks, "there")
        assert abs(clock.now_ns() - NOW) <= SECOND
        clocks.wait(600 * SECOND)
        assert abs(clock.now_ns() - NOW - 600 * SECOND) <= SECOND

    @pytest.mark.parametrize("error", [-SECOND // 10, 0, SECOND // 10])
    def test_a_clock_that_may_be_right_is_left_as_it_is(self, error: int) -> None:
        """A bucket tells whole seconds: nothing closer can be said."""
        clocks = Clocks(NOW + SECOND // 2 + error, NOW + SECOND // 2)
        clock = StoreClock(clocks.make_store(granularity=1.0), clocks, "there")
        assert clock.now_ns() == clocks.local

    def test_it_is_asked_again_after_an_hour_and_leaves_nothing_behind(self) -> None:
        clocks = Clocks(NOW, NOW)
        store = clocks.make_store()
        clock = StoreClock(store, clocks, "there")
        clock.now_ns()
        clocks.wait(HOUR - 1)
        clock.now_ns()
        assert clocks.draws == 1
        clocks.wait(2)
        clock.now_ns()
        assert clocks.draws == 2
        assert list(store.list()) == []

    @pytest.mark.parametrize("step", [-5 * HOUR, 5 * HOUR])
    def test_and_at_once_after_a_step_of_the_local_clock(self, step: int) -> None:
        clocks = Clocks(NOW, NOW)
        clock = StoreClock(clocks.make_store(), clocks, "there")
        clock.now_ns()
        clocks.local += step
        assert abs(clock.now_ns() - NOW) <= SECOND

    def test_a_clock_that_is_minutes_off_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        clocks = Clocks(NOW + 26 * HOUR, NOW)
        clock = StoreClock(clocks.make_store(), clocks, "s3://there")
        with caplog.at_level(logging.WARNING, "lookalike"):
            clock.now_ns()
            clocks.wait(2 * HOUR)
            clock.now_ns()
        (message,) = [record.getMessage() for record in caplog.records]
        assert message.startswith(
            "the clock of this machine is 26 hours ahead of the clock of s3://there, which counts"
        )

    def test_four_minutes_are_not(self, caplog: pytest.LogCaptureFixture) -> None:
        clocks = Clocks(NOW - 240 * SECOND, NOW)
        StoreClock(clocks.make_store(), clocks, "there").now_ns()
        assert caplog.records == []

    def test_a_store_whose_listings_lack_what_was_created_is_refused(self) -> None:
        class Late(DelegatingStore):
            def list(self, prefix: str = "", *, after: str = "", limit: int | None = None):  # type: ignore[no-untyped-def]
                return iter(())

        with pytest.raises(StoreUnfit, match="does not list an object that was just created"):
            StoreClock(Late(MemoryStore()), FakeWorld(), "there").now_ns()
