"""The throttle: a long tail slows adding down, calls the compactor, and never turns a picture away."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from lookalike.ingest.backpressure import BACKPRESSURE
from lookalike.ingest.throttle import LOOK_SECONDS, Throttle

MAX_OBJECTS, MAX_BYTES = BACKPRESSURE.max_objects, BACKPRESSURE.max_bytes


@dataclass
class Tail:
    """A tail that is as long as a test says, one length a look, the last of them for ever; and a clock."""

    lengths: list[tuple[int, int]]
    now: float = 100.0
    looks: int = 0
    woken: int = 0
    slept: list[float] = field(default_factory=list)

    def throttle(self, hold: float = 10.0) -> Throttle:
        return Throttle(self.pressure, self.wake, hold, clock=lambda: self.now, sleep=self.sleep)

    def pressure(self) -> tuple[int, int]:
        self.looks += 1
        return self.lengths.pop(0) if len(self.lengths) > 1 else self.lengths[0]

    def wake(self) -> None:
        self.woken += 1

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


SHORT = (3, 1000)
LONG = (MAX_OBJECTS + 1, 1000)


def test_a_short_tail_holds_nobody_and_is_believed_for_a_while() -> None:
    tail = Tail([SHORT])
    throttle = tail.throttle()
    assert throttle.wait() == 0
    assert throttle.wait() == 0
    assert (tail.looks, tail.woken, tail.slept) == (1, 0, [])
    tail.now += LOOK_SECONDS
    throttle.wait()
    assert tail.looks == 2


@pytest.mark.parametrize("length", [LONG, (1, MAX_BYTES + 1)])
def test_a_batch_is_held_until_there_is_room(length: tuple[int, int]) -> None:
    tail = Tail([length, length, length, SHORT])
    assert tail.throttle().wait() == 3
    assert tail.woken == 1


def test_a_batch_is_added_all_the_same_when_there_never_is() -> None:
    tail = Tail([LONG])
    throttle = tail.throttle(hold=2.5)
    assert throttle.wait() == 2.5
    assert tail.slept == [1.0, 1.0, 0.5]
    assert throttle.wait() == 2.5, "a long tail is not believed for long: the next batch waits too"


@pytest.mark.parametrize("length", [(MAX_OBJECTS // 4 + 1, 0), (1, MAX_BYTES // 4 + 1)])
def test_the_compactor_is_called_before_anybody_has_to_wait(length: tuple[int, int]) -> None:
    tail = Tail([length])
    assert tail.throttle().wait() == 0
    assert (tail.woken, tail.slept) == (1, [])


def test_the_limits_themselves_are_not_too_long() -> None:
    tail = Tail([(MAX_OBJECTS, MAX_BYTES)])
    assert tail.throttle().wait() == 0
