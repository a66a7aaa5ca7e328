"""Workers: they keep what they read, leave out what cannot be a hit, and answer with errors where they fail."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lookalike import Index
from shards.search.executors import worker as workers
from shards.search.executors.fan_out import FanOut
from shards.search.executors.worker import Worker
from shards.storage.memory import MemoryStore
from shards.table.read.disk import DiskCache
from shards.testing.samples import scene
from tests.patience import PATIENCE
from tests.shards.search.fanned import ask, fill, together
from tests.shards.search.task_runner import FakeTaskRunner
from tests.shards.table.counting import CountingStore


@pytest.fixture(scope="module")
def filled() -> MemoryStore:
    store = MemoryStore()
    fill(store)
    return store


@pytest.fixture
def store(filled: MemoryStore) -> CountingStore:
    """A store of the worker alone, which counts its reads."""
    return CountingStore(filled)


@pytest.fixture(scope="module")
def request_(filled: MemoryStore) -> Mapping[str, Any]:
    """A request to scan all segments for the best three."""
    asked: list[Mapping[str, Any]] = []

    def note(request: Mapping[str, Any]) -> Any:
        asked.append(request)
        return ask(Worker(filled, memory=0))(request)

    executor = FanOut(note, tasks=FakeTaskRunner(), planner=together)
    Index.open(CountingStore(filled), memory=0, executor=executor).search(scene(1), family="haar", limit=3)
    return asked[0]


def errors(answer: Mapping[str, Any]) -> list[str]:
    return [outcome["error"]["message"] for outcome in answer["segments"] if "error" in outcome]


def test_what_it_was_asked_before_it_does_not_fetch_again(store: CountingStore, request_: Mapping[str, Any]) -> None:
    worker = Worker(store, memory=1 << 24)
    first = ask(worker)(request_)
    assert store.bytes_read
    store.reset()
    assert ask(worker)(request_) == first
    assert store.requests == 0


def test_what_another_fetched_before_it_comes_from_the_disk(
    store: CountingStore, request_: Mapping[str, Any], tmp_path: Path
) -> None:
    first = ask(Worker(store, memory=0, disk=DiskCache(tmp_path)))(request_)
    store.reset()
    assert ask(Worker(store, memory=0, disk=DiskCache(tmp_path)))(request_) == first
    assert store.requests == 0


def test_it_answers_with_no_more_rows_than_there_can_be_hits(store: CountingStore, request_: Mapping[str, Any]) -> None:
    answer = ask(Worker(store, memory=0))(request_)
    assert len(answer["segments"]) > 10
    assert request_["max_rows"] == 3 + 24, "the tail has so many keys, and what it overwrites may be among the best"
    assert sum(sum(outcome["counts"]) for outcome in answer["segments"]) == 3 + 24
    answer = ask(Worker(store, memory=0))({**request_, "max_rows": 3})
    assert sum(sum(outcome["counts"]) for outcome in answer["segments"]) == 3


def test_segments_that_are_gone_or_broken_spoil_no_other(filled: MemoryStore, request_: Mapping[str, Any]) -> None:
    names = [f"{request_['index']}/{asked['segment']['name']}" for asked in request_["segments"]]
    gone, broken, *good = names
    store = MemoryStore()
    for name in good:
        store.create(name, filled.get(name))
    store.create(broken, bytes(len(filled.get(broken))))

    answer = ask(Worker(CountingStore(store), memory=0))(request_)
    assert answer["segments"][0]["error"]["object"] == gone.partition("/")[2]
    assert answer["segments"][1]["error"]["type"] == "CorruptObject"
    assert len(errors(answer)) == 2


class Broken(Worker):
    """A worker that has a bug, or no memory left."""

    def _reader(self, index: str, segment: Any) -> Any:
        raise MemoryError("Unable to allocate 7 GiB")


def test_whatever_goes_wrong_is_said(store: CountingStore, request_: Mapping[str, Any]) -> None:
    answer = ask(Broken(store, memory=0))(request_)
    assert set(errors(answer)) == {"MemoryError: Unable to allocate 7 GiB"}
    assert ask(Worker(store, memory=0))({"hello": "world"})["error"]["type"] == "QueryError"


def test_a_worker_shares_the_store_with_all_that_are_asked(store: MemoryStore, request_: dict[str, Any]) -> None:
    shared: list[int] = []
    answer = ask(Worker(store, memory=0, share=shared.append))({**request_, "workers": 64})
    assert shared == [64]
    assert "error" not in answer


def test_it_forgets_the_segments_that_nobody_asks_for(
    store: CountingStore, request_: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "READERS", 2)
    worker = Worker(store, memory=0)
    ask(worker)(request_)
    assert len(worker._readers) == 2


def test_its_threads_are_there_once_and_end_with_it(store: CountingStore, request_: Mapping[str, Any]) -> None:
    before = set(threading.enumerate())
    worker = Worker(store, memory=0)
    for _ in range(3):
        ask(worker)(request_)
    mine = {thread for thread in threading.enumerate() if thread.name.startswith("lookalike-scan")} - before
    assert 1 <= len(mine) <= workers.PARALLEL
    worker.close()
    for thread in mine:
        thread.join(PATIENCE)
        assert not thread.is_alive()
