"""What verifying asks of its store: each byte once, in pieces; and again where the store could not say."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pytest

from shards.errors import StorageError, Undecided
from shards.storage.delegating import DelegatingStore, Verb
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.maintain import segment_check
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.verify import Report, verify
from tests.shards.table.synthetic import make_store, make_table, many, put, records
from tests.world import FakeWorld

Result = TypeVar("Result")


class Moody(DelegatingStore):
    """A store that is asked for ranges and whole objects, and refuses some of them for a while, or for good."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__(inner)
        self.failures = 0
        self.failing = names.SEGMENTS
        self.error: Callable[[str], StorageError] = Undecided
        self.asked: Counter[str] = Counter()
        self.pieces: list[tuple[str, int, int]] = []

    @property
    def mapped(self) -> bool:
        return False

    def request(self, verb: Verb, name: str, send: Callable[[], Result]) -> Result:
        self.asked[name] += 1
        if name.startswith(self.failing) and verb != "list" and self.failures:
            self.failures -= 1
            raise self.error(f"{name}: cannot read: 503 SlowDown")
        return super().request(verb, name, send)

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        self.pieces += [(name, start, stop) for start, stop in ranges]
        return super().get_ranges(name, ranges)


@pytest.fixture
def table(world: FakeWorld) -> CommittingTable:
    table = make_table(make_store(world), world, shards=2)
    table.write(many([str(n) for n in range(3000)], 1))
    table.write(many([str(n) for n in range(1500)], 2, first=5000))
    table.append(records(put("tail", 1)))
    return table


def report_of(store: Moody, table: CommittingTable, world: FakeWorld) -> Report:
    return verify(CommittingTable(store, table.settings, effects=world))


def test_each_byte_of_a_segment_is_read_once_in_pieces(
    table: CommittingTable, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_check, "PIECE", segment_check.CHECK_BLOCK)
    store = Moody(table.store)  # type: ignore[arg-type]
    assert report_of(store, table, world).problems == ()
    segments = list(store.list(names.SEGMENTS))
    for entry in segments:
        read = [(start, stop) for name, start, stop in store.pieces if name == entry.name]
        assert max(stop - start for start, stop in read) <= segment_check.CHECK_BLOCK
        assert [start for start, _ in read] == [0, *(stop for _, stop in read[:-1])], "no gap, and nothing twice"
        assert read[-1][1] == entry.size + 1, "and that it ends there"
    assert (
        max(store.asked[name] for name in store.asked if not name.startswith(names.SEGMENTS) and "/" in name[:-1]) == 1
    )


@pytest.mark.parametrize("kind", [names.SEGMENTS, names.LOG, names.DEAD, names.MANIFEST])
def test_a_store_that_is_slow_for_a_moment_is_asked_again(table: CommittingTable, world: FakeWorld, kind: str) -> None:
    store = Moody(table.store)  # type: ignore[arg-type]
    store.failing, store.failures = kind, 3
    report = report_of(store, table, world)
    assert report.problems == ()
    assert report.is_clean


@pytest.mark.parametrize("kind", [names.SEGMENTS, names.LOG, names.DEAD, names.MANIFEST])
@pytest.mark.parametrize("error", [Undecided, StorageError])
def test_what_could_not_be_read_is_not_called_damaged(
    table: CommittingTable, world: FakeWorld, kind: str, error: Callable[[str], StorageError]
) -> None:
    world.pass_seconds(90_000)
    store = Moody(table.store)  # type: ignore[arg-type]
    store.failing, store.failures, store.error = kind, 10_000, error
    report = report_of(store, table, world)
    assert not report.is_clean
    assert not report.is_damaged
    assert {problem.name for problem in report.problems} == {entry.name for entry in store.list(kind)}
    assert all(problem.is_unread and "could not be read" in problem.problem for problem in report.problems)


def test_damage_beside_what_could_not_be_read_is_damage(table: CommittingTable, world: FakeWorld) -> None:
    (tail,) = [entry.name for entry in table.store.list(names.LOG)]
    table.store.delete([tail])
    table.store.create(tail, b"something else")
    store = Moody(table.store)  # type: ignore[arg-type]
    store.failures = 10_000
    assert report_of(store, table, world).is_damaged


def test_memory_does_not_grow_with_the_texts_of_a_segment(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_check, "PIECE", 4 * segment_check.CHECK_BLOCK)
    store = make_store(world)
    table = make_table(store, world)
    table.write(records(*(put(f"{n:04}", 1, meta={"text": f"{n}" * 2_000}) for n in range(500))))
    size = max(entry.size for entry in store.list(names.SEGMENTS))
    tracemalloc.start()
    try:
        assert verify(CommittingTable(Moody(store), table.settings, effects=world)).is_clean
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.log2(size) > 20
    assert peak < size / 2
