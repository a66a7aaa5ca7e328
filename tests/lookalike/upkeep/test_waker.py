"""Waking the compactor: soon enough, seldom enough, and with nobody waiting for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

import pytest

from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.upkeep.waker import WAKE_SECONDS, Waker, in_a_thread
from tests.patience import PATIENCE

MANY = BACKPRESSURE.max_objects // BACKPRESSURE.early + 1
MUCH = BACKPRESSURE.max_bytes // BACKPRESSURE.early


@dataclass
class Scene:
    """A clock, and calls that are begun and not made."""

    now: float = 100.0
    begun: list[Callable[[], None]] = field(default_factory=list)
    woken: int = 0

    def waker(self) -> Waker:
        return Waker(self.wake, start=self.begun.append, clock=lambda: self.now)

    def wake(self) -> None:
        self.woken += 1


@pytest.mark.parametrize(
    ("objects", "size", "is_woken"),
    [(0, 0, False), (MANY - 1, MUCH, False), (MANY, 0, True), (1, MUCH + 1, True)],
)
def test_it_is_woken_at_a_quarter_of_what_may_wait(objects: int, size: int, is_woken: bool) -> None:
    scene = Scene()
    scene.waker().look(objects, size)
    assert len(scene.begun) == is_woken


def test_who_looks_does_not_make_the_call() -> None:
    scene = Scene()
    scene.waker().look(MANY, 0)
    assert scene.woken == 0
    (call,) = scene.begun
    call()
    assert scene.woken == 1


def test_it_is_woken_once_in_a_while_however_often_somebody_looks() -> None:
    scene = Scene()
    waker = scene.waker()
    for _ in range(30):
        waker.look(MANY, 0)
        scene.now += 1
    assert len(scene.begun) == 30 / WAKE_SECONDS


def test_a_call_in_a_thread_is_not_waited_for() -> None:
    may_end, has_ended = Event(), Event()

    def call() -> None:
        may_end.wait(PATIENCE)
        has_ended.set()

    in_a_thread(call)
    assert not has_ended.is_set()
    may_end.set()
    assert has_ended.wait(PATIENCE)
