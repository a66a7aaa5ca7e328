"""The queue: whoever sends much waits behind itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lookalike.signatures.fair_queue import LARGE, REMEMBERED, SMALL, FairQueue, Job, Sharing
from shards.errors import PoolBusy, WorkerNotStarted
from shards.pictures.costs import COST_A_SECOND


def job(caller: str, cost: float = 1.0, size: int = 0) -> Job:
    return Job(f"{caller} {cost:g}", caller, size, cost)


def filled(jobs: Sequence[Job], processes: int = 2, sharing: Sharing | None = None) -> FairQueue:
    queue = FairQueue(processes, sharing or Sharing(waiting=1000, of_one=1000, seconds=1e9))
    for each in jobs:
        queue.put(each)
    return queue


def taken(queue: FairQueue, count: int, *, only_small: bool = False) -> list[str]:
    """Take so many jobs, each of which is done at once, and return their callers."""
    callers = []
    for _ in range(count):
        next_one = queue.take(only_small=only_small)
        assert next_one is not None
        callers.append(next_one.caller)
        queue.done(next_one)
    return callers


def test_callers_take_turns() -> None:
    queue = filled([*(job("many") for _ in range(5)), job("one"), job("other")])
    assert taken(queue, 7) == ["many", "one", "other", "many", "many", "many", "many"]


def test_turns_are_measured_by_the_work_and_not_by_the_number() -> None:
    queue = filled([job("dear", 9.0), job("dear", 9.0), *(job("cheap") for _ in range(12))])
    assert taken(queue, 14) == ["dear", *["cheap"] * 9, "dear", *["cheap"] * 3]


def test_who_comes_later_has_no_credit_for_the_time_before() -> None:
    queue = filled([job("early") for _ in range(8)])
    assert taken(queue, 4) == ["early"] * 4
    for _ in range(3):
        queue.put(job("late"))
    assert taken(queue, 6) == ["late", "early", "late", "early", "late", "early"]


def test_leaving_and_coming_again_pays_nothing_back() -> None:
    queue = filled([job("other"), job("greedy", 50.0), job("good")])
    assert queue.take() is not None, "somebody is at work all the time"
    assert taken(queue, 2) == ["greedy", "good"]
    queue.put(job("greedy", 50.0))
    queue.put(job("good"))
    assert taken(queue, 2) == ["good", "greedy"]


def test_small_pictures_have_a_lane_of_their_own() -> None:
    queue = filled([*(job("heavy", 10 * LARGE) for _ in range(64)), job("heavy", SMALL), job("good", SMALL)])
    heavy = queue.take()
    assert heavy is not None
    assert taken(queue, 2, only_small=True) == ["good", "heavy"]


def test_one_callers_large_pictures_leave_a_process_to_others() -> None:
    queue = filled([*(job("heavy", 2 * LARGE) for _ in range(3)), job("good", LARGE)], processes=2)
    first, second = queue.take(), queue.take()
    assert first is not None
    assert second is not None
    assert (first.caller, second.caller) == ("heavy", "good")
    queue.done(second)
    queue.put(job("good", LARGE))
    assert taken(queue, 1) == ["good"]
    queue.done(first)
    assert taken(queue, 2) == ["heavy", "heavy"]


def test_what_is_cancelled_while_it_waits_takes_no_room_and_no_turn() -> None:
    queue = filled([job("a", size=5) for _ in range(4)], sharing=Sharing(waiting=4, held=20))
    gone = job("b")
    with pytest.raises(PoolBusy):
        queue.put(gone)
    cancelled = next(iter(queue._waiting["a"][0]))
    assert cancelled.future.cancel()
    queue.put(gone)
    assert taken(queue, 4) == ["a", "b", "a", "a"]


@pytest.mark.parametrize(
    ("rules", "jobs", "is_callers"),
    [
        (Sharing(waiting=3), [job("a"), job("b"), job("c")], False),
        (Sharing(of_one=2), [job("d"), job("d")], True),
        (Sharing(held=10), [job("a", size=6), job("b", size=4)], False),
        (Sharing(seconds=1.0), [job("d", 2 * COST_A_SECOND)], True),
    ],
)
def test_a_full_queue_takes_no_more_and_says_when_to_come_again(
    rules: Sharing, jobs: list[Job], is_callers: bool
) -> None:
    queue = filled(jobs, 2, rules)
    with pytest.raises(PoolBusy) as caught:
        queue.put(job("d", size=1))
    assert caught.value.is_callers is is_callers
    assert 1 <= caught.value.retry_after <= 60


def test_a_queue_that_one_caller_has_filled_with_work_takes_anothers() -> None:
    queue = filled([job("heavy", 3 * COST_A_SECOND)], 1, Sharing(seconds=3.0))
    with pytest.raises(PoolBusy, match=r"1 pictures of this caller wait already, about 3 s of work"):
        queue.put(job("heavy"))
    queue.put(job("good"))


def test_the_only_picture_of_a_caller_is_taken_however_dear() -> None:
    assert taken(filled([job("a", 1e12)], 1, Sharing(seconds=1.0)), 1) == ["a"]


def test_without_rules_anything_is_taken_in_its_order() -> None:
    queue = FairQueue(2)
    for _ in range(500):
        queue.put(job("", 10 * LARGE))
    assert len(taken(queue, 500)) == 500


def test_closing_gives_up_what_waits_and_wakes_who_takes() -> None:
    queue = filled([job("a")])
    (waiting,) = queue._waiting["a"][0]
    queue.close()
    with pytest.raises(WorkerNotStarted, match="is being stopped"):
        waiting.future.result()
    assert queue.take() is None
    with pytest.raises(WorkerNotStarted):
        queue.put(job("a"))


def test_callers_that_are_gone_are_forgotten() -> None:
    queue = filled([job("first", 5.0)])
    first = queue.take()
    assert first is not None
    for number in range(REMEMBERED + 10):
        queue.put(job(f"caller {number}"))
        taken(queue, 1)
    assert len(queue._served) == REMEMBERED
    assert queue._waiting == {}
    queue.done(first)
    assert queue._served == {}
