"""Pairs that are no strangers: which rule says so, and what an evaluation says of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lookalike.evaluate import report
from lookalike.evaluate.as_json import document
from lookalike.evaluate.evaluating import Settings, evaluate
from lookalike.evaluate.pictures import PictureSet
from lookalike.evaluate.related import Related, Rule, related
from lookalike.evaluate.result import Evaluation
from shards.errors import QueryError

NAMES = ("asked/stamps/a", "asked/photos/b", "clipart/c", "forms/d", "forms/e", "photos/f", "stamps/g")
A, B, C, D, E, F, G = range(7)
PICTURES = PictureSet(NAMES, tuple(map(Path, NAMES)), (A, B))
DRAWINGS, FORMS = ("clipart", "stamps"), ("forms",)


def said(of: Related, subject: int, companions: Sequence[int] = (), alike: Iterable[int] = ()) -> dict[int, Rule]:
    """Return the rule of each picture that is no stranger, but for the one that is asked for."""
    rules = of.rules(subject, companions, alike)
    assert rules[subject] == Rule.ITSELF
    return {place: Rule(rule) for place, rule in enumerate(rules) if rule and place != subject}


class TestASeries:
    def test_is_all_pictures_of_its_folders_whether_asked_for_or_not(self) -> None:
        assert said(related(PICTURES, (), [DRAWINGS]), A) == {C: Rule.SERIES, G: Rule.SERIES}

    def test_says_nothing_of_other_pictures(self) -> None:
        assert said(related(PICTURES, (), [DRAWINGS]), B) == {}

    def test_is_related_to_no_other_series(self) -> None:
        both = related(PICTURES, (), [DRAWINGS, FORMS])
        assert said(both, A) == {C: Rule.SERIES, G: Rule.SERIES}
        assert said(both, D) == {E: Rule.SERIES}

    def test_is_related_to_a_collage_with_one_of_it_in_a_cell(self) -> None:
        assert said(related(PICTURES, (), [DRAWINGS, FORMS]), B, companions=[C, F]) == {
            A: Rule.SERIES_CELL,
            C: Rule.CELL,
            F: Rule.CELL,
            G: Rule.SERIES_CELL,
        }

    @pytest.mark.parametrize(
        ("series", "told"),
        [
            ([("stamp",)], "no picture is in a folder 'stamp', .* folders: clipart, forms, photos, stamps"),
            ([("asked",)], "no picture is in a folder 'asked'"),
            ([("",)], "no picture is in a folder ''"),
            ([("forms",), ("clipart", "forms")], "the folder 'forms' is in two series: name both as one"),
        ],
    )
    def test_is_of_folders_that_are_there_each_in_one(self, series: Sequence[Sequence[str]], told: str) -> None:
        with pytest.raises(QueryError, match=told):
            related(PICTURES, (), series)


class TestAPairThatIsTold:
    def test_is_none_of_strangers_whichever_is_asked_for(self) -> None:
        of = related(PICTURES, [(NAMES[B], NAMES[F])], [])
        assert said(of, B) == {F: Rule.TOLD}
        assert said(of, F) == {B: Rule.TOLD}

    def test_holds_where_one_is_in_a_cell_of_a_collage(self) -> None:
        assert said(related(PICTURES, [(NAMES[D], NAMES[F])], []), B, companions=[F]) == {D: Rule.TOLD, F: Rule.CELL}

    def test_may_be_of_pictures_that_are_not_in_the_set(self) -> None:
        assert said(related(PICTURES, [("no", NAMES[F])], []), F) == {}


def test_the_first_rule_that_says_so_is_named() -> None:
    of = related(PICTURES, [(NAMES[A], NAMES[C])], [DRAWINGS])
    assert said(of, A) == {C: Rule.TOLD, G: Rule.SERIES}
    assert said(of, A, alike=[C, G]) == {C: Rule.ALIKE, G: Rule.ALIKE}
    assert said(of, A, companions=[C], alike=[C]) == {C: Rule.CELL, G: Rule.SERIES}


def drawing(n: int) -> Image.Image:
    """Return one of a set of drawings: the same shapes, and below them other ones for each `n`."""
    image = Image.new("RGB", (240, 240), "white")
    pen = ImageDraw.Draw(image)
    chance = np.random.default_rng(0)
    for x, y, size in chance.integers((0, 0, 10), (210, 150, 60), (14, 3)).tolist():
        pen.rectangle((x, y, x + size, y + size // 2), fill=tuple(chance.integers(0, 200, 3).tolist()))
    chance = np.random.default_rng(n)
    for x, y in chance.integers((0, 170), (210, 215), (8, 2)).tolist():
        pen.ellipse((x, y, x + 25, y + 20), fill=tuple(chance.integers(0, 200, 3).tolist()))
    return image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    (made / "set").mkdir()
    for n in range(1, 5):
        drawing(n).save(made / "set" / f"{n}.png")
    return made


@pytest.fixture(scope="module")
def found(folder: Path) -> Evaluation:
    return evaluate(folder, Settings(families=("crops",), transformations=("half",), jobs=1, series=(("set",),)))


@pytest.fixture(scope="module")
def without(folder: Path) -> Evaluation:
    return evaluate(folder, Settings(families=("crops",), transformations=("half",), jobs=1))


class TestAnEvaluationOfASeries:
    def test_calls_a_drawing_of_the_set_a_false_match_unless_it_is_told(self, without: Evaluation) -> None:
        assert len(without.results["crops"].false_matches) > 0
        assert without.left_out[Rule.SERIES] == 0

    def test_counts_no_pair_of_it(self, found: Evaluation) -> None:
        assert found.left_out[Rule.SERIES] == 4 * 3
        assert found.results["crops"].strangers.pairs == 0
        assert found.results["crops"].false_matches == ()

    def test_names_those_that_are_called_a_match(self, found: Evaluation, without: Evaluation) -> None:
        named, false = found.results["crops"].apart, without.results["crops"].false_matches
        assert {(each.subject, each.other, each.score) for each in named} == {
            (each.subject, each.other, each.score) for each in false
        }
        assert {each.rule for each in named} == {Rule.SERIES}
        assert found.results["crops"].apart_by_rule[Rule.SERIES] == len(named)

    def test_is_told_in_json(self, found: Evaluation) -> None:
        read = json.loads(json.dumps(document(found), allow_nan=False))
        assert read["left_out"]["series"] == [["set"]]
        assert read["left_out"]["pairs_by_rule"]["series"] == 12
        matches = read["families"]["crops"]["left_out_matches"]
        assert matches["by_rule"]["series"] == len(matches["pairs"]) > 0
        assert matches["pairs"][0]["rule"] == "series"

    def test_is_told_in_the_report(self, found: Evaluation, without: Evaluation) -> None:
        page = report.page(found)
        assert "A series: set" in page
        assert "two pictures of one series<td>12" in page
        assert "Not counted, since they are no strangers" in page
        assert "Not counted, since they are no strangers" not in report.page(without)
