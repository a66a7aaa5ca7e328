"""`lookalike evaluate`: what it is told of pictures that have something in common, and what it says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lookalike.cli.drawing import draw
from tests.lookalike.cli.running import run

LEFT_OUT = Path(__file__).parents[3] / "benchmarks" / "evaluation" / "left-out.tsv"

SOME = ("--families", "dhash", "--transformations", "half", "--jobs", 1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    draw(tmp_path / "photos", ["forms/a.png", "forms/b.png", "stamps/c.png", "stamps/d.png", "clip art/e.png"])
    return tmp_path / "photos"


def test_folders_with_commas_between_them_are_one_series(photos: Path) -> None:
    told = json.loads(run("evaluate", photos, *SOME, "--series", "forms, stamps/,clip art", "--json").output)
    assert told["left_out"]["series"] == [["forms", "stamps", "clip art"]]
    assert told["left_out"]["pairs_by_rule"]["series"] == 5 * 4


def test_each_option_is_a_series_of_its_own(photos: Path) -> None:
    told = json.loads(run("evaluate", photos, *SOME, "--series", "forms", "--series", "stamps", "--json").output)
    assert told["left_out"]["pairs_by_rule"]["series"] == 2 * 2 * 1


def test_people_are_told_how_many_pairs_a_series_keeps_from_the_count(photos: Path) -> None:
    output = run("evaluate", photos, *SOME, "--series", "forms", "--text").output
    assert "2 pairs are not counted: two pictures of one series; called a match by dhash 0, auto 0" in output


def test_a_series_that_is_not_there_is_refused(photos: Path) -> None:
    result = run("evaluate", photos, *SOME, "--series", "form")
    assert result.exit_code == 2
    assert "no picture is in a folder 'form'" in result.output


def test_the_pairs_of_the_measured_set_are_read_and_have_a_reason(photos: Path) -> None:
    assert run("evaluate", photos, *SOME, "--left-out", LEFT_OUT).exit_code == 0
    pairs = [line.split("\t") for line in LEFT_OUT.read_text().splitlines() if not line.startswith("#")]
    assert len(pairs) == 3
    for a, b, reason in pairs:
        assert a.endswith(".jpg")
        assert b.endswith(".jpg")
        assert reason


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("lookalike.evaluate.evaluating.evaluate")
    result = run("evaluate", photos, *SOME, "--html", photos / "nowhere" / "report.html")
    assert result.exit_code == 2
    assert "No such file or directory" in result.output
