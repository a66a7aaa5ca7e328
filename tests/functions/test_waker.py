"""Waking the compactor: soon enough, seldom enough, and with nobody waiting for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.aws.waker import SECONDS, Waker, in_a_thread, wake
from shards.table.table import TAIL_BYTES, TAIL_OBJECTS
from tests.functions.stage import Told
from tests.patience import PATIENCE

MANY = TAIL_OBJECTS // 4 + 1


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
    [(0, 0, False), (MANY - 1, TAIL_BYTES // 4, False), (MANY, 0, True), (1, TAIL_BYTES // 4 + 1, True)],
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
    assert len(scene.begun) == 30 / SECONDS


def test_a_call_in_a_thread_is_not_waited_for() -> None:
    may_end, has_ended = Event(), Event()

    def call() -> None:
        may_end.wait(PATIENCE)
        has_ended.set()

    in_a_thread(call)
    assert not has_ended.is_set()
    may_end.set()
    assert has_ended.wait(PATIENCE)


class Lambda:
    """boto3's client. `failure`: what every call raises."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure
        self.asked: list[Mapping[str, Any]] = []

    def invoke(self, **asked: Any) -> Mapping[str, Any]:
        self.asked.append(asked)
        if self._failure is not None:
            raise self._failure
        return {"StatusCode": 202}


def test_the_function_is_started_and_its_end_not_waited_for() -> None:
    told, client = Told(), Lambda()
    wake(client, "lookalike-compact", told.telemetry.log)
    (asked,) = client.asked
    assert (asked["FunctionName"], asked["InvocationType"]) == ("lookalike-compact", "Event")
    assert told.lines() == []


def test_a_call_that_fails_is_told_and_harms_nobody() -> None:
    told = Told()
    client = Lambda(EndpointConnectionError(endpoint_url="https://lambda.eu-west-1.amazonaws.com"))
    wake(client, "lookalike-compact", told.telemetry.log)
    (line,) = told.lines()
    assert (line["level"], line["message"]) == ("WARNING", "the compactor was not called")
    assert "lookalike-compact" in line["error"]
