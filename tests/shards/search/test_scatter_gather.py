"""Many workers are asked at once: failures and laggards are asked again once, and nobody waits past the deadline."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import pairwise
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.errors import LookalikeError, ObjectNotFound
from shards.search.executors.messages import NoWorkerFree, WorkerFailed
from shards.search.executors.scatter_gather import Gathered, ScatterGather
from shards.search.executors.tasks import Threads
from tests.patience import PATIENCE
from tests.shards.search.account import Account
from tests.shards.search.task_runner import FakeTaskRunner

Answer = Mapping[int, str | LookalikeError]
Result = TypeVar("Result")


class Asked:
    """Workers that answer with the number of the call, or fail where `fails(call, number)` says so."""

    def __init__(self, fails: Callable[[int, int], bool] = lambda call, number: False) -> None:
        self.calls: list[tuple[int, ...]] = []
        self._fails = fails

    def __call__(self, numbers: Sequence[int]) -> Answer:
        call = len(self.calls)
        self.calls.append(tuple(numbers))
        return {n: WorkerFailed(f"call {call}") if self._fails(call, n) else f"call {call}" for n in numbers}


def gather(batches: Sequence[Sequence[int]], ask: Asked, tasks: FakeTaskRunner, seconds: float = 20.0) -> Gathered[str]:
    return ScatterGather(batches, ask, tasks, seconds).finish()


def test_each_batch_is_asked_once_and_all_at_the_same_time() -> None:
    tasks, ask = FakeTaskRunner([3, 1, 2]), Asked()
    done = gather([[0, 3], [1], [2, 4]], ask, tasks)
    assert tasks.begun == [0, 0, 0]
    assert done.results == {1: "call 0", 2: "call 1", 4: "call 1", 0: "call 2", 3: "call 2"}
    assert (done.errors, done.retried, done.hedged, tasks.time) == ({}, 0, 0, 3)


def test_only_what_failed_is_asked_again_and_only_once() -> None:
    ask = Asked(lambda call, number: number in (1, 2) and not (number == 1 and call == 1))
    done = gather([[0, 1, 2]], ask, FakeTaskRunner())
    assert ask.calls == [(0, 1, 2), (1, 2)]
    assert done.results == {0: "call 0", 1: "call 1"}
    assert [str(error) for error in done.errors.values()] == ["call 1"]
    assert (done.retried, done.hedged) == (1, 0)


def test_the_last_one_out_is_asked_again_when_it_takes_half_as_long_again_as_the_others() -> None:
    tasks, ask = FakeTaskRunner([2] * 9 + [30] + [2]), Asked()
    done = gather([[n] for n in range(10)], ask, tasks, seconds=60)
    assert tasks.begun[10:] == [3.0]
    assert tasks.time == 5
    assert (done.errors, done.hedged, done.retried) == ({}, 1, 0)


@pytest.mark.parametrize(("first", "second", "end"), [(4.0, 9.0, 4.0), (9.0, 4.0, 7.0)])
def test_the_first_answer_counts_whoever_gives_it(first: float, second: float, end: float) -> None:
    tasks = FakeTaskRunner([2, first, second])
    done = gather([[0], [1]], Asked(), tasks)
    assert tasks.begun == [0, 0, 3]
    assert (set(done.results), done.hedged, tasks.time) == ({0, 1}, 1, end)


def test_many_that_are_slow_are_no_laggards() -> None:
    tasks, ask = FakeTaskRunner([1] * 32 + [10] * 32), Asked()
    done = gather([[n] for n in range(64)], ask, tasks)
    assert (len(ask.calls), done.hedged, tasks.time) == (64, 0, 10)


def test_a_batch_without_others_is_no_laggard() -> None:
    tasks = FakeTaskRunner([19])
    assert gather([[0]], Asked(), tasks).hedged == 0
    assert len(tasks.begun) == 1


def test_what_is_late_is_an_error_and_nobody_waits_for_it() -> None:
    tasks = FakeTaskRunner([1, 50, 50])
    done = gather([[0], [1, 2]], Asked(), tasks, seconds=20)
    assert tasks.time == 20
    assert done.results == {0: "call 0"}
    assert {n: str(error) for n, error in done.errors.items()} == dict.fromkeys(
        (1, 2), "no worker had answered after 20 s"
    )


def test_what_failed_before_it_was_late_says_why_it_failed() -> None:
    done = gather([[0]], Asked(lambda call, number: True), FakeTaskRunner([1, 50]), seconds=20)
    assert str(done.errors[0]) == "call 0"


def test_a_failure_is_not_asked_a_third_time_where_a_laggard_was_asked_again() -> None:
    ask = Asked(lambda call, number: number == 1)
    done = gather([[0], [1]], ask, FakeTaskRunner([2, 4, 9]))
    assert ask.calls == [(0,), (1,), (1,)]
    assert (done.hedged, done.retried, set(done.errors)) == (1, 0, {1})


def test_what_a_call_raises_ends_it_at_once() -> None:
    def ask(numbers: Sequence[int]) -> Answer:
        raise ObjectNotFound("segments/0/a.npz", "a store")

    tasks = FakeTaskRunner([1, 5])
    with pytest.raises(ObjectNotFound):
        ScatterGather([[0], [1]], ask, tasks, 20.0).finish()
    assert tasks.time == 1


def test_what_a_failing_call_brought_counts_when_the_second_brings_all() -> None:
    ask = Asked(lambda call, number: (call, number) == (1, 1))
    done = gather([[0], [1, 2]], ask, FakeTaskRunner([2, 4, 9]))
    assert ask.calls == [(0,), (1, 2), (1, 2)]
    assert done.results == {0: "call 0", 1: "call 2", 2: "call 1"}


def test_an_answer_that_comes_after_the_other_changes_nothing() -> None:
    tasks = FakeTaskRunner([2] * 38 + [10, 30, 2, 20])
    done = gather([[n] for n in range(40)], Asked(), tasks, seconds=60)
    assert tasks.begun[40:] == [3, 3]
    assert (done.results[38], done.results[39], tasks.time) == ("call 38", "call 40", 23)


OUTCOME = st.tuples(st.floats(0, 30), st.booleans())


@given(
    sizes=st.lists(st.integers(1, 4), max_size=20),
    calls=st.lists(OUTCOME, min_size=40, max_size=40),
    flaky=st.sets(st.integers(0, 80)),
)
def test_whatever_happens_each_number_has_one_outcome_in_time(
    sizes: list[int], calls: list[tuple[float, bool]], flaky: set[int]
) -> None:
    numbers = iter(range(sum(sizes)))
    batches = [[next(numbers) for _ in range(size)] for size in sizes]
    tasks = FakeTaskRunner([seconds for seconds, _ in calls])
    ask = Asked(lambda call, number: calls[call][1] and number in flaky)
    done = gather(batches, ask, tasks)

    assert done.results.keys() | done.errors.keys() == set(range(sum(sizes)))
    assert not done.results.keys() & done.errors.keys()
    assert tasks.time <= 20
    assert max(Counter(n for call in ask.calls for n in call).values(), default=0) <= 2
    assert len(tasks.begun) == len(batches) + done.retried + done.hedged


def test_on_leaving_calls_are_cancelled_and_not_waited_for() -> None:
    tasks, ask = FakeTaskRunner(), Asked()
    with pytest.raises(ZeroDivisionError), ScatterGather([[0], [1]], ask, tasks, 20.0):
        raise ZeroDivisionError
    assert (len(tasks.begun), tasks.left, tasks.time, ask.calls) == (2, [], 0, [])


def test_when_it_is_over_no_call_is_left() -> None:
    tasks = FakeTaskRunner([2, 9, 50])
    gather([[0], [1]], Asked(), tasks)
    assert (len(tasks.begun), tasks.left) == (3, [])


def test_closing_the_task_runner_meanwhile_is_an_error_of_ours() -> None:
    tasks = FakeTaskRunner()
    calls = ScatterGather([[0], [1]], Asked(), tasks, 20.0)
    tasks.close()
    with pytest.raises(LookalikeError, match="the executor was closed"):
        calls.finish()


def test_when_a_call_cannot_be_started_those_before_are_cancelled() -> None:
    class Full(FakeTaskRunner):
        def start(self, call: Callable[[], Result]) -> Future[Result]:
            if len(self.begun) == 2:
                raise LookalikeError("no thread to be had")
            return super().start(call)

    tasks = Full()
    with pytest.raises(LookalikeError, match="no thread to be had"):
        ScatterGather([[0], [1], [2]], Asked(), tasks, 20.0)
    assert (len(tasks.begun), tasks.left) == (2, [])


BATCHES = [[2 * n, 2 * n + 1] for n in range(64)]


@pytest.mark.parametrize("room", [1, 5, 9, 63, 64])
def test_with_less_room_than_batches_all_are_answered_all_the_same(room: int) -> None:
    account = Account(room)
    done = ScatterGather(BATCHES, account.ask, account, 60.0).finish()
    assert (len(done.results), done.errors, done.retried, done.hedged) == (128, {}, 0, 0)
    assert account.most == room, "what room there is is used"
    assert done.throttled == account.refused
    assert account.left == []


def test_in_an_account_of_ten_functions_fewer_and_larger_batches_are_asked() -> None:
    account = Account(9)
    done = ScatterGather(BATCHES, account.ask, account, 20.0).finish()
    assert done.errors == {}
    assert len(account.asked) < 30, "of 64 batches"
    assert max(account.asked) == 8, "numbers of four batches, no more"
    assert account.time < 8, "seconds: as long as 64 batches take at two seconds each and nine at once would be 15"


def test_room_that_comes_later_is_found() -> None:
    account = Account(1, seconds=50.0, rooms={3.0: 64})
    done = ScatterGather([[n] for n in range(10)], account.ask, account, 60.0).finish()
    assert done.errors == {}
    assert account.time < 50 + 3 + 5


def test_who_is_refused_asks_in_growing_pauses_and_one_at_a_time() -> None:
    account = Account(0)
    done = ScatterGather([[n] for n in range(10)], account.ask, account, 20.0).finish()
    assert account.time == 20
    assert {type(error) for error in done.errors.values()} == {NoWorkerFree}
    assert len(account.begun) < 10 + 20
    later = account.begun[10:]
    assert all(after - before <= 2.1 for before, after in pairwise(later))


def test_a_refused_call_does_not_count_as_one_of_the_two_that_a_batch_has() -> None:
    class Flaky(Account):
        def ask(self, numbers: Sequence[int]) -> Answer:
            answer = super().ask(numbers)
            if self._is_refusing or len(self.asked) > 1:
                return answer
            return dict.fromkeys(numbers, WorkerFailed("once"))

    account = Flaky(1)
    done = ScatterGather([[0], [1], [2]], account.ask, account, 60.0).finish()
    assert (done.errors, set(done.results)) == ({}, {0, 1, 2})


def test_threads_wait_where_there_is_no_call() -> None:
    tasks = Threads(1)
    before = tasks.now()
    tasks.wait([], 0.001)
    assert tasks.now() - before >= 0.001
    tasks.close()


def test_who_fails_waits_for_the_calls_that_have_begun() -> None:
    tasks, may_end, has_begun = Threads(1), threading.Event(), threading.Event()

    def ask(numbers: Sequence[int]) -> Answer:
        has_begun.set()
        assert may_end.wait(PATIENCE)
        return dict.fromkeys(numbers, "row")

    calls = ScatterGather([[0], [1]], ask, tasks, PATIENCE)
    assert has_begun.wait(PATIENCE)
    (running, waiting) = list(calls._calls)
    threading.Timer(0.01, may_end.set).start()
    with pytest.raises(ZeroDivisionError), calls:
        raise ZeroDivisionError
    assert (running.done(), waiting.cancelled()) == (True, True)
    tasks.close()


def test_who_fails_waits_no_longer_than_the_deadline() -> None:
    tasks, may_end, has_begun = Threads(1), threading.Event(), threading.Event()

    def ask(numbers: Sequence[int]) -> Answer:
        has_begun.set()
        assert may_end.wait(PATIENCE)
        return dict.fromkeys(numbers, "row")

    calls = ScatterGather([[0]], ask, tasks, 0.001)
    assert has_begun.wait(PATIENCE)
    with pytest.raises(ZeroDivisionError), calls:
        raise ZeroDivisionError
    may_end.set()
    tasks.close()


def test_threads_wait_for_the_first_of_several_calls() -> None:
    tasks = Threads(2)
    first, second = tasks.start(lambda: 1), tasks.start(lambda: 2)
    while not (first.done() and second.done()):
        tasks.wait([call for call in (first, second) if not call.done()], PATIENCE)
    assert (first.result(), second.result()) == (1, 2)
    before = tasks.now()
    assert tasks.now() >= before
    tasks.close()


def test_closing_threads_cancels_what_has_not_begun_and_ends_them() -> None:
    before = set(threading.enumerate())
    tasks, may_end, has_begun = Threads(1), threading.Event(), threading.Event()

    def busy() -> str:
        has_begun.set()
        assert may_end.wait(PATIENCE)
        return "done"

    running, waiting = tasks.start(busy), tasks.start(lambda: "never")
    assert has_begun.wait(PATIENCE)
    tasks.close()
    assert (running.done(), waiting.cancelled()) == (False, True), "nobody waits for what has begun"
    may_end.set()
    assert running.result(PATIENCE) == "done"
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    with pytest.raises(LookalikeError, match="no worker can be asked"):
        tasks.start(lambda: "never")
