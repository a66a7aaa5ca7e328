"""Upkeep: what is due is done, errors are survived, and stopping is prompt."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from threading import Event

import pytest

from lookalike import Index
from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.upkeep.background import (
    BACK_OFF_SECONDS,
    COLLECT_SECONDS,
    FOLD_SECONDS,
    IDLE_SECONDS,
    LOOK_SECONDS,
    Upkeep,
)
from shards.errors import StorageError
from shards.storage.memory import MemoryStore
from shards.table.maintain.collect import Collected
from shards.table.maintain.committing import Compacted
from tests.lookalike.cli.drawing import png
from tests.patience import PATIENCE

MANY, MUCH = BACKPRESSURE.worth_objects + 1, BACKPRESSURE.worth_bytes + 1


@dataclass
class Doing:
    """A stand-in for an index: it has this tail, and notes what is done."""

    objects: int = 0
    size: int = 0
    error: Exception | None = None
    done: list[str] = field(default_factory=list)
    now: float = 1000.0
    url: str = "memory://doing"

    def clock(self) -> float:
        return self.now

    def pressure(self) -> tuple[int, int]:
        if self.error:
            raise self.error
        return self.objects, self.size

    def compact(self) -> Compacted:
        self.done.append("compact")
        folded, self.objects, self.size = self.objects, 0, 0
        return Compacted(folded, 0, 0, 1)

    def collect(self) -> Collected:
        self.done.append("collect")
        return Collected((), 0)


@pytest.fixture
def doing() -> Doing:
    return Doing()


@pytest.fixture
def upkeep(doing: Doing) -> Upkeep:
    """Upkeep of an index that was looked at once, and collected."""
    upkeep = Upkeep(doing, clock=doing.clock)  # type: ignore[arg-type]
    upkeep.step()
    assert doing.done == ["collect"]
    doing.done.clear()
    return upkeep


@pytest.mark.parametrize(
    ("objects", "size", "is_due"),
    [
        (0, 0, False),
        (MANY - 1, MUCH - 1, False),
        (MANY, 1, True),
        (1, MUCH, True),
    ],
)
def test_a_long_or_a_large_tail_is_folded_at_once(
    doing: Doing, upkeep: Upkeep, objects: int, size: int, is_due: bool
) -> None:
    doing.objects, doing.size = objects, size
    upkeep.step()
    assert doing.done == ["compact"] * is_due


def test_a_short_tail_is_folded_when_it_has_waited(doing: Doing, upkeep: Upkeep) -> None:
    doing.objects = 1
    assert upkeep.step() == LOOK_SECONDS
    doing.now += FOLD_SECONDS - 1
    upkeep.step()
    assert doing.done == []
    doing.now += 1
    upkeep.step()
    assert doing.done == ["compact"]

    # the next one begins to wait anew, also where others folded this one
    for _ in range(2):
        doing.objects = 1
        doing.now += 1
        upkeep.step()
        doing.objects = 0
        doing.now += FOLD_SECONDS
        assert upkeep.step() == IDLE_SECONDS
    assert doing.done == ["compact"]


def test_it_collects_once_an_hour(doing: Doing, upkeep: Upkeep) -> None:
    for _ in range(3):
        doing.now += COLLECT_SECONDS - 1
        upkeep.step()
        doing.now += 1
        upkeep.step()
    assert doing.done == ["collect"] * 3


def test_it_backs_off_from_errors_and_says_so(doing: Doing, upkeep: Upkeep, caplog: pytest.LogCaptureFixture) -> None:
    first, most = BACK_OFF_SECONDS
    doing.objects, doing.error = MANY, StorageError("no route to the store")
    assert [upkeep.step() for _ in range(8)] == [
        first,
        2 * first,
        4 * first,
        8 * first,
        16 * first,
        32 * first,
        most,
        most,
    ]
    assert caplog.messages[0] == f"upkeep of memory://doing: no route to the store; again in {first:g} s"
    assert caplog.records[0].exc_info is None
    doing.error = None
    assert upkeep.step() == LOOK_SECONDS
    assert doing.done == ["compact"]
    assert caplog.messages[-1] == "upkeep of memory://doing works again"
    doing.error = OSError(28, "No space left on device")
    assert upkeep.step() == first


def test_a_mistake_in_the_code_ends_nothing_and_is_logged_with_its_place(
    doing: Doing, upkeep: Upkeep, caplog: pytest.LogCaptureFixture
) -> None:
    doing.error = ZeroDivisionError("division by zero")
    upkeep.step()
    assert caplog.records[0].exc_info is not None
    doing.error = None
    assert upkeep.step() == IDLE_SECONDS


def test_the_thread_looks_until_it_is_stopped(doing: Doing) -> None:
    pauses: list[float] = []
    third = Event()

    def wait(timeout: float) -> bool:
        pauses.append(timeout)
        doing.now += timeout
        doing.objects = 1
        if len(pauses) == 3:
            third.set()
        return len(pauses) == 3

    upkeep = Upkeep(doing, clock=doing.clock, wait=wait)  # type: ignore[arg-type]
    upkeep.start()
    assert third.wait(PATIENCE)
    upkeep.stop(PATIENCE)
    assert pauses == [IDLE_SECONDS, LOOK_SECONDS, LOOK_SECONDS]
    assert not upkeep._thread.is_alive()


def test_stopping_interrupts_the_waiting(doing: Doing, monkeypatch: pytest.MonkeyPatch) -> None:
    # longer than `stop` is given below: its thread ends because it was interrupted
    monkeypatch.setattr("lookalike.upkeep.background.IDLE_SECONDS", 10 * PATIENCE)
    looked = Event()
    pressure = doing.pressure

    def noted() -> tuple[int, int]:
        looked.set()
        return pressure()

    doing.pressure = noted  # type: ignore[method-assign]
    upkeep = Upkeep(doing)  # type: ignore[arg-type]
    upkeep.start()
    assert looked.wait(PATIENCE)
    upkeep.stop(PATIENCE)
    assert not upkeep._thread.is_alive()


def test_stopping_does_not_wait_for_ever(doing: Doing) -> None:
    begun, go_on = Event(), Event()

    def hang() -> tuple[int, int]:
        begun.set()
        go_on.wait()
        return 0, 0

    doing.pressure = hang  # type: ignore[method-assign]
    upkeep = Upkeep(doing)  # type: ignore[arg-type]
    upkeep.start()
    begun.wait()
    upkeep.stop(seconds=0)
    assert upkeep._thread.is_alive()
    go_on.set()
    upkeep.stop(PATIENCE)
    assert not upkeep._thread.is_alive()
    assert doing.done == [], "it begins nothing new when it is to stop"


def test_a_real_index_is_folded_and_answers_the_same(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lookalike")
    store = MemoryStore()
    index = Index.create(store, families=("dhash",))
    for n in range(MANY):
        index.add(f"{n}.png", png(n))
    before = index.search(png(3))
    # two of them at once, as beside another process
    upkeeps = [Upkeep(index), Upkeep(Index.open(store))]
    for upkeep in upkeeps:
        upkeep.step()
    assert index.pressure() == (0, 0)
    assert index.search(png(3)).hits == before.hits
    assert index.stats().version == 1
    assert f"folded {MANY} log objects" in caplog.text
