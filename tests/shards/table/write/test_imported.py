"""Notes of imports."""

from __future__ import annotations

import pytest

from shards.errors import CorruptObject, QueryError
from shards.table.format import names
from shards.table.format.envelope import seal
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.verify import verify
from tests.shards.table.synthetic import make_store, make_table
from tests.world import FakeWorld

CONTENT, OTHER = "0123456789abcdef" * 2, "f" * 32


@pytest.fixture
def table(world: FakeWorld) -> CommittingTable:
    return make_table(make_store(world), world)


def test_a_content_keeps_the_time_of_its_first_import(table: CommittingTable, world: FakeWorld) -> None:
    first = table.import_time(CONTENT)
    world.pass_seconds(3600)
    assert table.import_time(CONTENT) == first
    assert make_table(table.root, world).import_time(CONTENT) == first, "another process"
    assert table.import_time(OTHER) > first


def test_a_content_was_imported_when_that_was_noted(table: CommittingTable) -> None:
    table.import_time(CONTENT)
    assert not table.was_imported(CONTENT)
    table.mark_imported(CONTENT)
    table.mark_imported(CONTENT)
    assert table.was_imported(CONTENT)
    assert not table.was_imported(OTHER)


@pytest.mark.parametrize("content", ["", "0" * 31, "G" * 32, "0" * 33, "../" + "0" * 32])
def test_a_content_has_a_digest_for_a_name(table: CommittingTable, content: str) -> None:
    with pytest.raises(QueryError, match="named by 32 hex digits"):
        table.import_time(content)


@pytest.mark.parametrize(
    "body", [b"", seal({"format": 1}), seal({"format": 1, "time": "noon"}), seal({"format": 1, "time": -1})]
)
@pytest.mark.parametrize("is_done", [True, False])
def test_a_damaged_note_is_an_error_and_found_by_verify(table: CommittingTable, body: bytes, is_done: bool) -> None:
    name = names.imported(CONTENT, is_done=is_done)
    table.store.create(name, body)
    with pytest.raises(CorruptObject, match=name):
        table.was_imported(CONTENT) if is_done else table.import_time(CONTENT)
    report = verify(table)
    assert [(problem.name, problem.is_harmless) for problem in report.problems] == [(name, True)]


def test_notes_are_objects_of_an_index_and_others_beside_them_are_not(table: CommittingTable) -> None:
    table.import_time(CONTENT)
    table.mark_imported(CONTENT)
    assert verify(table).problems == ()
    table.store.create(names.IMPORTS + "notes.txt", b"mine")
    assert [problem.problem for problem in verify(table).problems] == ["is no object of an index"]
