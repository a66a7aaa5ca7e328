"""Evaluations of a few small pictures, from the folder to the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.evaluate import report
from lookalike.evaluate.as_json import document
from lookalike.evaluate.evaluating import Settings, evaluate
from lookalike.evaluate.related import Rule
from lookalike.evaluate.result import Evaluation
from shards.errors import QueryError
from shards.families import AUTO, family

SETTINGS = Settings(families=("dhash", "phash"), transformations=("half", "crop50", "collage"), jobs=1)


def picture(seed: int) -> Image.Image:
    """Return soft random shapes in colour, other ones for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    for n in range(8):
        kind = made / ("cats" if n % 2 else "dogs")
        kind.mkdir(exist_ok=True)
        picture(n).save(kind / f"{n}.png")
    picture(0).resize((120, 90)).save(made / "cats" / "zero.jpg")
    (made / "cats" / "broken.jpg").write_bytes(b"no picture")
    (made / "notes.txt").write_text("no picture either")
    return made


@pytest.fixture(scope="module")
def found(folder: Path) -> Evaluation:
    return evaluate(folder, SETTINGS)


class TestAnEvaluation:
    def test_asks_for_every_picture_in_every_way(self, found: Evaluation) -> None:
        assert found.subjects == len(found.pictures.names) == 9
        assert set(found.results) == {"dhash", "phash", AUTO}
        for result in found.results.values():
            assert result.own.shape == (9, 3)
            assert list(result.recall) == list(SETTINGS.transformations)

    def test_finds_smaller_copies_and_no_collages(self, found: Evaluation) -> None:
        recall = found.results["phash"].recall
        assert recall["half"].value == 1
        assert recall["collage"].value < 0.2

    def test_says_what_is_found_of_each_folder(self, found: Evaluation) -> None:
        of_phash = found.results["phash"]
        assert {kind: each.subjects for kind, each in of_phash.recall_by_kind.items()} == {"cats": 5, "dogs": 4}
        means = {kind: each.mean.value for kind, each in of_phash.recall_by_kind.items()}
        assert (5 * means["cats"] + 4 * means["dogs"]) / 9 == pytest.approx(of_phash.mean_recall.value)
        assert of_phash.recall_by_kind["dogs"].recall["half"].value == 1

    def test_names_pictures_that_are_there_twice_and_counts_them_as_no_strangers(self, found: Evaluation) -> None:
        assert found.alike == {
            ("cats/zero.jpg", "dogs/0.png"): ("dhash", "phash"),
            ("dogs/0.png", "cats/zero.jpg"): ("dhash", "phash"),
        }
        assert found.results["dhash"].strangers.high.size == 0

    def test_leaves_out_the_other_cells_of_a_collage(self, found: Evaluation) -> None:
        # 9 pictures: 8 others for each of three copies, less three cells of the collage, less the twins of two
        strangers = found.results[AUTO].strangers
        assert found.left_out[Rule.CELL] == 9 * 3
        assert 9 * (3 * 8 - 3) - 2 * 3 <= strangers.pairs <= 9 * (3 * 8 - 3) - 2 * 2

    def test_leaves_out_the_pairs_that_it_is_told(self, folder: Path) -> None:
        pair = ("cats/1.png", "dogs/2.png")
        told = evaluate(folder, replace(SETTINGS, transformations=("half",), left_out=(pair, ("a", "b"))))
        other = evaluate(folder, replace(SETTINGS, transformations=("half",)))
        assert told.told == (pair,)
        assert told.results["dhash"].strangers.pairs == other.results["dhash"].strangers.pairs - 2

    def test_names_what_it_cannot_read(self, found: Evaluation) -> None:
        assert list(found.unreadable) == ["cats/broken.jpg"]

    def test_says_that_so_few_pairs_measure_no_rate(self, found: Evaluation) -> None:
        for result in found.results.values():
            assert not result.is_measured
        assert found.results["dhash"].threshold == family("dhash").rates.score(1e-6)
        assert found.results[AUTO].threshold == 6

    def test_measures_a_rate_that_the_pairs_suffice_for(self, folder: Path) -> None:
        result = evaluate(folder, replace(SETTINGS, rate=0.1)).results["dhash"]
        assert result.is_measured
        # the floor of what is kept is far above what a tenth of all pairs scores, so nobody reaches the threshold
        assert result.false_rate.value <= 0.1

    @pytest.mark.long
    def test_is_the_same_again_and_in_other_processes(self, found: Evaluation, folder: Path) -> None:
        again = evaluate(folder, replace(SETTINGS, jobs=2))
        for name, result in found.results.items():
            assert again.results[name].own.tolist() == result.own.tolist()
            assert again.results[name].strangers.counts.tolist() == result.strangers.counts.tolist()

    def test_asks_only_for_what_it_is_told_to(self, folder: Path) -> None:
        some = evaluate(folder, replace(SETTINGS, transformations=("half",), ask="dogs/", subjects=2))
        assert some.subjects == 2
        assert len(some.pictures.names) == 9
        assert all(some.pictures.names[place].startswith("dogs/") for place in some.pictures.subjects)

    def test_asks_only_for_pictures_with_detail_if_told_to_and_chooses_among_these(self, tmp_path: Path) -> None:
        for n in range(3):
            picture(n).save(tmp_path / f"{n} soft.png")
            squares = np.random.default_rng(n).integers(0, 256, (24, 24), dtype=np.uint8)
            Image.fromarray(squares).resize((240, 240), Image.Resampling.NEAREST).save(tmp_path / f"{n} squares.png")
        settings = Settings(families=("crops",), transformations=("half",), jobs=1, detailed=True)
        every = evaluate(tmp_path, settings)
        names = [every.pictures.names[place] for place in every.pictures.subjects]
        assert names == ["0 squares.png", "1 squares.png", "2 squares.png"]
        assert every.detailed == every.subjects == 3
        assert len(every.pictures.names) == 6
        assert evaluate(tmp_path, replace(settings, subjects=2)).detailed == 2
        for path in tmp_path.glob("*squares.png"):
            path.unlink()
        with pytest.raises(QueryError, match="no picture to ask for has 20 features of crops"):
            evaluate(tmp_path, settings)

    def test_all_together_are_at_least_as_sure_as_each(self, found: Evaluation) -> None:
        """By strength, which is comparable: `auto` is the surest of the families."""
        own = {name: result.own for name, result in found.results.items()}
        strengths = [-np.log10(family(name).rates.rates(own[name])) for name in ("dhash", "phash")]
        assert own[AUTO].tolist() == np.maximum(*strengths).tolist()

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            (replace(SETTINGS, transformations=("melt",)), "no transformation is called 'melt'; there are half"),
            (replace(SETTINGS, families=("lavender",)), "no family is called 'lavender'"),
            (replace(SETTINGS, families=()), "no family is to be evaluated"),
            (
                replace(SETTINGS, detailed=True),
                "pictures with detail are those with 20 features of crops: name it, too",
            ),
            (replace(SETTINGS, rate=0.0), "a false rate of 0.0 is none"),
            (replace(SETTINGS, ask="birds/"), "10 in all, 0 with a path that begins with 'birds/'"),
        ],
    )
    def test_refuses_what_cannot_be_measured(self, settings: Settings, told: str, folder: Path) -> None:
        with pytest.raises(QueryError, match=told):
            evaluate(folder, settings)

    def test_refuses_a_folder_of_one_picture(self, tmp_path: Path) -> None:
        picture(1).save(tmp_path / "one.png")
        with pytest.raises(QueryError, match="too few pictures, 1 in all: it takes two or more"):
            evaluate(tmp_path, SETTINGS)

    def test_tells_how_far_it_is(self, folder: Path) -> None:
        steps: list[tuple[str, int, int]] = []

        def bar(what: str, total: int) -> Callable[[int], None]:
            return lambda n: steps.append((what, total, n))

        evaluate(folder, replace(SETTINGS, transformations=("half",)), bar)
        assert sum(n for what, _, n in steps if what == "reading pictures") == 10
        assert sum(n for what, _, n in steps if what == "asking for copies") == 9


class TestItsJson:
    def test_is_json_and_has_every_number(self, found: Evaluation) -> None:
        read = json.loads(json.dumps(document(found), allow_nan=False))
        dhash = read["families"]["dhash"]
        assert read["pictures"] == read["subjects"] == 9
        assert dhash["recall"]["half"] == {"value": 1.0, "error": 0.0}
        assert dhash["recall_by_kind"]["dogs"]["recall"]["half"] == {"value": 1.0, "error": 0.0}
        assert sum(dhash["scores"]["copies"]) == 9 * 3
        assert sum(dhash["scores"]["strangers"]) == dhash["pairs"]
        assert read["left_out"]["alike"][0]["families"] == ["dhash", "phash"]


class TestItsReport:
    def test_is_one_page_that_loads_nothing_and_shows_every_family_and_the_misses(self, found: Evaluation) -> None:
        page = report.page(found)
        assert page.startswith("<!doctype html>")
        assert "http" not in page.replace("http-equiv", "")
        assert "<script" not in page
        assert page.count("<svg") == 1 + len(found.results)
        assert "one of four in a collage" in page
        assert "<tr><th>cats<td>5<td" in page
        assert 'src="data:image/webp;base64,' in page

    def test_shows_names_as_text(self, tmp_path: Path) -> None:
        for n in range(5):
            picture(n).save(tmp_path / f"<b>{n}.png")
        page = report.page(evaluate(tmp_path, replace(SETTINGS, families=("dhash",), transformations=("crop50",))))
        assert "<b>1.png" not in page
        assert "&lt;b&gt;" in page
