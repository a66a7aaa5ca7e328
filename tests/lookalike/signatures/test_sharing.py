"""A pool that callers share who do not know each other, and what it makes of headers that lie."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from lookalike.signatures import crew, pool
from lookalike.signatures.fair_queue import LARGE, SMALL, Sharing
from lookalike.signatures.pool import Original, Pool
from lookalike.signatures.process import Process
from lookalike.signatures.worker import Task, WorkerSettings
from shards.errors import LookalikeError, PictureError, PoolBusy, StorageError
from shards.pictures.costs import stated_cost
from shards.pictures.decoding import PictureSettings
from shards.table.format.settings import IndexSettings
from tests.lookalike.cli.drawing import png
from tests.lookalike.signatures.encoded import black
from tests.patience import PATIENCE

SETTINGS = WorkerSettings.of(IndexSettings(("dhash",), pictures=PictureSettings(max_pixels=50_000_000)))


@cache
def large() -> bytes:
    """Return a file of 25 million pixels."""
    return black(5_000)


class Hanging(bytes):
    """A picture that keeps the process busy which receives it."""

    def __reduce__(self) -> tuple[Any, tuple[float]]:
        return time.sleep, (10_000.0,)


def test_a_good_caller_is_answered_while_64_heavy_pictures_of_another_keep_processes_busy() -> None:
    assert stated_cost(large(), 50_000_000)[0] > LARGE
    with Pool(SETTINGS, 1, PATIENCE, sharing=Sharing(seconds=1e9)) as shared:
        heavy = [shared.submit(Task(Hanging(large())), "attacker") for _ in range(64)]
        assert stated_cost(png(1), 50_000_000)[0] <= SMALL
        # by the process for small ones
        assert shared.submit(Task(png(1)), "good").result(PATIENCE).width == 24
        # and by the one that the attacker's large ones leave
        assert shared.submit(Task(black(3_000)), "good").result(PATIENCE).width == 3_000
        assert not any(future.done() for future in heavy)
        assert len(shared.pids) <= 3


def test_a_caller_with_too_much_waiting_is_refused_and_another_is_not() -> None:
    def send(shared: Pool, count: int) -> None:
        for _ in range(count):
            shared.submit(Task(Hanging(large())), "attacker")

    with Pool(SETTINGS, 1, PATIENCE, sharing=Sharing(of_one=3)) as shared:
        # one is at work, and three wait
        with pytest.raises(PoolBusy) as caught:
            send(shared, 5)
        assert caught.value.is_callers
        assert shared.submit(Task(png(1)), "good").result(PATIENCE).width == 24


def test_a_picture_that_would_take_longer_than_there_is_time_for_is_refused() -> None:
    with Pool(SETTINGS, 1, 1.0) as hurried, pytest.raises(PictureError) as caught:
        hurried.compute(large())
    assert caught.value.reason == "too_costly"


def test_a_picture_that_is_larger_than_its_header_says_is_queued_anew_as_a_large_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    costs = []
    put = pool.FairQueue.put
    monkeypatch.setattr(pool.FairQueue, "put", lambda queue, job: (costs.append(job.cost), put(queue, job)))
    monkeypatch.setattr(pool, "stated_cost", lambda data, most: (1.0, 100))
    with Pool(SETTINGS, 1, PATIENCE, sharing=Sharing()) as shared:
        assert shared.submit(Task(png(1)), "a").result(PATIENCE).width == 24
    assert costs[0] == 1.0
    assert costs[1] > LARGE


def test_a_picture_that_is_larger_than_any_may_be_is_refused_at_once() -> None:
    with (
        Pool(SETTINGS, 1, PATIENCE) as single,
        pytest.raises(PictureError, match=r"more than the 50,000,000") as caught,
    ):
        single.compute(black(8_000))
    assert caught.value.reason == "too_many_pixels"


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (PictureError("unreadable", "no such file"), "unreadable", "no such file"),
        (StorageError("s3://bucket: 503"), "unreadable", "s3://bucket: 503"),
        (KeyError("path"), "error", "its signatures cannot be computed (KeyError: 'path')"),
    ],
)
def test_what_is_wrong_with_an_original_is_its_answer(error: Exception, reason: str, said: str) -> None:
    def fail(source: Mapping[str, Any], max_bytes: int) -> tuple[bytes, Mapping[str, Any]]:
        raise error

    with Pool(SETTINGS, 1, PATIENCE, reader=fail) as reading:
        with pytest.raises(PictureError) as caught:
            reading.submit(Original({"path": "/a"})).result()
        assert reading.pids == [], "no process is started for it"
    assert (caught.value.reason, str(caught.value)) == (reason, said)


def test_the_source_is_that_of_the_original_as_it_was_read() -> None:
    def read(source: Mapping[str, Any], max_bytes: int) -> tuple[bytes, Mapping[str, Any]]:
        assert max_bytes == SETTINGS.pictures.max_bytes
        return png(1), {**source, "size": 7}

    with Pool(SETTINGS, 1, PATIENCE, reader=read) as reading:
        picture = reading.submit(Original({"path": "/a"})).result()
    assert picture.source == {"path": "/a", "size": 7}
    assert picture.record("a", (1, 2)).source == picture.source


def test_nothing_is_read_without_a_reader() -> None:
    with Pool(SETTINGS, 1, PATIENCE) as single, pytest.raises(LookalikeError, match="no originals are read here"):
        single.submit(Original({"path": "/etc/passwd"})).result()


def test_a_process_is_replaced_at_the_end_of_its_life_and_when_it_keeps_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Pool(SETTINGS, 1, PATIENCE) as single:
        single.compute(png(1))
        before = single.pids
        single.compute(png(2))
        assert single.pids == before
        with monkeypatch.context() as patch:
            patch.setattr(crew, "LIFE_SECONDS", 0.0)
            single.compute(png(3))
            assert single.pids == []
        single.compute(black(3_000))
        before = single.pids
        assert len(before) == 1, "what a large picture took is given back"
        monkeypatch.setattr(Process, "kept", crew.KEPT + 1)
        single.compute(png(4))
        assert single.pids == before, "nothing is asked after a small picture"
        single.compute(black(3_000))
        assert single.pids == []
