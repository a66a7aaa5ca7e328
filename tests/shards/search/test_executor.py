"""Workers find what this process finds: all of it, or they say what is missing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Answer, CorruptObject, Index, Key, Signature, StorageError
from lookalike.signatures.computed import Signed
from shards.families import family
from shards.pictures.decoding import Picture
from shards.search.executors import messages
from shards.search.executors.fan_out import Ask, FanOut, FanOutReport
from shards.search.executors.messages import WorkerFailed
from shards.search.executors.tasks import Threads
from shards.search.executors.worker import Worker
from shards.search.plan import ScanPlan
from shards.storage import Store
from shards.storage.memory import MemoryStore
from shards.testing.samples import scene
from tests.patience import PATIENCE
from tests.shards.search.fanned import FAMILIES, KEYS, SCENES, ask, fill, one_each, split
from tests.shards.search.task_runner import FakeTaskRunner
from tests.shards.table.counting import CountingStore
from tests.tiers import scaled


@pytest.fixture(scope="module")
def store() -> CountingStore:
    store = CountingStore(MemoryStore())
    fill(store)
    return store


@pytest.fixture(scope="module")
def here(store: CountingStore) -> Index:
    return Index.open(store)


def fanned(store: Store, worker: Ask, **options: Any) -> Index:
    """Open an index that keeps nothing in memory: every segment is cold, and has a worker of its own."""
    executor = FanOut(worker, **{"tasks": FakeTaskRunner(), "planner": one_each, **options})
    return Index.open(store, memory=0, executor=executor)


def worker_of(store: Store) -> Worker:
    return Worker(store, memory=1 << 24)


def test_the_index_has_what_these_tests_are_about(store: CountingStore, here: Index) -> None:
    stats = here.stats()
    assert stats.segments >= 8
    assert stats.dead
    assert stats.tail == 3
    scores = [hit.score for hit in here.search(scene(1), family="dhash", limit=20).hits]
    assert scores.count(100) > 8, "there are ties, over several segments"


def signed(picture: Picture) -> Signed:
    return Signed(tuple({name: family(name).compute(one) for name in FAMILIES} for one in picture.orientations()))


ASKED = [signed(scene(n)) for n in range(SCENES + 1)] + [signed(scene(n).orientations()[5]) for n in range(3)]
"""All pictures of the index, one that it does not have, and some that it has, but turned."""


@settings(max_examples=scaled(30))
@given(
    seed=st.integers(0, 10_000),
    asked=st.lists(st.integers(0, len(ASKED) - 1), min_size=1, max_size=3),
    name=st.sampled_from(FAMILIES),
    limit=st.sampled_from([1, 3, 10, 200]),
    min_score=st.sampled_from([None, 60.0, 100.0]),
    where=st.sampled_from(
        [
            None,
            {"third": 1},
            {"third": 2, "name": "n8"},
            {"third": 7},
            {"third": {"$gte": 1}, "name": {"$not": {"$in": ["n8", "n11"]}}},
        ]
    ),
    is_turned=st.booleans(),
)
def test_answers_are_the_same_however_the_segments_are_dealt_out(
    store: CountingStore,
    here: Index,
    seed: int,
    asked: list[int],
    name: str,
    limit: int,
    min_score: float | None,
    where: Mapping[str, object] | None,
    is_turned: bool,
) -> None:
    questions = [ASKED[n] for n in asked]
    options: dict[str, Any] = {"family": name, "limit": limit, "min_score": min_score, "where": where}
    options |= {"orientations": is_turned, "negatives": is_turned and name == "goldberg"}
    index = fanned(store, ask(worker_of(store)), planner=split(seed))

    assert index.search_many(questions, **options) == here.search_many(questions, **options)


def test_real_threads_find_the_same(store: CountingStore, here: Index) -> None:
    executor = FanOut(ask(worker_of(store)), deadline=PATIENCE, planner=one_each)
    with Index.open(store, memory=0, executor=executor) as index:
        for name in FAMILIES:
            signatures = [Signature(here.get(key).signatures[name]) for key in KEYS[:2]]
            assert index.search_many([Key(KEYS[1]), *signatures], family=name) == here.search_many(
                [Key(KEYS[1]), *signatures], family=name
            )


def test_nobody_is_asked_where_there_is_little_to_fetch(store: CountingStore, here: Index) -> None:
    def nobody(request: Mapping[str, Any]) -> Any:
        raise AssertionError("asked")

    index = Index.open(store, executor=FanOut(nobody, tasks=FakeTaskRunner()))
    assert index.search(scene(0)) == here.search(scene(0))
    assert index.search_many([]) == []


class Failing:
    """Workers that answer this error for each segment of `names`, so many `times`."""

    def __init__(self, worker: Worker, names: set[str], error: Exception, times: int) -> None:
        self._ask = ask(worker)
        self._names, self._error, self._times = names, error, times
        self.asked: list[str] = []

    def __call__(self, request: Mapping[str, Any]) -> Any:
        names = [asked["segment"]["name"] for asked in request["segments"]]
        self.asked += names
        answer = self._ask(request)
        for place, name in enumerate(names):
            if name in self._names and self.asked.count(name) <= self._times:
                if isinstance(self._error, ConnectionError):
                    raise WorkerFailed(str(self._error))
                answer["segments"][place] = {"error": messages.refusal(self._error)["error"]}
        return answer


def living(store: CountingStore) -> list[str]:
    """Return the names of the segments that workers are asked about."""
    watching = Failing(worker_of(store), set(), RuntimeError(), 0)
    fanned(store, watching).search(scene(0))
    return watching.asked


CRASH = ConnectionError("function scan failed")
BROKEN = CorruptObject("segments/x", "is broken")


@pytest.mark.parametrize("error", [CRASH, BROKEN])
def test_a_segment_that_fails_once_is_asked_for_again(store: CountingStore, here: Index, error: Exception) -> None:
    bad = living(store)[1]
    worker = Failing(worker_of(store), {bad}, error, times=1)
    assert fanned(store, worker).search(scene(2)) == here.search(scene(2))
    assert worker.asked.count(bad) == 2
    assert len(worker.asked) == len(set(worker.asked)) + 1, "the others were asked once"


@pytest.mark.parametrize("error", [CRASH, BROKEN])
def test_what_fails_twice_is_named_and_the_rest_is_exact(store: CountingStore, here: Index, error: Exception) -> None:
    bad = living(store)[1]
    reports: list[FanOutReport] = []
    index = fanned(store, Failing(worker_of(store), {bad}, error, times=9), report=reports.append)
    answer = index.search(scene(2), family="dhash", limit=200)
    whole = here.search(scene(2), family="dhash", limit=200)

    assert (answer.partial, answer.missing) == (True, (bad,))
    assert set(answer.hits) < set(whole.hits)
    assert answer.searched == whole.searched - (len(whole.hits) - len(answer.hits)), "all are hits here"
    assert list(answer.hits) == [hit for hit in whole.hits if hit in answer.hits], "in the same order"
    (report,) = reports
    assert report.missing.keys() == {bad}
    assert str(error) in str(report.missing[bad])
    assert report.requests == report.workers + 1


def test_what_is_late_is_named(store: CountingStore) -> None:
    index = fanned(store, ask(worker_of(store)), tasks=FakeTaskRunner([1.0, 99.0]), deadline=1.2)
    answer = index.search(scene(2))
    assert answer.missing == (living(store)[1],)


def test_when_no_worker_answers_the_tail_still_does(store: CountingStore) -> None:
    index = fanned(store, ask(worker_of(store)), tasks=FakeTaskRunner([99.0] * 99), deadline=5)
    answer = index.search(scene(2), limit=200)
    assert len(answer.missing) == len(living(store))
    assert answer.searched == len(answer.hits) == index.stats().tail_images


def test_a_partial_answer_is_so_for_each_question(store: CountingStore) -> None:
    index = fanned(store, ask(worker_of(store)), tasks=FakeTaskRunner([99.0] * 99), deadline=5)
    answers = index.search_many([scene(2), Key("none"), scene(3)])
    assert [isinstance(answer, Answer) and answer.partial for answer in answers] == [True, False, True]


def test_a_segment_that_is_gone_begins_the_query_again(store: CountingStore, here: Index) -> None:
    bad = living(store)[1]
    worker = Failing(worker_of(store), {bad}, messages.ObjectNotFound(bad, "bucket"), times=1)
    assert fanned(store, worker).search(scene(2)) == here.search(scene(2))
    assert worker.asked.count(bad) == 2
    forever = Failing(worker_of(store), {bad}, messages.ObjectNotFound(bad, "bucket"), times=99)
    with pytest.raises(CorruptObject, match=f"{bad}: is needed by the newest manifest"):
        fanned(store, forever).search(scene(2))


def test_a_reader_of_an_old_snapshot_looks_again_after_a_merge() -> None:
    store = CountingStore(MemoryStore())
    fill(store)
    writer = Index.open(store)
    whole = writer.search(scene(2), limit=200)
    asking = ask(worker_of(store))

    def compacting(request: Mapping[str, Any]) -> Any:
        writer.compact(everything=True)
        # as if the grace of collecting were over
        live = {segment.name for segment in writer._table.snapshot().manifest}
        store.delete([entry.name for entry in store.list("segments/") if entry.name not in live])
        return asking(request)

    assert fanned(store, compacting).search(scene(2), limit=200).hits == whole.hits


class Unreadable(CountingStore):
    """A store that fails when this process reads a segment."""

    has_failed = threading.Event()

    def get_ranges(self, name: str, ranges: Any) -> Any:
        self.has_failed.set()
        raise StorageError(f"{name}: the network is down")


def split_in_two(cold: Sequence[int]) -> ScanPlan:
    """Keep one source, and plan a worker for each of the others."""
    return ScanPlan((0,), tuple((number,) for number in range(1, len(cold))), sum(cold))


def test_when_the_scan_of_this_process_fails_the_calls_to_workers_are_cancelled(store: CountingStore) -> None:
    worker, tasks = Failing(worker_of(store), set(), RuntimeError(), 0), FakeTaskRunner()
    index = fanned(Unreadable(store), worker, tasks=tasks, planner=split_in_two)
    with pytest.raises(StorageError, match="the network is down"):
        index.search(scene(2))
    assert len(tasks.begun) > 5
    assert (tasks.left, tasks.time, worker.asked) == ([], 0, []), "nothing is waited for, and nobody is asked"


def test_when_it_fails_the_workers_at_work_are_waited_for_and_no_further_one_is_asked(store: CountingStore) -> None:
    calls, broken = Counter[str](), Unreadable(store)

    def ask_slowly(request: Mapping[str, Any]) -> Any:
        calls["asked"] += 1
        assert broken.has_failed.wait(PATIENCE)
        calls["ended"] += 1
        raise WorkerFailed("nobody listens")

    index = fanned(broken, ask_slowly, tasks=Threads(1), planner=split_in_two, deadline=PATIENCE)
    with pytest.raises(StorageError, match="the network is down"):
        index.search(scene(2))
    assert calls["asked"] == calls["ended"] <= 1
    index.close()


def test_an_index_closes_its_executor(store: CountingStore) -> None:
    tasks = FakeTaskRunner()
    with fanned(store, ask(worker_of(store)), tasks=tasks) as index:
        assert index.search(scene(2)).hits
        assert not tasks.is_closed
    assert tasks.is_closed


def test_a_new_index_takes_an_executor_too() -> None:
    tasks = FakeTaskRunner()
    with Index.create("memory://", executor=FanOut(lambda request: None, tasks=tasks)) as index:
        assert index.count() == 0
    assert tasks.is_closed


@pytest.mark.parametrize("payload", [10, 2_500])
def test_what_does_not_fit_into_a_message_is_scanned_here(
    store: CountingStore, here: Index, payload: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = here.search(scene(2), limit=200)
    monkeypatch.setattr(messages, "PAYLOAD", payload)
    asked: list[FanOutReport] = []
    assert fanned(store, ask(worker_of(store)), report=asked.append).search(scene(2), limit=200) == whole
    assert asked[0].retried == 0, "asking again would not make it smaller"


def test_what_does_not_fit_is_not_scanned_here_after_the_deadline(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = living(store)
    monkeypatch.setattr(messages, "PAYLOAD", 10)
    answer = fanned(store, ask(worker_of(store)), tasks=FakeTaskRunner([4.0] * 99), deadline=4).search(scene(2))
    assert list(answer.missing) == segments


def test_an_answer_that_is_nonsense_is_a_failure(store: CountingStore) -> None:
    index = fanned(store, lambda request: {"message": "Task timed out after 30.00 seconds"})
    assert len(index.search(scene(2)).missing) == len(living(store))
