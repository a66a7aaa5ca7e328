"""`lookalike duplicates` in tiers, and `lookalike undo`."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from lookalike import Index
from tests.lookalike.cli.running import lines, run
from tests.lookalike.duplicates.folder import FAMILIES, add, copies, encoded, picture
from tests.lookalike.duplicates.in_this_process import Here, PixelsHere


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("lookalike.index.Pixels", PixelsHere)
    monkeypatch.setattr("lookalike.duplicates.restoring.Pool", Here)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index.create(str(tmp_path / "index"), families=FAMILIES)
    add(index, tmp_path / "pictures", {**copies(2), "alone.png": encoded(picture(9))})
    return index


GIVEN = ("--originals", "pictures")


@pytest.mark.usefixtures("index")
def test_identical_files_and_the_same_pictures_are_listed_the_best_first() -> None:
    *groups, summary = lines(run("duplicates", "index", *GIVEN).stdout)
    assert [[copy["tier"] for copy in group["copies"]] for group in groups] == [["identical", "same"]] * 2
    assert (summary["tiers"], summary["groups"], summary["copies"]) == (["identical", "same"], 2, 4)
    assert lines(run("duplicates", "index", "--exact").stdout)[-1]["copies"] == 2
    assert "2 groups with 4 copies: 2 identical, 2 same" in run("duplicates", "index", "--text", *GIVEN).stdout


def test_where_the_files_are_not_at_hand_nothing_is_called_the_same(index: Index) -> None:
    del index
    summary = lines(run("duplicates", "index").stdout)[-1]
    assert (summary["copies"], summary["unconfirmed"]) == (2, 2)


@pytest.mark.usefixtures("index")
def test_nothing_is_touched_without_yes_and_undo_brings_back_what_was(tmp_path: Path) -> None:
    chosen = ("--protect", "masters/", "--apply", "folder", "--into", "gone", "--log", "log", *GIVEN)
    plan = lines(run("duplicates", "index", *chosen).stdout)[-1]
    assert (plan["status"], plan["files"], plan["left"]) == ("plan", 4, 0)
    assert not (tmp_path / "gone").exists()
    done = lines(run("duplicates", "index", *chosen, "--yes").stdout)[-1]
    assert (done["status"], done["files"], done["bytes"]) == ("applied", 4, plan["bytes"])
    assert sorted(path.name for path in (tmp_path / "gone").rglob("*.*")) == ["0.jpg", "0.png", "1.jpg", "1.png"]
    assert lines(run("duplicates", "index", *GIVEN).stdout)[-1]["groups"] == 0
    undone = lines(run("undo", "log", *GIVEN).stdout)[-1]
    assert (undone["status"], undone["files"], undone["left"]) == ("undone", 4, 0)
    assert lines(run("duplicates", "index", *GIVEN).stdout)[-1]["copies"] == 4


@pytest.mark.usefixtures("index")
def test_rules_say_which_one_is_kept() -> None:
    def removed(*options: str) -> set[str]:
        groups = lines(run("duplicates", "index", *options, *GIVEN).stdout)[:-1]
        return {key for group in groups for key in group["remove"]}

    assert removed("--prefer", "again/") == {"masters/0.png", "masters/1.png", "small/0.jpg", "small/1.jpg"}
    # what is protected stays, and a better one that is not does too
    assert removed("--protect", "small/") == {"masters/0.png", "masters/1.png"}
    assert removed("--protect", "masters/") == {"again/0.png", "again/1.png", "small/0.jpg", "small/1.jpg"}
    assert removed("--exact", "--keep", "path") == {"masters/0.png", "masters/1.png"}


@pytest.mark.usefixtures("index")
def test_what_of_one_folder_is_in_another_already() -> None:
    *groups, _ = lines(run("duplicates", "index", "--prefix", "masters/", "--against", "small/", *GIVEN).stdout)
    assert [(group["keep"]["key"], group["remove"]) for group in groups] == [
        ("masters/0.png", ["small/0.jpg"]),
        ("masters/1.png", ["small/1.jpg"]),
    ]


@pytest.mark.usefixtures("index")
def test_a_second_run_shows_only_what_is_new(index: Index, tmp_path: Path) -> None:
    assert lines(run("duplicates", "index", "--exact", "--new").stdout)[-1]["groups"] == 2
    assert lines(run("duplicates", "index", "--exact", "--new").stdout)[-1]["groups"] == 0
    add(index, tmp_path / "pictures", {"alone again.png": encoded(picture(9))})
    assert lines(run("duplicates", "index", "--exact", "--new").stdout)[-1]["groups"] == 1


@pytest.mark.usefixtures("index")
def test_a_table_a_list_and_pages_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.cli.output.review_pages.GROUPS", 1)
    run("duplicates", "index", "--csv", "t.csv", "--html", "p.html", "--delete-list", "gone.txt", *GIVEN)
    with Path("t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["tier"] for row in rows] == ["best", "identical", "same"] * 2
    assert len(Path("gone.txt").read_text().splitlines()) == 4
    for page in ("p.html", "p-2.html"):
        text = Path(page).read_text()
        assert text.count("<img") == 3
        assert text.count("<section>") == 1
    assert 'href="p-2.html"' in Path("p.html").read_text()
    assert len(list(Path("p-files").iterdir())) == 4


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    "options",
    [
        ("--family", "dhash", "--apply", "trash"),
        ("--tier", "certain"),
        ("--keep", "nicest"),
        ("--apply", "folder"),
    ],
)
def test_options_that_say_nothing_together_are_refused(options: tuple[str, ...]) -> None:
    assert run("duplicates", "index", *options).exit_code == 2
