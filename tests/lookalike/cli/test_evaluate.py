"""`lookalike evaluate`: what it is told of pictures that have something in common, and what it says of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lookalike.evaluate.asking import Answers, Asker
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
    assert "not counted: 2 pairs, two pictures of one series; called a match by dhash 0, auto 0" in output


def test_people_are_told_what_the_threshold_of_auto_is(photos: Path) -> None:
    output = run("evaluate", photos, *SOME, "--text").output
    assert "its threshold is -log10 of the false rate, so 6.0 is one pair in a million" in output


class TestAnEvaluationThatIsInterrupted:
    def test_goes_on_and_says_so(self, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        command = ("evaluate", photos, *SOME, "--html", tmp_path / "report.html")
        with monkeypatch.context() as patched:
            patched.setattr(Asker, "ask", interrupted_at(3))
            stopped = run(*command)
        work = tmp_path / "report.work"
        assert stopped.exit_code == 130
        assert f"interrupted; the same command goes on from {work}" in stopped.stderr
        gone_on = run(*command, "--text")
        assert gone_on.exit_code == 0
        assert f"{work}: a run before has asked for 2 of 5 pictures; going on from there" in gone_on.stderr
        assert "% found of the copies of 5 among 5 pictures" in gone_on.stdout

    def test_says_that_nothing_was_kept_where_nothing_was(self, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Asker, "ask", interrupted_at(1))
        assert "interrupted; nothing was kept, since no --work was named" in run("evaluate", photos, *SOME).stderr


def interrupted_at(picture: int) -> Callable[[Asker, Sequence[int]], Answers]:
    """Return an `Asker.ask` during which Ctrl-C is pressed when this many pictures are asked for."""
    ask, asked = Asker.ask, iter(range(1, picture + 1))

    def asking(self: Asker, subjects: Sequence[int]) -> Answers:
        if next(asked) == picture:
            raise KeyboardInterrupt
        return ask(self, subjects)

    return asking


def test_a_series_that_is_not_there_is_refused(photos: Path) -> None:
    result = run("evaluate", photos, *SOME, "--series", "form")
    assert result.exit_code == 2
    assert "no picture is in a folder 'form'" in result.output


def test_the_pairs_of_the_measured_set_are_read_and_have_a_reason(photos: Path) -> None:
    assert run("evaluate", photos, *SOME, "--left-out", LEFT_OUT).exit_code == 0
    pairs = [line.split("\t") for line in LEFT_OUT.read_text().splitlines() if not line.startswith("#")]
    assert len(pairs) == len({frozenset(pair[:2]) for pair in pairs}) == 14
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
