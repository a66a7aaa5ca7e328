"""`make demo`: what it promises, what it may remove, and that the README shows what it prints."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo import __main__ as demo
from demo import lookups, place
from demo.edits import EDITS, Edit
from demo.lookups import Row
from demo.place import PICTURES
from demo.report import POSTCARD
from lookalike import Index
from shards.families import AUTO, DEFAULT
from shards.pictures.decoding import decode

ROOT = Path(__file__).parent.parent
SIX_COUNTS = re.compile(r"(?: +(?:\d+/\d+|-)){6} *$")
ALL = len(list(PICTURES.glob("*.jpg")))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to run the demo in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pictures() -> dict[str, bytes]:
    """Two pictures, for what does not need all."""
    return dict(list(lookups.originals().items())[:2])


def table_of(text: str) -> list[list[str]]:
    """The words of those lines that end in one count for each family."""
    return [line.split() for line in text.splitlines() if SIX_COUNTS.search(line)]


def test_the_readme_shows_a_row_for_each_copy_and_what_is_promised_of_it() -> None:
    counts = SIX_COUNTS.search
    lines = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if counts(line)]
    shown = {line[: found.start()].strip(): found.group().split() for line in lines if (found := counts(line))}
    assert [name for name in shown if not name.startswith("with ")] == [edit.name for edit in EDITS]
    for edit in EDITS:
        if not edit.option:
            columns = dict(zip((AUTO, *DEFAULT), shown[edit.name], strict=True))
            assert {columns[name] for name in edit.surely_by} <= {f"{ALL}/{ALL}"}


@pytest.mark.long
def test_the_demo_keeps_its_promises_and_the_readme_shows_its_table(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    assert "\x1b" not in run.stdout, "into a pipe the text is plain"
    shown = table_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(shown) == len(EDITS) + sum(bool(edit.option) for edit in EDITS)
    assert table_of(run.stdout) == shown
    assert Index.open(str(tmp_path / place.FOLDER)).count() == ALL


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_makes_a_different_picture(edit: Edit, pictures: Mapping[str, bytes]) -> None:
    original = next(iter(pictures.values()))
    copy = edit.apply(original)
    assert copy == edit.apply(original)
    assert not np.array_equal(decode(copy).rgb, decode(original).rgb)


def test_the_demo_replaces_an_index_that_it_made(here: Path, pictures: Mapping[str, bytes]) -> None:
    place.make_index(pictures)
    before = set(place.files())
    index = place.make_index(pictures)
    assert index.count() == len(pictures)
    assert len(place.files()) == len(before)


def test_the_demo_leaves_an_index_with_other_images_alone(here: Path, pictures: Mapping[str, bytes]) -> None:
    place.make_index(pictures).add("mine.jpg", pictures["astronaut.jpg"])
    with pytest.raises(place.NotOursError, match=r"mine\.jpg"):
        place.make_index(pictures)
    assert Index.open("demo-index").get("mine.jpg")


@pytest.mark.parametrize("name", ["diary.txt", "log/diary.txt"])
def test_the_demo_leaves_a_folder_that_is_no_index_alone(here: Path, pictures: Mapping[str, bytes], name: str) -> None:
    diary = here / "demo-index" / name
    diary.parent.mkdir(parents=True)
    diary.write_text("Dear diary")
    with pytest.raises(place.NotOursError, match="in the way"):
        place.make_index(pictures)
    assert diary.read_text() == "Dear diary"


def test_the_demo_leaves_files_beside_an_index_alone(here: Path, pictures: Mapping[str, bytes]) -> None:
    place.make_index(pictures)
    (here / "demo-index" / "diary.txt").write_text("Dear diary")
    with pytest.raises(place.NotOursError, match=r"diary\.txt"):
        place.make_index(pictures)
    assert (here / "demo-index" / "diary.txt").read_text() == "Dear diary"


def test_the_demo_leaves_a_link_to_a_folder_alone(here: Path, pictures: Mapping[str, bytes]) -> None:
    (here / "elsewhere").mkdir()
    (here / "demo-index").symlink_to("elsewhere")
    with pytest.raises(place.NotOursError, match="no folder"):
        place.make_index(pictures)
    assert (here / "demo-index").is_symlink()


def test_exit_code_1_says_that_something_is_in_the_way(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "demo-index").mkdir()
    assert demo.main() == 1
    assert "not an index" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            Row("grey", {"auto": ALL, "haar": ALL - 1, "goldberg": 0, "dhash": 0, "pdq": 0, "crops": 0}, {}, ("haar",)),
            "grey: haar found",
        ),
        (
            Row("grey", {"auto": 0, "haar": 0, "goldberg": 0, "dhash": 0, "pdq": 0, "crops": 0}, {"haar": 2}, ()),
            "haar called 2 wrong",
        ),
    ],
    ids=["a copy that must be found is not", "another picture is called a match"],
)
def test_exit_code_1_when(
    row: Row, said: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(index: Index, pictures: Mapping[str, bytes]) -> Iterator[Row]:
        yield row

    monkeypatch.setattr(lookups, "rows", rows)
    assert demo.main() == 1
    assert said in capsys.readouterr().out


def test_a_row_counts_hits_of_the_original_and_of_others(pictures: Mapping[str, bytes]) -> None:
    index = Index.create("memory://", families=["pdq", "goldberg"])
    (right, picture), (_, other_picture) = pictures.items()
    index.add(right, picture)
    index.add("another name", other_picture)
    row = next(lookups.rows(index, pictures))
    assert row.found == {"auto": 1, "pdq": 1, "goldberg": 1}
    assert row.wrong == {"auto": 1, "pdq": 1, "goldberg": 1}


def test_every_picture_has_its_licence_stated() -> None:
    stated = re.findall(r"^\| `(.+?)` \|", (PICTURES / "LICENCES.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(stated) == sorted(path.name for path in PICTURES.iterdir() if path.name != "LICENCES.md")


def test_the_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in [*PICTURES.glob("*.jpg"), POSTCARD]}
    assert sum(sizes.values()) < 1_200_000
    for picture in lookups.originals().values():
        with Image.open(io.BytesIO(picture)) as image:
            assert max(image.size) <= 640
