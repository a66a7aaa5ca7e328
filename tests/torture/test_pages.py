"""docs/trust.md shows what the command printed, and sums it up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.figures import Figures, Table
from tests.torture.pages import BLOCK, RUNS, counted, render, replaced
from tests.torture.parts import PARTS

PAGE = Path(__file__).parents[2] / "docs" / "trust.md"
EMPTY = "# Trust\n<!-- figures: fuzzing -->\n<!-- end -->\n<!-- figures: simulation -->\n<!-- end -->\n"


def test_figures_of_several_runs_are_summed_up() -> None:
    page = EMPTY
    for inputs in ({"inputs": 1_200}, {"inputs": 34, "crashes": 1}):
        text = render("When and where.", counted(page, "fuzzing").plus(inputs), Figures(inputs))
        page = replaced(page, "fuzzing", text)
    assert dict(counted(page, "fuzzing").once) == {RUNS: 1, "inputs": 34, "crashes": 1}
    assert dict(counted(page, "fuzzing").ever) == {RUNS: 2, "inputs": 1_234, "crashes": 1}
    assert dict(counted(page, "simulation").ever) == {}


def test_a_part_without_a_block_is_named() -> None:
    with pytest.raises(LookupError, match="soak"):
        replaced(EMPTY, "soak", "text\n")


def test_a_table_has_its_numbers_to_the_right() -> None:
    table = Table(("what", "how often"), [("a", "1,200"), ("b", "3.5")])
    assert str(table) == "| what | how often |\n| --- | ---: |\n| a | 1,200 |\n| b | 3.5 |"


def test_the_page_has_a_block_for_each_part_and_no_other() -> None:
    assert {block["name"] for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))} == set(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_the_page_shows_the_printed_form(name: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (text,) = [block["text"] for block in BLOCK.finditer(page) if block["name"] == name]
    if text:
        where, *_ = text.split("\n\n")
        tables = text.removeprefix(where)
        assert tables.startswith(f"\n\n{counted(page, name).table()}\n")
        assert "one core, seed" in where
