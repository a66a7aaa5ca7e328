"""Pages of an answer: together they are the whole answer, whoever scans, however deep, and while the index changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Index, Key, QueryError, Record, SearchOptions, Signature
from shards.search.cursor import Cursor
from shards.search.executors.fan_out import FanOut
from shards.search.executors.worker import Worker
from shards.storage.memory import MemoryStore
from shards.testing.samples import scene
from tests.shards.search.fanned import FAMILIES, KEYS, ask, fill, split
from tests.shards.search.task_runner import FakeTaskRunner
from tests.shards.search.test_newest import History, batches
from tests.shards.table.counting import CountingStore
from tests.tiers import scaled


@pytest.fixture(scope="module")
def store() -> CountingStore:
    store = CountingStore(MemoryStore())
    fill(store)
    return store


def far_of(store: CountingStore, seed: int) -> Index:
    """Return the index as workers scan it."""
    return Index.open(
        store,
        memory=0,
        executor=FanOut(ask(Worker(store, memory=0)), tasks=FakeTaskRunner(), planner=split(seed)),
    )


def hits_of(index: Index, question: Any, options: SearchOptions) -> list[tuple[str, float]]:
    # a cursor that does not move on would give pages for ever
    return [(hit.key, hit.score) for page in islice(index.pages(question, options), 100) for hit in page.hits]


def whole(index: Index, question: Any, options: SearchOptions) -> list[tuple[str, float]]:
    (answer,) = index.ask([question], replace(options, limit=1000))
    return [(hit.key, hit.score) for hit in answer.hits]  # type: ignore[union-attr]


@settings(max_examples=scaled(4))
@given(
    seed=st.integers(0, 10_000),
    name=st.sampled_from(FAMILIES),
    limit=st.sampled_from([4, 20]),
    min_score=st.sampled_from([None, 60.0, 100.0]),
    where=st.sampled_from([{}, {"third": {"$gte": 1}}]),
    deep=st.sampled_from([0, 3, 100_000]),
    is_turned=st.booleans(),
)
def test_pages_are_the_whole_answer_in_order(
    store: CountingStore,
    seed: int,
    name: str,
    limit: int,
    min_score: float | None,
    where: dict[str, Any],
    deep: int,
    is_turned: bool,
) -> None:
    options = SearchOptions((name,), limit, min_score, orientations=is_turned, where=where)
    here, far = Index.open(store), far_of(store, seed)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("query", "scan", "plan"):
            patch.setattr(f"shards.search.{module}.DEEP", deep)
        for index in (here, far):
            assert hits_of(index, scene(3), options) == whole(index, scene(3), options)


@settings(max_examples=scaled(15))
@given(folded=batches, tail=batches, limit=st.sampled_from([1, 2, 3]), deep=st.sampled_from([0, 100_000]))
def test_pages_of_an_index_with_a_tail_have_each_key_once(folded: Any, tail: Any, limit: int, deep: int) -> None:
    history = History()
    Index.create(history.store, families=FAMILIES, shards=2, segment_rows=8, thumbnails=0)
    for batch in folded:
        history.write(batch)
        history.near().compact()
    for batch in tail:
        history.write(batch)
    question = scene(0)
    expected = [key for key, _ in history.plainly("dhash", 0, 1000, None, None)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shards.search.scan.DEEP", deep)
        for index in (history.near(), history.far(memory=0)):
            assert [key for key, _ in hits_of(index, question, SearchOptions(("dhash",), limit))] == expected


def test_what_stays_is_found_once_while_others_come_and_go() -> None:
    index = Index.create("memory://", families=["dhash"], thumbnails=0)
    row = index.families[0].compute(scene(0))

    def put(*keys: str) -> None:
        index.write(index.dated([Record(key, (0, 0), rows={"dhash": row}) for key in keys]))

    put(*(f"{n:02}" for n in range(10)))
    question = Signature(index.families[0].format(row))
    pages = index.pages(question, SearchOptions(limit=3))
    assert [hit.key for hit in next(pages).hits] == ["00", "01", "02"]
    index.remove(["02", "04"])
    put("00a", "05a")
    assert [hit.key for hit in next(pages).hits] == ["03", "05", "05a"]
    assert [hit.key for page in pages for hit in page.hits] == ["06", "07", "08", "09"]


def test_a_key_may_go_after_the_first_page() -> None:
    index = Index.create("memory://", families=["dhash"], thumbnails=0)
    (kind,) = index.families
    index.write([Record(f"{n}", index.next_order(), rows={"dhash": kind.compute(scene(n))}) for n in range(5)])
    pages = index.pages(Key("0"), SearchOptions(limit=2))
    assert next(pages).hits[0].key == "0"
    index.remove(["0"])
    assert sum(len(page.hits) for page in pages) == 3


def test_a_page_knows_if_there_may_be_another(store: CountingStore) -> None:
    index = Index.open(store)
    everything = index.search(scene(0), family="haar", limit=1000)
    assert everything.next is None
    count = len(everything.hits)
    exact = index.search(scene(0), family="haar", limit=count)
    assert exact.next is not None
    assert exact.next.rank == count
    last = index.search(scene(0), family="haar", limit=count, after=exact.next)
    assert (last.hits, last.next) == ((), None)


def test_a_cursor_is_a_place_of_one_answer(store: CountingStore) -> None:
    index = Index.open(store)
    options = SearchOptions(("haar",), limit=1, after=Cursor(50.0, "k"))
    with pytest.raises(QueryError, match="ask one question at a time"):
        index.ask([scene(0), scene(1)], options)
    with pytest.raises(QueryError, match="has one page"):
        index.search(scene(0), after=Cursor(50.0, "k"))
    (page,) = index.pages(scene(0), SearchOptions(limit=2))
    assert (len(page.hits), page.next) == (2, None)


def test_a_cursor_may_name_any_place(store: CountingStore) -> None:
    """What comes from a client need be no hit, and its rank no number of hits."""
    index = Index.open(store)
    everything = [(hit.key, hit.score) for hit in index.search(scene(0), family="haar", limit=1000).hits]
    for score in (101.0, 100.0, everything[3][1], 55.5, -1e300):
        for key in ("\0", KEYS[0], "zzz", "\U0010ffff"):
            for rank in (0, 10, 2**64 - 1):
                found = index.search(scene(0), family="haar", limit=1000, after=Cursor(score, key, rank))
                expected = [hit for hit in everything if (-hit[1], hit[0].encode()) > (-score, key.encode())]
                assert [(hit.key, hit.score) for hit in found.hits] == expected


def test_a_page_that_lies_deep_does_not_collect_what_is_above_it(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []
    index = Index.open(store)
    kind = type(index.families[0])
    search_many = kind.search_many

    def watched(self: Any, *args: Any, **options: Any) -> Any:
        limits.append(options["limit"])
        return search_many(self, *args, **options)

    monkeypatch.setattr(kind, "search_many", watched)
    index.search(scene(0), family="haar", limit=10, after=Cursor(0.0, "zzz", 2**63))
    assert limits == []
    index.search(scene(0), family="haar", limit=10, after=Cursor(0.0, "zzz", 20))
    assert limits
    assert max(limits) <= 100_000


def test_workers_scan_pages_too(store: CountingStore) -> None:
    index = far_of(store, 1)
    here = Index.open(store)
    cursor = here.search(scene(0), family="haar", limit=5).next
    assert index.search(scene(0), family="haar", limit=5, after=cursor) == here.search(
        scene(0), family="haar", limit=5, after=cursor
    )
