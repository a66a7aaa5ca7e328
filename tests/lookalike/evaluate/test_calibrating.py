"""Calibrating an index by its own images."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike import Index, Key
from lookalike.evaluate.calibrating import Calibration, stricter
from shards.errors import QueryError
from shards.families import Family, family
from shards.families.rates import RateTable
from shards.table.format.records import Record

DHASH = family("dhash")
COUNT = 1200
ALIKE_BITS = 24
"""Bits in which the hashes of this index differ; the other 40 are the same in all, as in scans of one form."""


def hashes(chance: np.random.Generator) -> list[int]:
    fixed = 0x5A5A5A5A5A000000
    return [fixed | int(number) for number in chance.choice(1 << ALIKE_BITS, COUNT, replace=False)]


def index_of(numbers: list[int], kind: Family = DHASH) -> Index:
    index = Index.create("memory://", families=[kind.name])
    orders = index.orders([f"{n}" for n in range(len(numbers))])
    records = [
        Record(f"{n}", order, rows={kind.name: kind.parse(f"{number:016x}")})
        for n, (number, order) in enumerate(zip(numbers, orders, strict=True))
    ]
    index.write(records)
    index.compact()
    return index


@pytest.fixture(scope="module")
def calibrated() -> tuple[Index, Calibration]:
    index = index_of(hashes(np.random.default_rng(3)))
    return index, index.calibrate(pairs=200_000)


def test_an_index_of_images_that_are_alike_is_stricter(calibrated: tuple[Index, Calibration]) -> None:
    index, found = calibrated
    everywhere = DHASH.rates.score(1e-6)
    assert found.tables["dhash"].score(1e-6) > everywhere
    assert index.rates_of(DHASH).score(1e-6) > everywhere


def test_the_rates_are_those_of_the_pairs(calibrated: tuple[Index, Calibration]) -> None:
    """24 bits that differ at random: the share of pairs within 6 bits of each other is that of the binomial."""
    _, found = calibrated
    from math import comb

    expected = sum(comb(ALIKE_BITS, bits) for bits in range(7)) / 2**ALIKE_BITS
    assert found.tables["dhash"].rate(DHASH.score_at(6)) == pytest.approx(expected, rel=0.15)


def test_it_says_what_was_compared(calibrated: tuple[Index, Calibration]) -> None:
    _, found = calibrated
    assert (found.images, found.sample) == (COUNT, COUNT)
    assert 200_000 <= found.pairs < 202_000
    assert found.copies == 0
    assert 80 < found.measured_up_to["dhash"] < 100


def test_no_score_and_no_order_changes(calibrated: tuple[Index, Calibration]) -> None:
    index, _ = calibrated
    other = index_of(hashes(np.random.default_rng(3)))
    asked = [[(hit.key, hit.score) for hit in each.search(Key("0")).hits] for each in (index, other)]
    assert asked[0] == asked[1]


def test_images_that_are_there_twice_are_no_strangers() -> None:
    numbers = hashes(np.random.default_rng(4))
    doubled = index_of([*numbers[: COUNT // 2], *numbers[: COUNT // 2]])
    found = doubled.calibrate(pairs=200_000)
    assert found.copies > 0
    assert found.tables["dhash"].rate(100) < 1e-3


def test_too_few_images_are_refused() -> None:
    with pytest.raises(QueryError, match="2 images are too few to calibrate: 1,000 or more are needed"):
        index_of([1, 2]).calibrate()


class TestStricter:
    KNOWN = RateTable(((0.0, 1.0), (50.0, 1e-3), (60.0, 1e-5), (70.0, 1e-7)))

    def test_no_rate_is_below_the_known_one(self) -> None:
        table = stricter(self.KNOWN, [(0.0, 1.0), (40.0, 1e-3), (55.0, 1e-3 / 2)])
        for score in range(0, 100, 5):
            assert table.rate(score) >= self.KNOWN.rate(score) * (1 - 1e-9)

    def test_what_was_measured_counts_where_it_is_higher(self) -> None:
        table = stricter(self.KNOWN, [(0.0, 1.0), (50.0, 1e-1), (60.0, 1e-3)])
        assert table.rate(50) == pytest.approx(1e-1)
        assert table.rate(60) == pytest.approx(1e-3)

    def test_beyond_it_the_known_rates_go_on_as_many_times_higher(self) -> None:
        table = stricter(self.KNOWN, [(0.0, 1.0), (50.0, 1e-1), (60.0, 1e-3)])
        assert table.rate(70) == pytest.approx(1e-5)

    def test_without_a_measurement_nothing_changes(self) -> None:
        assert stricter(self.KNOWN, [(0.0, 1.0)]) == self.KNOWN
