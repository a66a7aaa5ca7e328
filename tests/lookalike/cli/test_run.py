"""`lookalike run`: settings of local-reverse-image-search do what they did."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from lookalike import Index, PictureSettings
from lookalike.ingest.original import Original
from tests.lookalike.cli.drawing import cloud, draw
from tests.lookalike.cli.running import lines, run, with_status
from tests.lookalike.interchange.reading import INTEROP

DATA = INTEROP / "local-reverse-image-search"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    draw(tmp_path / "pics", ["a.png", "2019/b.png"])
    draw(tmp_path / "more pics", ["c.png"], first_seed=2)
    (tmp_path / "input").mkdir()
    (tmp_path / "db").mkdir()
    return tmp_path


def operate(folder: Path, operation: str, **changes: Any) -> Result:
    params = {
        "db_dir": str(folder / "db"),
        "img_dirs": [str(folder / "pics"), str(folder / "more pics")],
        "bk_dir": str(folder / "db"),
        "input_dir": str(folder / "input"),
        "operation": operation,
        "hash_method": "dhash",
        "hash_size": 8,
        "distance_method": "hamming",
        "distance_threshold": 0,
        **changes,
    }
    (folder / "params.json").write_text(json.dumps(params))
    return run("run", folder / "params.json", "--jobs", 1)


def built(folder: Path) -> None:
    """The index as a build makes it, without its processes."""
    made = Index.create(
        str(folder / "db" / "img.index"), families=("dhash",), pictures=PictureSettings(exif="ignore", alpha="drop")
    )
    for path in sorted([*folder.glob("pics/**/*.png"), *folder.glob("more pics/*.png")]):
        status = path.stat()
        source = Original(str(path), str(path), status.st_size, status.st_mtime_ns).source
        made.add(str(path), path.read_bytes(), source=source)


def index(folder: Path) -> Index:
    return Index.open(str(folder / "db" / "img.index"))


def keys(folder: Path) -> list[str]:
    return sorted(str(Path(image.key).relative_to(folder)) for image in index(folder).list())


def rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return [list(row.values()) for row in csv.DictReader(opened)]


def test_where_there_are_no_settings_some_are_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    result = run("run", "--text")
    assert result.exit_code == 0
    assert "params.json was not there and is now" in result.stdout
    written = json.loads((folder / "params.json").read_text())
    assert written["img_dirs"] == [str(folder)]
    assert not (folder / "img.index").exists()


@pytest.mark.long
def test_the_settings_that_are_written_are_good_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    run("run")
    assert run("run", "--jobs", 1).exit_code == 0
    assert Index.open(str(folder / "img.index")).count() == 3


def test_a_build_has_the_pictures_of_all_folders(folder: Path) -> None:
    result = operate(folder, "build")
    assert result.exit_code == 0, result.stderr
    assert keys(folder) == ["more pics/c.png", "pics/2019/b.png", "pics/a.png"]
    assert [family.name for family in index(folder).families] == ["dhash"]
    assert index(folder).settings.pictures.exif == "ignore"


def test_paths_count_from_where_one_is_and_db_dir_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert operate(folder, "build", db_dir="new/db", img_dirs=["./pics", "more pics/"]).exit_code == 0
    made = Index.open("new/db/img.index")
    assert sorted(image.key for image in made.list()) == ["./pics/2019/b.png", "./pics/a.png", "more pics/c.png"]
    assert {image.source["path"] for image in made.list()} == {str(folder / image.key) for image in made.list()}


def test_a_build_takes_the_place_of_what_was_there(folder: Path) -> None:
    built(folder)
    assert operate(folder, "build", hash_method="phash", img_dirs=[str(folder / "pics")]).exit_code == 0
    assert keys(folder) == ["pics/2019/b.png", "pics/a.png"]
    assert [family.name for family in index(folder).families] == ["phash"]


def test_a_build_that_fails_leaves_the_index_that_was_there_and_goes_on_the_next_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(folder)
    before = keys(folder)
    added: list[str] = []

    def fail(_: object, *arguments: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("lookalike.maintenance.Maintained.compact", fail)
        result = operate(folder, "build", img_dirs=[str(folder / "pics")])
    assert result.exit_code == 130
    assert keys(folder) == before
    again = operate(folder, "build", img_dirs=[str(folder / "pics")])
    assert again.exit_code == 0
    added += [line["key"] for line in lines(again.stdout) if line.get("status") == "added"]
    assert added == [], "what the interrupted build had added is there"
    assert keys(folder) == ["pics/2019/b.png", "pics/a.png"]
    assert [path.name for path in (folder / "db").iterdir() if path.name.startswith(".")] == []


def test_a_build_does_not_delete_what_is_no_index(folder: Path) -> None:
    (folder / "db" / "img.index").mkdir()
    (folder / "db" / "img.index" / "letter.txt").write_text("dear")
    result = operate(folder, "build")
    assert result.exit_code == 2
    assert "is no index: move it away" in result.stderr
    assert (folder / "db" / "img.index" / "letter.txt").exists()


def test_an_update_builds_where_there_is_nothing(folder: Path) -> None:
    assert operate(folder, "update").exit_code == 0
    assert index(folder).count() == 3


def test_an_update_adds_changes_and_removes(folder: Path) -> None:
    built(folder)
    (folder / "pics" / "a.png").unlink()
    draw(folder / "pics", ["new.png", "2019/b.png"], first_seed=30)
    result = operate(folder, "update")
    *documents, summary = lines(result.stdout)
    assert [Path(key).name for key in with_status(documents, "removed")] == ["a.png"]
    assert sorted(Path(key).name for key in with_status(documents, "added")) == ["b.png", "new.png"]
    assert [summary[name] for name in ("added", "replaced", "removed", "unchanged")] == [2, 1, 1, 1]
    assert keys(folder) == ["more pics/c.png", "pics/2019/b.png", "pics/new.png"]


def test_an_update_with_another_hash_is_refused_where_the_program_would_mix_them(folder: Path) -> None:
    built(folder)
    for operation in ("update", "search", "find_duplicates"):
        result = operate(folder, operation, hash_size=16)
        assert result.exit_code == 2
        assert "has hashes of dhash, and hash_method and hash_size ask for dhash16" in result.stderr
    assert index(folder).count() == 3


def test_a_folder_that_is_not_there_removes_nothing(folder: Path) -> None:
    built(folder)
    shutil.rmtree(folder / "pics")
    for operation in ("update", "build"):
        result = operate(folder, operation)
        assert result.exit_code == 2
        assert "pics: no such folder; nothing was changed" in result.stderr
    assert index(folder).count() == 3


def test_a_folder_that_is_empty_all_of_a_sudden_removes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.interchange.local_reverse_image_search.updating.FEW", 1)
    built(folder)
    shutil.rmtree(folder / "pics")
    (folder / "pics").mkdir()
    for pics in (str(folder / "pics"), f"{folder / 'pics'}//"):
        result = operate(folder, "update", img_dirs=[pics, str(folder / "more pics")])
        assert result.exit_code == 2
        assert "has no pictures, and the index has 2 of it: is it mounted?" in result.stderr
    assert index(folder).count() == 3
    # to take it out of the settings says that they are to go
    assert operate(folder, "update", img_dirs=[str(folder / "more pics")]).exit_code == 0
    assert keys(folder) == ["more pics/c.png"]


def test_what_is_no_picture_is_reported_and_the_others_are_there(folder: Path) -> None:
    (folder / "pics" / "bad.jpg").write_bytes(b"no picture")
    (folder / "pics" / "drawing.svg").write_text("<svg/>")
    result = operate(folder, "build")
    assert result.exit_code == 1
    assert sorted(Path(key).name for key in with_status(lines(result.stdout)[:-1], "failed")) == [
        "bad.jpg",
        "drawing.svg",
    ]
    assert index(folder).count() == 3


def test_a_search_writes_the_matches_beside_the_pictures_that_were_asked_with(folder: Path) -> None:
    built(folder)
    shutil.copyfile(folder / "pics/a.png", folder / "input/one.png")
    cloud(0).save(folder / "input/same.bmp")
    draw(folder / "input", ["other.png"], first_seed=77)
    (folder / "input/bad.gif").write_bytes(b"GIF89a")
    result = operate(folder, "search")
    assert result.exit_code == 1
    asked = f"{folder / 'input/one.png'} | {folder / 'input/same.bmp'}"
    assert rows(folder / "input/matches.csv") == [[asked, str(folder / "pics/a.png"), str(folder / "pics"), "a.png"]]
    documents = lines(result.stdout)
    assert documents[-1] == {
        "status": "summary",
        "operation": "search",
        "pictures": 2,
        "matches": 1,
        "unit": "digits",
        "failed": 1,
        "file": str(folder / "input/matches.csv"),
    }
    assert operate(folder, "search", distance_threshold=16).exit_code == 1
    assert len(rows(folder / "input/matches.csv")) == 6  # everything, for each of two hashes


@pytest.mark.long
def test_distances_count_digits_unless_bits_are_asked_for(folder: Path) -> None:
    built(folder)
    shutil.copyfile(folder / "pics/a.png", folder / "input/one.png")
    found = {}
    for unit, method in (("digits", "hamming"), ("bits", "bits")):
        result = operate(folder, "search", distance_threshold=64, distance_method=method)
        (group, _) = lines(result.stdout)
        found[unit] = {match["key"]: match["distance"] for match in group["matches"]}
    texts = {key: index(folder).get(key).signatures["dhash"] for key in found["bits"]}
    query = texts[str(folder / "pics/a.png")]
    assert found["digits"] == {
        key: sum(a != b for a, b in zip(text, query, strict=True)) for key, text in texts.items()
    }
    assert found["bits"] == {key: (int(text, 16) ^ int(query, 16)).bit_count() for key, text in texts.items()}


def test_duplicates_are_written_into_the_folder_of_the_index(folder: Path) -> None:
    shutil.copyfile(folder / "pics/a.png", folder / "more pics/copy.png")
    built(folder)
    result = operate(folder, "find_duplicates")
    assert result.exit_code == 0
    a, copy = str(folder / "pics/a.png"), str(folder / "more pics/copy.png")
    assert [row[:2] for row in rows(folder / "db/duplicates.csv")] == [[f"{copy} | {a}", copy], ["", a]]
    assert lines(result.stdout)[-1]["pictures"] == 2


@pytest.mark.parametrize("operation", ["search", "find_duplicates"])
def test_without_an_index_that_is_said(folder: Path, operation: str) -> None:
    result = operate(folder, operation)
    assert result.exit_code == 2
    assert "there is no index yet: run it with operation build" in result.stderr


def test_a_database_that_is_there_is_taken_over_once(folder: Path) -> None:
    shutil.copyfile(DATA / "dhash8.img.db", folder / "db/img.db")
    result = operate(folder, "find_duplicates")
    assert result.exit_code == 0, result.stderr
    assert "imported 61 images" in result.stderr
    assert index(folder).count() == 61
    before = (folder / "db/img.db").read_bytes()
    again = operate(folder, "find_duplicates")
    assert "imported" not in again.stderr
    assert lines(again.stdout) == lines(result.stdout)[-len(lines(again.stdout)) :]
    assert (folder / "db/img.db").read_bytes() == before


def test_an_update_after_a_take_over_computes_only_what_is_new(folder: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(folder / "db/img.db")
    connection.execute(
        "CREATE TABLE image (directory TEXT, filename TEXT, hash_hex TEXT, filesize NUMERIC, present BOOL)"
    )
    old = [(str(folder / "pics"), "a.png"), (str(folder / "pics"), "gone.png")]
    connection.executemany("INSERT INTO image VALUES (?, ?, '0123456789abcdef', 1, 1)", old)
    connection.commit()
    connection.close()
    result = operate(folder, "update")
    assert result.exit_code == 0, result.stderr
    assert keys(folder) == ["more pics/c.png", "pics/2019/b.png", "pics/a.png"]
    assert index(folder).get(str(folder / "pics/a.png")).signatures["dhash"] == "0123456789abcdef"
    summary = lines(result.stdout)[-1]
    assert [summary[name] for name in ("added", "removed", "unchanged")] == [2, 1, 1]


def test_wrong_settings_change_nothing(folder: Path) -> None:
    result = operate(folder, "build", hash_method="xhash")
    assert result.exit_code == 2
    assert 'params.json: hash_method is "xhash"' in result.stderr
    assert not list((folder / "db").iterdir())
    result = operate(folder, "search", input_dir="")
    assert result.exit_code == 2
    assert "input_dir is missing" in result.stderr


@pytest.mark.long
def test_text_says_what_was_found(folder: Path) -> None:
    built(folder)
    shutil.copyfile(folder / "pics/a.png", folder / "input/one.png")
    operate(folder, "search")
    result = run("run", folder / "params.json", "--jobs", 1, "--text")
    assert result.stdout == f"1 picture with 1 match; {folder / 'input/matches.csv'} lists them\n"
