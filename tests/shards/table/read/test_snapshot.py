"""Snapshots: what a query sees."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.errors import KeyInvalid
from shards.table.format import names
from shards.table.read.reader import TailReader
from shards.table.read.snapshot import Image, Source
from shards.table.table import Table
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import delete, make_store, make_table, many, order, put, records, shown
from tests.world import FakeWorld


@pytest.fixture
def table() -> Table:
    world = FakeWorld()
    return make_table(make_store(world), world, shards=2)


def source(n: int, dead: Iterable[int] = ()) -> Source:
    """A source of n records, numbered by key hash."""
    return Source(TailReader(many([str(i) for i in range(n)], 1).latest()), np.array(sorted(dead), np.uint32))


class TestSource:
    @given(st.sets(st.integers(0, 19)), st.integers(0, 25), st.integers(0, 25))
    def test_live_rows_are_all_but_the_dead(self, dead: set[int], a: int, b: int) -> None:
        one = source(20, dead)
        start, stop = min(a, b, 20), max(a, b)
        assert one.live == 20 - len(dead)
        assert one.live_rows().tolist() == [row for row in range(20) if row not in dead]
        assert one.live_rows(start, stop).tolist() == [row for row in range(start, min(stop, 20)) if row not in dead]

    def test_it_says_what_is_known_of_its_rows_in_the_order_asked_for(self) -> None:
        made = records(put("ü", 5, 300, meta={"a": [1]}), put("b", 6, 7)).latest()
        at = {made.key(row): row for row in range(2)}
        b, ue = Source(TailReader(made), np.zeros(0, np.uint32)).images(np.array([at["b"], at["ü"]]))
        assert b == Image("b", 7, 7, "07" * 32, order(6)[0], {}, {})
        assert ue == Image("ü", 300, 7, "2c" * 32, order(5)[0], {"a": [1]}, {})

    @pytest.mark.parametrize("known", [False, True])
    def test_describing_rows_of_a_segment_takes_two_requests(self, known: bool) -> None:
        world = FakeWorld()
        store = CountingStore(make_store(world))
        make_table(store, world).write(many([f"{n}.jpg" for n in range(40_000)], 1))
        (one,) = make_table(store, world).snapshot().sources
        rows = np.array([30_000, 5, 6, 39_999])
        keys = one.reader.texts("key", rows)
        store.reset()
        images = one.images(rows, keys if known else None)
        assert store.calls == [("get_ranges", one.name)] * 2
        assert store.bytes_read < 600_000
        assert [image.key.encode() for image in images] == keys
        assert [image.meta for image in images] == [{"key": image.key} for image in images]


class TestSnapshot:
    def test_an_empty_index_has_no_sources(self, table: Table) -> None:
        snapshot = table.snapshot()
        assert (snapshot.sources, snapshot.live, snapshot.log) == ((), 0, frozenset())

    def test_segments_come_before_the_tail_and_empty_sources_are_left_out(self, table: Table) -> None:
        table.write(records(*(put(key, 1) for key in "abcdefgh")))
        name = table.append(records(put("i", 1), delete("j", 1)))
        snapshot = table.snapshot()
        assert [source.live for source in snapshot.sources][-1] == 1
        assert isinstance(snapshot.sources[-1].reader, TailReader)
        assert snapshot.log == {name}
        assert snapshot.live == 9
        table.append(records(*(delete(key, 2) for key in "abcdefghi")))
        assert table.snapshot().sources == ()

    def test_the_tail_overwrites_and_deletes_what_is_in_the_segments(self, table: Table) -> None:
        table.write(records(put("a", 1, 1), put("b", 1, 2), put("c", 3, 3)))
        table.append(records(put("a", 2, 4), delete("b", 2), delete("c", 2)))
        assert shown(table.snapshot()) == {"a": 4, "c": 3}

    def test_a_snapshot_stays_what_it_is(self, table: Table) -> None:
        table.append(records(put("a", 1, 1)))
        before = table.snapshot()
        table.append(records(delete("a", 2), put("b", 2, 2)))
        table.compact()
        assert shown(before) == {"a": 1}
        assert shown(table.snapshot()) == {"b": 2}

    def test_it_locates_a_key_wherever_it_lives(self, table: Table) -> None:
        table.write(records(put("a", 1, 1), put("b", 1, 2)))
        table.append(records(put("c", 1, 3), delete("b", 2)))
        snapshot = table.snapshot()
        for key in "ac":
            found = snapshot.locate(key)
            assert found is not None
            one, row = found
            assert one.images(np.array([row]))[0].key == key
        assert snapshot.locate("b") is None
        assert snapshot.locate("d") is None
        with pytest.raises(KeyInvalid):
            snapshot.locate("")

    @given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 3), st.booleans()), max_size=12))
    def test_all_keys_at_once_are_located_where_each_is(self, events: list[tuple[str, int, bool]]) -> None:
        world = FakeWorld()
        table = make_table(make_store(world), world, shards=2)
        for n, (key, time, is_put) in enumerate(events):
            made = records(put(key, time, n + 1) if is_put else delete(key, time))
            (table.write if n % 2 else table.append)(made)
        snapshot = table.snapshot()
        there = {key: found for key in "abcdefg" if (found := snapshot.locate(key)) is not None}
        assert snapshot.locate_all("gfedcbaab") == there
        assert set(there) == set(shown(snapshot))

    def test_keys_whose_hashes_collide_are_told_apart(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        def collide(stored: Iterable[bytes]) -> NDArray[np.uint64]:
            return np.full(len(list(stored)), 7, np.uint64)

        monkeypatch.setattr(names, "key_hashes", collide)
        table.write(records(put("a", 1, 1), put("b", 1, 2), put("c", 1, 3)))
        table.append(records(put("b", 2, 4), put("d", 1, 5), delete("c", 2)))
        assert shown(table.snapshot()) == {"a": 1, "b": 4, "d": 5}
        table.compact(everything=True)
        snapshot = table.snapshot()
        assert shown(snapshot) == {"a": 1, "b": 4, "d": 5}
        for key, number in shown(snapshot).items():
            found = snapshot.locate(key)
            assert found is not None
            assert found[0].images(np.array([found[1]]))[0].width == number
        assert snapshot.locate("c") is None
