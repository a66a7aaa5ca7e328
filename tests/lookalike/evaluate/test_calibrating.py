"""Calibrating an index by its own images."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike import Index, Key, Signature
from lookalike.evaluate.calibrating import Calibration, stricter
from lookalike.signatures.computed import Signed
from shards.errors import CorruptObject, QueryError
from shards.families import Family, family
from shards.families.rates import RateTable
from shards.storage.memory import MemoryStore
from shards.table.format.records import Record

DHASH, PHASH = family("dhash"), family("phash")
COUNT = 1200
ASKED = 0x5A3C_96E1_0F4B_D287
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


def test_searches_and_comparisons_go_by_the_rates_of_the_index(calibrated: tuple[Index, Calibration]) -> None:
    index, found = calibrated
    other = index_of(hashes(np.random.default_rng(3)))
    asked = Signature(f"{hashes(np.random.default_rng(3))[0] ^ 1:016x}")
    here, elsewhere = (each.search(asked).hits[0] for each in (index, other))

    assert here.key == elsewhere.key == "0"
    assert here.false_rate == found.tables["dhash"].rate(here.score) > elsewhere.false_rate
    assert elsewhere.confidence != here.confidence
    assert elsewhere.is_match
    assert not here.is_match
    (compared,), (compared_elsewhere,) = (each.compare(asked, Key("0")) for each in (index, other))
    assert (compared.is_match, compared_elsewhere.is_match) == (False, True)
    assert len(index.duplicates().groups) <= len(other.duplicates().groups)
    assert index.match_score_of(DHASH) > DHASH.match_score


def test_an_index_of_several_families_ranks_by_its_own_rates() -> None:
    store = MemoryStore()
    index = Index.create(store, families=["dhash", "phash"])
    records = [
        Record(
            name,
            index.next_order(),
            rows={kind.name: kind.parse(f"{ASKED ^ (1 << bits) - 1:016x}") for kind, bits in rows},
        )
        for name, rows in (("by dhash", ((DHASH, 0), (PHASH, 30))), ("by phash", ((DHASH, 30), (PHASH, 6))))
    ]
    index.write(records)
    asked = Signed(({"dhash": DHASH.parse(f"{ASKED:016x}"), "phash": PHASH.parse(f"{ASKED:016x}")},))
    assert [hit.key for hit in index.search(asked).hits] == ["by dhash", "by phash"]

    index._table.store_rates(1000, 1000, {"dhash": RateTable(((0.0, 1.0), (100.0, 0.1)))})

    reopened = Index.open(store)
    assert [hit.key for hit in reopened.search(asked).hits] == ["by phash", "by dhash"]


def test_rates_that_are_damaged_keep_nobody_from_searching() -> None:
    store = MemoryStore()
    index = Index.create(store, families=["dhash"])
    index.write([Record("a", index.next_order(), rows={"dhash": DHASH.parse(f"{ASKED:016x}")})])
    index._table.store_rates(1000, 1000, {"dhash": RateTable(((0.0, 1.0), (100.0, 0.1)))})
    (name,) = (entry.name for entry in index._table.store.list("rates/"))
    index._table.store.delete([name])
    index._table.store.create(name, b"{")
    reopened = Index.open(store)

    assert reopened.search(Signature(f"{ASKED:016x}")).hits[0].is_match
    with pytest.raises(CorruptObject, match="rates/"):
        _ = reopened.rates
    # what is damaged is looked for once
    index._table.store.delete([name])
    with pytest.raises(CorruptObject, match="rates/"):
        _ = reopened.rates


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
