"""False rates that an index keeps of its own images."""

from __future__ import annotations

from typing import Any

import pytest

from lookalike import Index, Signature
from shards.errors import CorruptObject
from shards.families import family
from shards.families.rates import RateTable
from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format.envelope import seal
from shards.table.maintain.collect import collect
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.copying import copy
from shards.table.maintain.verify import verify
from shards.table.write.calibrated import newest
from tests.shards.table.synthetic import make_store, make_table
from tests.world import FakeWorld

TABLES = {"haar": RateTable(((0.0, 1.0), (61.5, 1e-4), (80.25, 1e-6)))}
LATER = {"haar": RateTable(((0.0, 1.0), (90.0, 1e-6)))}


@pytest.fixture
def table(world: FakeWorld) -> CommittingTable:
    return make_table(make_store(world), world)


def test_none_are_known_before_any_are_measured(table: CommittingTable) -> None:
    assert table.stored_rates() is None


def test_what_was_stored_is_read_by_another_process(table: CommittingTable, world: FakeWorld) -> None:
    stored = table.store_rates(5000, 4_000_000, TABLES)
    assert make_table(table.root, world).stored_rates() == stored
    assert (stored.images, stored.pairs, stored.tables) == (5000, 4_000_000, TABLES)


def test_the_last_ones_count(table: CommittingTable, world: FakeWorld) -> None:
    table.store_rates(5000, 4_000_000, TABLES)
    world.pass_seconds(3600)
    later = table.store_rates(9000, 4_000_000, LATER)
    assert table.stored_rates() == later


def test_nobody_takes_them_for_something_else(table: CommittingTable, world: FakeWorld) -> None:
    stored = table.store_rates(5000, 4_000_000, TABLES)
    world.pass_seconds(10 * 24 * 3600)
    collect(table)
    assert table.stored_rates() == stored
    assert verify(table).problems == ()


def test_a_copy_has_them_too(table: CommittingTable, world: FakeWorld) -> None:
    stored = table.store_rates(5000, 4_000_000, TABLES)
    other = MemoryStore()
    copy(table.root, other, world)
    with Index.open(other) as copied:
        assert copied.rates == stored


@pytest.mark.parametrize(
    ("families", "told"),
    [
        ([], "families is a list of 0, and should be an object|families"),
        ({"haar": 5}, "a table should be a list of 2 to 1,000 points"),
        ({"haar": [[0, 1]]}, "a table should be a list of 2 to 1,000 points"),
        ({"haar": [[0, 1], [50]]}, "should be a score up to 100"),
        ({"haar": [[0, 1], [50, "low"]]}, "should be a score up to 100"),
        ({"haar": [[0, 1], [50, True]]}, "should be a score up to 100"),
        ({"haar": [[0, 1], [50, 2]]}, "should be a score up to 100 and a rate from 1e-12 to 1"),
        ({"haar": [[0, 1], [50, 0]]}, "should be a score up to 100 and a rate from 1e-12 to 1"),
        ({"haar": [[0, 1], [50, 5e-324]]}, "should be a score up to 100 and a rate from 1e-12 to 1"),
        ({"haar": [[0, 1], [1e308, 0.9999999999999999]]}, "should be a score up to 100"),
        ({"haar": [[0, 1], [10**400, 1e-3]]}, "should be a score up to 100"),
        ({"haar": [[0, 1], [50, 1]]}, "no table of false rates"),
        ({"haar": [[0, 1], [50, 1e-3], [40, 1e-4]]}, "no table of false rates"),
    ],
)
def test_damaged_ones_are_named_and_no_search_needs_them(table: CommittingTable, families: Any, told: str) -> None:
    body = seal({"format": 2, "time": 1, "images": 1, "pairs": 1, "families": families})
    name = names.rates(1, body)
    table.prepare()
    table.store.create(name, body)
    with pytest.raises(CorruptObject, match=told):
        newest(table.store)
    (problem,) = verify(table).problems
    assert problem.name == name
    assert problem.is_harmless
    assert "lookalike calibrate" in problem.advice
    with Index.open(table.root) as index:
        assert index.search(Signature("1e0f252515552f33")).hits == ()
        assert index.rates_of(family("haar")) == family("haar").rates


def test_names_of_other_people_are_let_be(table: CommittingTable) -> None:
    table.prepare()
    table.store.create(names.RATES + "notes.json", b"mine")
    assert table.stored_rates() is None
