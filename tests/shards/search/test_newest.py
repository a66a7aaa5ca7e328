"""A search over a tail finds what it would find after the fold, and looks up hardly any key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Index, Key, Record, Signature
from shards.families import Row, family
from shards.search.executors.fan_out import FanOut
from shards.search.executors.local import LocalExecutor
from shards.search.executors.worker import Worker
from shards.storage.memory import MemoryStore
from shards.table.format.records import Records
from shards.testing.samples import scene
from tests.shards.search.fanned import FAMILIES, ask, split, together
from tests.shards.search.task_runner import FakeTaskRunner
from tests.shards.table.counting import CountingStore
from tests.shards.table.synthetic import make_table, many, order
from tests.tiers import scaled
from tests.world import FakeWorld

SHOWN = 4
"""Number of different pictures: each image is equally like many others."""


@cache
def row(name: str, shown: int) -> Row:
    return family(name).compute(scene(shown))


@dataclass(frozen=True)
class Event:
    """An event of one key: a picture was put, with some metadata; or, where none is `shown`, the key was deleted."""

    key: int
    seconds: int
    shown: int | None
    mark: int

    def record(self, number: int) -> Record:
        """Return the record of this event. `number`: its tie-break, so that no two events are the same."""
        rows = None if self.shown is None else {name: row(name, self.shown) for name in FAMILIES}
        meta = {"mark": self.mark}
        return Record(f"{self.key}.jpg", order(self.seconds, number), rows is None, meta=meta, rows=rows)


@dataclass
class History:
    """An index in a store, and the newest record of each key, which it should show."""

    store: MemoryStore = field(default_factory=MemoryStore)
    newest: dict[str, Record] = field(default_factory=dict)
    events: int = 0

    def near(self) -> Index:
        return Index.open(self.store, effects=FakeWorld())

    def far(self, **options: Any) -> Index:
        return Index.open(CountingStore(self.store), effects=FakeWorld(), **options)

    def write(self, events: Sequence[Event]) -> None:
        made = [event.record(self.events + n) for n, event in enumerate(events)]
        self.events += len(made)
        for record in made:
            before = self.newest.get(record.key)
            if before is None or record.order > before.order:
                self.newest[record.key] = record
        self.near().write(made)

    def plainly(
        self, name: str, shown: int, limit: int, threshold: float | None, mark: int | None
    ) -> list[tuple[str, float]]:
        """Return the best by the plain formula, over the picture that every key shows now."""
        best = []
        for record in self.newest.values():
            if record.rows is None or mark not in (None, (record.meta or {})["mark"]):
                continue
            kind = family(name)
            asked = kind.asked(np.array([row(name, shown)], kind.dtype))
            score = float(kind.score_asked(asked, np.array([record.rows[name]], kind.dtype))[0])
            if threshold is None or score >= threshold:
                best.append((record.key, score))
        return sorted(best, key=lambda hit: (-hit[1], hit[0].encode()))[:limit]


events = st.builds(
    Event,
    key=st.integers(0, 14),
    seconds=st.integers(0, 8),
    shown=st.none() | st.integers(0, SHOWN - 1),
    mark=st.integers(0, 1),
)
batches = st.lists(st.lists(events, min_size=1, max_size=10), max_size=5)
"""Batches of events, written one after the other, whatever the order in which they happened."""


@settings(max_examples=scaled(25))
@given(
    folded=batches,
    tail=batches,
    shards=st.sampled_from([1, 3]),
    name=st.sampled_from(FAMILIES),
    asked=st.lists(st.integers(0, SHOWN - 1), min_size=1, max_size=3),
    limit=st.sampled_from([1, 2, 3, 40]),
    threshold=st.sampled_from([None, 40.0, 100.0]),
    mark=st.sampled_from([None, 0, 1]),
    seed=st.integers(0, 100),
)
def test_a_tail_is_seen_as_if_it_were_folded(
    folded: list[list[Event]],
    tail: list[list[Event]],
    shards: int,
    name: str,
    asked: list[int],
    limit: int,
    threshold: float | None,
    mark: int | None,
    seed: int,
) -> None:
    history = History()
    Index.create(history.store, families=FAMILIES, shards=shards, segment_rows=8, thumbnails=0)
    for batch in folded:
        history.write(batch)
        history.near().compact()
    for batch in tail:
        history.write(batch)
    questions = [Signature(family(name).format(row(name, shown))) for shown in asked]
    options: dict[str, Any] = {"family": name, "limit": limit, "min_score": threshold}
    options |= {"where": {} if mark is None else {"mark": mark}}
    worker = ask(Worker(CountingStore(history.store), memory=0))
    expected = [history.plainly(name, shown, limit, threshold, mark) for shown in asked]

    for index in (
        history.near(),
        history.far(),
        history.far(memory=0, executor=FanOut(worker, tasks=FakeTaskRunner(), planner=split(seed))),
        history.far(memory=0, executor=FanOut(worker, tasks=FakeTaskRunner(), planner=together)),
    ):
        answers = index.search_many(questions, **options)
        assert [[(hit.key, hit.score) for hit in answer.hits] for answer in answers] == expected
        index.count()
        assert index.search_many(questions, **options) == answers, "once all is looked up, too"
    assert index.count() == sum(not record.deleted for record in history.newest.values())
    for key, record in history.newest.items():
        assert index.has([key]) == (set() if record.deleted else {key})


class Scans(LocalExecutor):
    """An executor that scans here, and notes how many sources each time."""

    def __init__(self) -> None:
        self.sources: list[int] = []

    def scan(self, sources: Any, *args: Any, **options: Any) -> Any:
        self.sources.append(len(sources))
        return super().scan(sources, *args, **options)


FAR = 0xFFFF0000
"""A hash unlike those of the segments."""

ROWS = 21_000
"""Rows of three segments, written in the 5th, 6th and 7th second; each image has its own hash, below FAR."""


@pytest.fixture(scope="module")
def folded() -> MemoryStore:
    store = MemoryStore()
    table = make_table(store, FakeWorld())
    for part in range(3):
        table.write(many([f"{n}.jpg" for n in range(part, ROWS, 3)], 5 + part, first=part * 7_000))
    return store


def with_tail(folded: MemoryStore, *tail: Records) -> CountingStore:
    store = MemoryStore()
    for entry in folded.list():
        store.create(entry.name, folded.get(entry.name))
    table = make_table(store, FakeWorld())
    for records in tail:
        table.append(records)
    return CountingStore(store)


def asked(store: CountingStore, hashed: int, limit: int = 2, **options: Any) -> list[str]:
    """Return the keys that a reader with nothing in memory finds."""
    store.reset()
    index = Index.open(store, effects=FakeWorld(), **options)
    return [hit.key for hit in index.search(Signature(f"{hashed:016x}"), limit=limit, max_distance=3).hits]


def reads(store: CountingStore) -> list[str]:
    """Return the names of the segments that were read, one for each request."""
    return sorted(name for verb, name in store.calls if verb == "get_ranges")


def test_a_hundred_new_records_cost_no_look_up_at_all(folded: MemoryStore) -> None:
    without = with_tail(folded)
    store = with_tail(folded, *(many([f"new {n}-{m}" for m in range(50)], 9, first=FAR) for n in range(2)))
    assert asked(store, 7) == asked(without, 7)
    assert reads(store) == reads(without)
    assert len(asked(store, FAR + 5, limit=1)) == 1, "and they are found"


def test_neither_do_a_hundred_that_overwrite_unless_they_are_found(folded: MemoryStore) -> None:
    without = with_tail(folded)
    overwriting = many([f"{n}.jpg" for n in range(6_000, 6_300, 3)], 9, first=FAR)
    store = with_tail(folded, overwriting)
    assert asked(store, 7) == asked(without, 7)
    assert reads(store) == reads(without)


def test_a_source_that_lost_a_hit_is_scanned_again_where_its_next_may_be_one(folded: MemoryStore) -> None:
    scans = Scans()
    gone, following = asked(with_tail(folded), 7)
    store = with_tail(folded, many([gone], 9, deleted=True))
    assert asked(store, 7, limit=1, executor=scans) == [following]
    assert scans.sources == [3, 1]


def test_but_not_where_others_are_better(folded: MemoryStore) -> None:
    scans = Scans()
    gone, _ = asked(with_tail(folded), 7)
    store = with_tail(folded, many([gone], 9, deleted=True), many(["a"], 9, first=7), many(["b"], 9, first=7))
    assert asked(store, 7, executor=scans) == ["a", "b"]
    assert scans.sources == [4]


def test_a_late_record_is_looked_up_where_it_may_lose_and_only_when_it_is_found(folded: MemoryStore) -> None:
    late = many(["0.jpg", "1.jpg"], 5.5, first=FAR)
    store = with_tail(folded, late)
    asked(store, 7)
    before = reads(store)
    assert before == reads_of(folded, 7)
    assert asked(store, FAR, limit=9) == ["0.jpg"], "1.jpg was added half a second after its late record"
    segments = {segment.latest: segment.name for segment in Index.open(folded)._table.snapshot().manifest}
    looked_in = {name for verb, name in store.calls if verb == "get_ranges"}
    assert looked_in == set(segments.values())


def reads_of(folded: MemoryStore, hashed: int) -> list[str]:
    store = with_tail(folded)
    asked(store, hashed)
    return reads(store)


def test_counting_looks_up_every_key_once_a_snapshot(folded: MemoryStore) -> None:
    store = with_tail(folded, many(["new", "0.jpg", "1.jpg"], 9))
    index = Index.open(store, effects=FakeWorld())
    assert index.count() == ROWS + 1
    store.reset()
    assert index.count() == ROWS + 1
    assert reads(store) == []
    assert index.search(Key("new"), limit=1).searched == ROWS + 3, "as it was scanned"


def test_a_key_of_the_tail_is_found_without_a_request(folded: MemoryStore) -> None:
    store = with_tail(folded, many(["new", "0.jpg"], 9), many(["1.jpg"], 9, deleted=True))
    index = Index.open(store, effects=FakeWorld())
    store.reset()
    assert index.has(["new", "0.jpg", "1.jpg"]) == {"new", "0.jpg"}
    assert reads(store) == []
