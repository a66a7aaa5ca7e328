"""Collect: what nobody can need any more is deleted, and nothing else."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

from functions.aws.counted import Counted
from functions.aws.opening import open_index
from functions.aws.settings import Settings
from lookalike import Index
from shards.storage import open_store
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.maintain.collect import Collected
from tests.functions.stage import Invocation, load
from tests.lookalike.cli.drawing import png
from tests.world import FakeWorld

LONG_AGO = FakeWorld(start_ns=1_600_000_000 * 10**9)


def test_what_is_folded_is_deleted_and_the_pictures_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://collect")
    assert isinstance(store, MemoryStore)
    store._clock = lambda: LONG_AGO.now_ns() / 1e9
    Index.create("memory://collect", families=["dhash"], effects=LONG_AGO)
    index = Index.open("memory://collect", effects=LONG_AGO)
    index.add("a.png", png(1))
    index.compact()
    data = index.settings.data(store)
    assert len(list(data.list(names.LOG))) == 1
    store._clock = time.time
    collect = load("collect", monkeypatch, LOOKALIKE_INDEX="memory://collect")
    collect.handler({}, Invocation())
    assert list(data.list(names.LOG)) == []
    assert [image.key for image in Index.open("memory://collect").list()] == ["a.png"]
    collect.handler({}, Invocation())
    assert Index.open("memory://collect").count() == 1


def test_each_day_begins_elsewhere_and_a_call_may_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    Index.create("memory://places", families=["dhash"])
    collect = load("collect", monkeypatch, LOOKALIKE_INDEX="memory://places")
    places: list[float] = []

    class Noting(Index):
        def collect(self, *, place: float = 0.0, is_over: Any = None) -> Collected:
            places.append(place)
            return Collected((), 0, covered=0.25, next=0.5) if is_over() else Collected((), 0)

    index = Index.open("memory://places")
    noting = Noting(index._table, index._executor, index.originals)
    monkeypatch.setattr(collect, "existing_index", lambda *_: noting)
    days = [day * 86_400.0 for day in range(20_000, 20_010)]
    for day in days:
        monkeypatch.setattr(collect.time, "time", lambda day=day: day)
        collect.handler({}, Invocation(900))
    assert all(0 <= place < 1 for place in places)
    # ten days begin in ten places, of which no two are near
    assert min(after - before for before, after in pairwise(sorted(places))) > 0.05
    assert collect.handler({"place": 0.75}, Invocation(900)) == {"objects": 0, "bytes": 0, "covered": 1.0, "next": None}
    assert places[-1] == 0.75
    assert collect.handler({"place": 0.75}, Invocation(60)) == {"objects": 0, "bytes": 0, "covered": 0.25, "next": 0.5}


def test_the_first_function_makes_the_index_and_the_others_find_it() -> None:
    settings = Settings(index="memory://", families=("phash", "haar"), shards=8, thumbnails=0)
    store = Counted(open_store("memory://opening"))
    first = open_index(store, settings)
    assert (first.settings.families, first.settings.shards, first.settings.thumbnails) == (("phash", "haar"), 8, 0)
    other = open_index(store, Settings(index="memory://", shards=2))
    assert other.settings == first.settings, "an index is what it was made as"


def test_two_functions_that_make_the_index_at_once_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Counted(open_store("memory://race"))
    settings = Settings(index="memory://race", shards=4)
    create = Index.create

    def late(*given: object, **more: object) -> Index:
        # the other one was here in between
        create("memory://race", shards=32)
        return create(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Index, "create", late)
    assert open_index(store, settings).settings.shards == 32
