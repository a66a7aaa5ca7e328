"""A pace: what many workers ask at once stays below what a prefix may be asked, and few wait for it."""

from __future__ import annotations

import heapq

import pytest

from shards.storage.memory import MemoryStore
from shards.storage.paced import BURST, READS, PacedStore
from shards.storage.ranges import GAP
from tests.world import FakeWorld


def paced_store(world: FakeWorld, among: int) -> PacedStore:
    inner = MemoryStore()
    inner.create("a", bytes(8 * GAP))
    store = PacedStore(inner, world)
    if among:
        store.share(among)
    return store


def seconds(world: FakeWorld) -> float:
    return world.steady_ns() / 1e9 - 1_800_000_000


def test_who_shares_with_nobody_known_does_not_wait() -> None:
    world = FakeWorld()
    store = paced_store(world, 0)
    for _ in range(10_000):
        store.get_ranges("a", [(0, 1)])
    assert seconds(world) == 0


@pytest.mark.parametrize("among", [1, 9, 64])
def test_each_of_many_has_its_share_of_each_second(among: int) -> None:
    world = FakeWorld()
    store = paced_store(world, among)
    reads = 0
    while seconds(world) < 10:
        store.get_ranges("a", [(0, 1)])
        reads += 1
    assert reads == pytest.approx((10 + BURST) * READS / among, rel=0.03)


def test_it_answers_what_the_store_answers() -> None:
    store = paced_store(FakeWorld(), 64)
    assert bytes(store.get("a")) == bytes(8 * GAP)
    assert [bytes(view) for view in store.get_ranges("a", [(1, 3), (0, 0)])] == [b"\0\0", b""]
    assert store.size("a") == 8 * GAP


def test_what_is_asked_after_a_pause_need_not_wait() -> None:
    world = FakeWorld()
    store = paced_store(world, 64)
    for _ in range(3):
        world.pass_seconds(60)
        before = seconds(world)
        for _ in range(int(BURST * READS / 64)):
            store.get_ranges("a", [(0, 1)])
        assert seconds(world) == before


def test_ranges_count_by_the_requests_that_they_are_fetched_in() -> None:
    world = FakeWorld()
    store = paced_store(world, READS)
    store.get_ranges("a", [(0, 1), (10, 20), (30, 40)])
    assert seconds(world) == pytest.approx(1 - BURST)
    store.get_ranges("a", [(0, 1), (3 * GAP, 3 * GAP + 1), (6 * GAP, 6 * GAP + 1)])
    assert seconds(world) == pytest.approx(4 - BURST)
    store.size("a")
    store.get("a")
    assert seconds(world) == pytest.approx(6 - BURST)


PROMISED = 5_500
"""Reads a second that S3 promises under one prefix."""


def refused(*, is_paced: bool, reads: int, workers: int = 64) -> float:
    """Return the share of reads that a prefix refuses in the second in which it refuses most.

    Each worker has 16 reads of 63 ms on their way at a time, which is fewer than eight scans may have.
    """
    world = FakeWorld()
    stores = [PacedStore(MemoryStore(), world) for _ in range(workers)]
    for store in stores:
        if is_paced:
            store.share(workers)
    asked: list[float] = []
    lines = [(0.0, worker, line) for worker in range(workers) for line in range(16)]
    left = [reads // workers] * workers
    heapq.heapify(lines)
    now = 0.0
    while lines:
        at, worker, line = heapq.heappop(lines)
        if not left[worker]:
            continue
        left[worker] -= 1
        world.pass_seconds(max(0.0, at - now))
        now = max(now, at)
        free_at = stores[worker]._free_at
        if is_paced:
            # what `_wait` would sleep, without making the others wait
            stores[worker]._free_at = max(free_at, now - BURST) + 1 / stores[worker]._rate
            at = max(now, stores[worker]._free_at)
        asked.append(at)
        heapq.heappush(lines, (at + 0.063, worker, line))
    asked.sort()
    busiest = max(sum(start <= at < start + 1 for at in asked) for start in range(int(asked[-1]) + 1))
    return max(0.0, 1 - PROMISED / busiest)


def test_a_question_to_a_billion_images_is_not_refused() -> None:
    """It asks 57,594 times, as docs/scale.md says."""
    assert refused(is_paced=False, reads=57_594) > 0.6
    assert refused(is_paced=True, reads=57_594) == 0
