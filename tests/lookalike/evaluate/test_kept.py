"""What is kept of an evaluation: it goes on where it was stopped, and comes to the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.evaluate.as_json import document
from lookalike.evaluate.asking import Answers, Asker
from lookalike.evaluate.evaluating import Bar, Settings, evaluate
from lookalike.evaluate.result import Evaluation
from shards.families import family
from shards.families.rates import RateTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    for n in range(6):
        small = np.random.default_rng(n // 2 if n < 2 else n).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC).save(made / f"{n}.png")
    (made / "broken.jpg").write_bytes(b"no picture")
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(families=("dhash", "phash"), transformations=("half", "collage"), jobs=1, work=tmp_path / "work")


def counts(found: Evaluation) -> dict[str, object]:
    """Everything that was counted; not the times."""
    counted = document(found) | {"seconds": None}
    for result in counted["families"].values():
        result["compute_seconds"] = result["question_seconds"] = None
    own = {name: result.own.tolist() for name, result in found.results.items()}
    high = {name: result.strangers.high.tolist() for name, result in found.results.items()}
    return counted | {"own": own, "high": high}


class Stopped(Exception):
    """The end of a run."""


def stopping_after(pictures: int) -> Bar:
    """A progress bar that ends the run once so many pictures were asked for."""

    def bar(what: str, total: int) -> Callable[[int], None]:
        left = iter(range(pictures - 1, -1, -1))

        def advance(n: int) -> None:
            if what == "asking for copies" and next(left) == 0:
                raise Stopped

        return advance

    return bar


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_run_that_was_stopped_goes_on_and_comes_to_the_same(folder: Path, settings: Settings, jobs: int) -> None:
    settings = replace(settings, jobs=jobs)
    with pytest.raises(Stopped):
        evaluate(folder, settings, stopping_after(2))
    said: list[str] = []
    gone_on = evaluate(folder, settings, say=said.append)
    assert said == [
        f"{settings.work}: a run before has read 7 of 7 pictures; going on from there",
        f"{settings.work}: a run before has asked for 2 of 6 pictures; going on from there",
    ]
    assert counts(gone_on) == counts(evaluate(folder, replace(settings, work=None, jobs=1)))


def test_a_run_that_was_killed_goes_on_and_comes_to_the_same(folder: Path, settings: Settings) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from lookalike.evaluate.evaluating import Settings, evaluate\n"
        "left = iter(range(2, -1, -1))\n"
        "def bar(what, total):\n"
        "    return lambda n: what[0] == 'a' and next(left) == 0 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "families, transformations = ('dhash', 'phash'), ('half', 'collage')\n"
        "settings = Settings(families, transformations, jobs=1, work=Path(sys.argv[2]))\n"
        "evaluate(sys.argv[1], settings, bar)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, folder, str(settings.work)], check=False)
    assert killed.returncode == -9
    said: list[str] = []
    gone_on = evaluate(folder, settings, say=said.append)
    assert f"{settings.work}: a run before has asked for 3 of 6 pictures; going on from there" in said
    assert counts(gone_on) == counts(evaluate(folder, replace(settings, work=None)))


class TestWhatIsKept:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The pictures that are asked for."""
        places: list[int] = []
        ask = Asker.ask

        def asking(self: Asker, subjects: tuple[int, ...]) -> Answers:
            places.extend(subjects)
            return ask(self, subjects)

        monkeypatch.setattr(Asker, "ask", asking)
        return places

    def test_holds_for_more_subjects_and_for_another_rate(
        self, folder: Path, settings: Settings, asked: list[int]
    ) -> None:
        evaluate(folder, replace(settings, subjects=2))
        evaluate(folder, replace(settings, subjects=None, rate=0.1))
        assert sorted(asked) == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        "change",
        [
            lambda settings: replace(settings, families=("dhash",)),
            lambda settings: replace(settings, transformations=("half",)),
            lambda settings: replace(settings, side=320),
            lambda settings: replace(settings, left_out=(("3.png", "4.png"),)),
        ],
        ids=["families", "transformations", "side", "left out"],
    )
    def test_does_not_hold_for_other_settings(
        self, folder: Path, settings: Settings, asked: list[int], change: Callable[[Settings], Settings]
    ) -> None:
        evaluate(folder, settings)
        evaluate(folder, change(settings))
        assert len(asked) == 2 * 6

    def test_does_not_hold_once_a_picture_has_changed(self, folder: Path, settings: Settings, asked: list[int]) -> None:
        evaluate(folder, settings)
        Image.new("RGB", (160, 120), "red").save(folder / "5.png")
        changed = evaluate(folder, settings)
        assert len(asked) == 2 * 6
        assert counts(changed) == counts(evaluate(folder, replace(settings, work=None)))

    def test_does_not_hold_for_other_tables_of_false_rates(
        self, folder: Path, settings: Settings, asked: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evaluate(folder, settings)
        monkeypatch.setattr(type(family("dhash")), "rates", RateTable.assumed(80.0))
        evaluate(folder, settings)
        assert len(asked) == 2 * 6

    def test_is_made_again_where_it_is_damaged(self, folder: Path, settings: Settings, asked: list[int]) -> None:
        found = evaluate(folder, settings)
        assert settings.work is not None
        kept = sorted(settings.work.glob("*.npz"))
        assert len(kept) == 1 + 6
        for path in kept:
            path.write_bytes(path.read_bytes()[:-100])
        assert counts(evaluate(folder, settings)) == counts(found)
        assert len(asked) == 2 * 6
        evaluate(folder, settings)
        assert len(asked) == 2 * 6
