"""Parallel map: in order, and with no thread where the store is local."""

from __future__ import annotations

import threading

import pytest

from shards.errors import ObjectNotFound
from shards.storage.delegating import DelegatingStore
from shards.storage.memory import MemoryStore
from shards.storage.parallel import PARALLEL, parallel_map


class FarStore(DelegatingStore):
    """A store that is far away."""

    @property
    def mapped(self) -> bool:
        return False


@pytest.fixture
def far() -> FarStore:
    return FarStore(MemoryStore())


def test_results_come_in_the_order_of_the_items(far: FarStore) -> None:
    second_began = threading.Event()

    def call(item: int) -> int:
        if item == 1:
            second_began.set()
        else:
            second_began.wait()
        return 10 * item

    assert parallel_map(far, call, [0, 1, 2]) == [0, 10, 20]


def test_a_local_store_is_asked_by_the_calling_thread() -> None:
    threads = parallel_map(MemoryStore(), lambda _: threading.current_thread(), [1, 2, 3])
    assert set(threads) == {threading.current_thread()}


def test_a_task_may_map_over_items_of_its_own(far: FarStore) -> None:
    # more tasks than threads: a pool that all calls share would wait for itself
    wanted = list(range(2 * PARALLEL))
    assert parallel_map(far, lambda n: sum(parallel_map(far, lambda k: k, [n, n])), wanted) == [2 * n for n in wanted]


def test_the_first_failure_is_raised_when_all_have_ended(far: FarStore) -> None:
    ended = []

    def call(name: str) -> None:
        try:
            far.get(name)
        finally:
            ended.append(name)

    far.create("there", b"")
    with pytest.raises(ObjectNotFound, match=r"^first: "):
        parallel_map(far, call, ["there", "first", "second"])
    assert sorted(ended) == ["first", "second", "there"]
