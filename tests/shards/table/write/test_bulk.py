"""Bulk writing: what became of each record of a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shards.errors import IndexReplaced
from shards.storage.base import Data
from shards.table.format import names
from shards.table.format.records import Order, Record
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.merge import TOMBSTONE_NS
from shards.table.write.bulk import Written
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import DHASH, delete, make_store, make_table, many, order, put, read, records
from tests.tiers import scaled
from tests.world import FakeWorld

ADDED, REPLACED, SAME, OUTDATED = Written.ADDED, Written.REPLACED, Written.SAME, Written.OUTDATED
NONE: Order = 0, 0


@pytest.fixture
def store(world: FakeWorld) -> CountingStore:
    return CountingStore(make_store(world))


@pytest.fixture
def table(store: CountingStore, world: FakeWorld) -> CommittingTable:
    return make_table(store, world, shards=2)


def told(written: Written) -> list[tuple[int, Order]]:
    return [
        (state, (time, tie)) for state, (time, tie) in zip(written.state.tolist(), written.before.tolist(), strict=True)
    ]


def write(table: CommittingTable, *those: Record, unless_same: bool = False) -> list[tuple[int, Order]]:
    return told(table.write(records(*those), unless_same=unless_same))


class TestWhatBecameOfARecord:
    def test_a_new_key_is_added(self, table: CommittingTable) -> None:
        assert write(table, put("a", 1), put("b", 1)) == [(ADDED, NONE), (ADDED, NONE)]

    def test_each_record_is_told_in_the_order_in_which_it_was_given(self, table: CommittingTable) -> None:
        write(table, put("old", 1), put("same", 5), put("late", 9))
        assert write(table, put("late", 2), put("new", 2), put("same", 5), put("old", 2)) == [
            (OUTDATED, order(9)),
            (ADDED, NONE),
            (SAME, order(5)),
            (REPLACED, order(1)),
        ]

    def test_what_comes_after_a_delete_is_added(self, table: CommittingTable) -> None:
        write(table, put("a", 1))
        assert write(table, delete("a", 2)) == [(REPLACED, order(1))]
        assert write(table, put("a", 1)) == [(OUTDATED, order(2))]
        assert write(table, put("a", 3)) == [(ADDED, order(2))]

    def test_what_comes_after_a_delete_that_was_forgotten_is_added(
        self, table: CommittingTable, world: FakeWorld
    ) -> None:
        """The tombstone went with a merge, the row that it replaced is still in another segment."""
        write(table, put("a", 1, 7))
        write(table, delete("a", 2))
        world.sleep(2 * TOMBSTONE_NS / 1e9)
        first, second = sorted(table.snapshot().manifest, key=lambda segment: segment.tombstones)
        assert (first.dead_rows, second.tombstones) == (1, 1)
        merged = table.merge([second.name])
        assert merged is not None
        assert table.commit([merged]).placed == (True,)
        assert write(table, put("a", 3, 7), unless_same=True) == [(ADDED, order(1))]
        assert read(table) == {"a": 7}

    def test_a_key_that_comes_twice_in_a_call_counts_once(self, table: CommittingTable) -> None:
        """Whatever was stored before, the earlier record is decided by the later one."""
        write(table, put("a", 1))
        assert write(table, put("a", 4), put("b", 2), put("a", 5), put("a", 4), put("b", 2)) == [
            (OUTDATED, order(5)),
            (SAME, order(2)),
            (REPLACED, order(1)),
            (OUTDATED, order(5)),
            (ADDED, NONE),
        ]

    def test_the_same_call_again_changes_nothing_and_makes_no_manifest(self, table: CommittingTable) -> None:
        those = put("a", 1, 1), put("b", 2, 2)
        write(table, *those)
        before = table.snapshot().manifest.version
        assert write(table, *those) == [(SAME, order(1)), (SAME, order(2))]
        assert table.snapshot().manifest.version == before

    def test_the_log_counts_though_it_is_not_folded(self, table: CommittingTable) -> None:
        table.append(records(put("later", 5, 1), put("earlier", 1, 2), delete("deleted", 1), put("same", 3, 3)))
        assert write(
            table, put("later", 3, 4), put("earlier", 3, 5), put("deleted", 3, 6), put("same", 3, 3), put("new", 3, 8)
        ) == [(OUTDATED, order(5)), (REPLACED, order(1)), (ADDED, order(1)), (SAME, order(3)), (ADDED, NONE)]
        expected = {"later": 1, "earlier": 5, "deleted": 6, "same": 3, "new": 8}
        assert read(table) == expected
        table.compact()
        assert read(table) == expected

    def test_a_log_that_was_folded_counts_as_segments_do(self, table: CommittingTable) -> None:
        table.append(records(put("a", 5, 1)))
        table.commit()
        assert write(table, put("a", 3, 2)) == [(OUTDATED, order(5))]

    def test_the_answer_is_that_of_the_attempt_that_was_committed(
        self, store: CountingStore, table: CommittingTable, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another writer is faster: its record is there when this one starts again."""
        other = make_table(store, world, shards=2)
        create = store.create
        rivals = [put("a", 9, 9)]

        def beaten(name: str, data: Data) -> bool:
            if name.startswith(names.MANIFEST) and rivals:
                assert write(other, rivals.pop()) == [(ADDED, NONE)]
            return create(name, data)

        monkeypatch.setattr(store, "create", beaten)
        assert write(table, put("a", 1, 1), put("b", 1, 2)) == [(OUTDATED, order(9)), (ADDED, NONE)]
        assert read(table) == {"a": 9, "b": 2}

    def test_of_writers_at_once_each_is_told_the_truth(self, store: CountingStore, world: FakeWorld) -> None:
        """Whatever their turns: of each key one record was added, and each later one replaced the latest before it."""
        keys, writers, rounds = "abc", 3, 3  # fewer than 8 commits of others: a late one is not made again
        told_of: dict[str, list[tuple[Order, int, Order]]] = {key: [] for key in keys}

        def work(writer: int) -> None:
            table = make_table(store, world)
            for n in range(rounds):
                # neither writers nor rounds come in the order of their events
                those = [put(key, (7 * n + 3 * writer) % 10, tie=writer + 1) for key in keys]
                for record, (state, before) in zip(those, write(table, *those), strict=True):
                    told_of[record.key].append((record.order, state, before))

        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(work, range(writers)))
        for key, told_ in told_of.items():
            counted = sorted((order, before) for order, state, before in told_ if state in (ADDED, REPLACED))
            assert [before for _, before in counted] == [NONE, *(order for order, _ in counted[:-1])]
            assert [state for _, state, _ in told_].count(ADDED) == 1
            assert all(order < before for order, state, before in told_ if state == OUTDATED)
            assert counted[-1][0] == max(order for order, _, _ in told_), key

    def test_where_nothing_is_to_be_written_the_index_has_to_be_the_one_that_was_opened(
        self, store: CountingStore, table: CommittingTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(table, put("a", 1, 1))
        looks = iter([True, False])

        def look() -> None:
            if next(looks):
                raise IndexReplaced(store.url)

        monkeypatch.setattr(table, "look", look)
        assert write(table, put("a", 1, 1)) == [(SAME, order(1))]
        assert list(looks) == []

    def test_new_keys_cost_the_listing_of_the_log_and_no_other_request(
        self, store: CountingStore, table: CommittingTable
    ) -> None:
        table.write(many([f"old {n}" for n in range(500)], 1))
        store.reset()
        table.write(many([f"new {n}" for n in range(500)], 2))
        asked = [verb for verb, name in store.calls if name.startswith(names.SEGMENTS) and verb.startswith("get")]
        assert len(asked) == 2, "the key hashes of each shard"
        assert [call for call in store.calls if call[1] == names.LOG] == [("list", names.LOG)]


class TestUnlessSame:
    STORED = put("a", 1, 7, meta={"x": 1})

    def test_an_image_as_it_is_stored_is_not_written_and_keeps_its_order(self, table: CommittingTable) -> None:
        write(table, self.STORED, put("b", 1, 2))
        again = replace(self.STORED, order=order(5))
        assert write(table, again, put("b", 5, 3), put("c", 5, 4), unless_same=True) == [
            (SAME, order(1)),
            (REPLACED, order(1)),
            (ADDED, NONE),
        ]
        assert write(table, replace(again, order=order(3))) == [(REPLACED, order(1))], "without the wish it is written"

    @pytest.mark.parametrize(
        "change",
        [
            {"rows": {DHASH.name: put("a", 1, 8).rows[DHASH.name]}},  # type: ignore[index]
            {"meta": {"x": 2}},
            {"meta": None},
            {"source": {"path": "p"}},
            {"width": 8},
            {"height": 8},
            {"sha256": bytes([8]) * 32},
        ],
        ids=str,
    )
    def test_an_image_that_differs_in_anything_is_written(self, table: CommittingTable, change: dict[str, Any]) -> None:
        write(table, self.STORED)
        changed = replace(self.STORED, order=order(5), **change)
        assert write(table, changed, unless_same=True) == [(REPLACED, order(1))]

    def test_a_record_that_does_not_know_the_bytes_of_its_image_is_the_same(self, table: CommittingTable) -> None:
        write(table, self.STORED)
        unknown = replace(self.STORED, order=order(5), sha256=bytes(32))
        assert write(table, unknown, unless_same=True) == [(SAME, order(1))]

    def test_an_image_that_was_deleted_comes_back(self, table: CommittingTable) -> None:
        write(table, self.STORED)
        write(table, delete("a", 2))
        again = replace(self.STORED, order=order(5))
        assert write(table, again, unless_same=True) == [(ADDED, order(2))]
        assert read(table) == {"a": 7}

    def test_a_delete_is_always_written(self, table: CommittingTable) -> None:
        write(table, delete("a", 1))
        assert write(table, delete("a", 2), unless_same=True) == [(ADDED, order(1))]

    def test_an_older_state_that_was_the_same_does_not_count(self, table: CommittingTable) -> None:
        write(table, self.STORED)
        write(table, put("a", 2, 8))
        assert write(table, replace(self.STORED, order=order(5)), unless_same=True) == [(REPLACED, order(2))]
        assert read(table) == {"a": 7}

    def test_what_the_log_knows_of_is_written_whatever_it_is(self, table: CommittingTable) -> None:
        """The next fold may put another state in the place of the one that is the same."""
        write(table, self.STORED)
        table.append(records(put("a", 2, 8)))
        assert write(table, replace(self.STORED, order=order(5)), unless_same=True) == [(REPLACED, order(2))]
        assert read(table) == {"a": 7}
        table.append(records(replace(self.STORED, order=order(7))))
        assert write(table, replace(self.STORED, order=order(8)), unless_same=True) == [(REPLACED, order(7))]


def colliding(stored: Iterable[bytes]) -> NDArray[np.uint64]:
    """Two key hashes for all keys."""
    return np.array([key[0] % 2 for key in stored], np.uint64)


calls = st.lists(
    st.tuples(
        st.sampled_from(["write", "write unless same", "append", "fold", "merge"]),
        st.lists(
            st.tuples(st.sampled_from("abcde"), st.integers(0, 9), st.integers(0, 1), st.booleans()),
            min_size=1,
            max_size=8,
        ),
    ),
    min_size=1,
    max_size=8,
)


@given(calls, st.sampled_from([1, 3]), st.booleans())
@settings(max_examples=scaled(40))
def test_it_is_what_a_dict_would_say(
    made: list[tuple[str, list[tuple[str, int, int, bool]]]], shards: int, collide: bool
) -> None:
    world = FakeWorld()
    table = make_table(make_store(world), world, shards=shards)
    stored: dict[str, Record] = {}
    log: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(names, "key_hashes", colliding)
        for verb, events in made:
            # records of one key and time are the same event if they have the same tie-break
            those = [
                delete(key, time, tie=2) if deleted else put(key, time, number, tie=number)
                for key, time, number, deleted in events
            ]
            if verb == "append":
                table.append(records(*those))
                remember(stored, those)
                log |= {record.key for record in those}
            elif verb == "fold":
                table.commit()
                log.clear()
            elif verb == "merge":
                table.compact(everything=True)
                log.clear()
            else:
                unless_same = verb == "write unless same"
                written = write(table, *those, unless_same=unless_same)
                assert written == expected(those, stored, log if unless_same else None)
                left_out = [
                    state == SAME and before != r.order for r, (state, before) in zip(those, written, strict=True)
                ]
                remember(stored, [r for r, is_out in zip(those, left_out, strict=True) if not is_out])
            assert read(table) == {key: record.width for key, record in stored.items() if not record.deleted}


def remember(stored: dict[str, Record], those: Iterable[Record]) -> None:
    for record in those:
        known = stored.get(record.key)
        if known is None or record.order > known.order:
            stored[record.key] = record


def expected(those: Sequence[Record], stored: Mapping[str, Record], log: Set[str] | None) -> list[tuple[int, Order]]:
    """What becomes of these records, of which those that are the same are left out unless `log` has their key."""
    last = {record.key: n for n, record in sorted(enumerate(those), key=lambda item: (item[1].order, item[0]))}
    return [
        expected_of(record, stored.get(record.key), None if log is None else record.key in log)
        if last[record.key] == n
        else compared(record, those[last[record.key]])
        for n, record in enumerate(those)
    ]


def compared(record: Record, decisive: Record) -> tuple[int, Order]:
    return SAME if record.order == decisive.order else OUTDATED, decisive.order


def expected_of(record: Record, known: Record | None, in_log: bool | None) -> tuple[int, Order]:
    if known is None:
        return ADDED, NONE
    if record.order <= known.order:
        return compared(record, known)
    if known.deleted:
        return ADDED, known.order
    is_same = not record.deleted and record.width == known.width
    return SAME if is_same and in_log is False else REPLACED, known.order
