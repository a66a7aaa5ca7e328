"""Batches: many records a log object, but none that waits for long, and no tail that grows for ever."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lookalike import Index, Record
from lookalike.ingest.backpressure import BACKPRESSURE, Backpressure
from lookalike.ingest.batch_writer import BatchWriter
from tests.lookalike.cli.drawing import png


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def index() -> Index:
    return Index.create("memory://", families=("dhash",))


@pytest.fixture
def safe(index: Index) -> list[str]:
    """The keys that were reported as safe, filled by `collector`."""
    return []


def collector(
    index: Index, safe: list[str], clock: Clock, size: int, limits: Backpressure = BACKPRESSURE
) -> BatchWriter:
    def report(records: Sequence[Record]) -> None:
        assert all(index.get(record.key) for record in records)
        safe.extend(record.key for record in records)

    return BatchWriter(index, size, clock, report, limits)


def record(index: Index, n: int) -> Record:
    return index.sign(f"{n}.png", png(n))


def test_nothing_is_reported_before_it_is_in_the_index(index: Index, safe: list[str]) -> None:
    collected = collector(index, safe, Clock(), 3)
    for n in range(5):
        collected.add(record(index, n))
    assert safe == ["0.png", "1.png", "2.png"]
    collected.write()
    assert safe == [f"{n}.png" for n in range(5)]
    assert index.stats().tail == 2


def test_a_batch_that_fills_slowly_is_written_when_it_is_old(index: Index, safe: list[str]) -> None:
    clock = Clock()
    collected = collector(index, safe, clock, 100)
    collected.add(record(index, 0))
    clock.seconds = 1.9
    collected.write_if_due()
    assert safe == []
    clock.seconds = 2.0
    collected.write_if_due()
    assert safe == ["0.png"]
    collected.write_if_due()
    assert index.stats().tail == 1


@pytest.mark.parametrize("limits", [Backpressure(max_objects=3, early=1), Backpressure(max_bytes=10_000, early=1)])
def test_a_long_tail_is_folded_on_the_way(index: Index, safe: list[str], limits: Backpressure) -> None:
    collected = collector(index, safe, Clock(), 1, limits)
    for n in range(10):
        collected.add(record(index, n))
        assert index.stats().tail < 4
    assert index.stats().segments > 0
    assert index.count() == len(safe) == 10


def test_a_tail_that_was_there_before_counts(index: Index, safe: list[str]) -> None:
    for n in range(3):
        index.write([record(index, n)])
    collector(index, safe, Clock(), 1, Backpressure(max_objects=3, early=1)).add(record(index, 9))
    assert index.stats().tail == 0
