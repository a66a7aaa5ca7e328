"""`lookalike sync`: an index becomes equal to a folder, but not to the emptiness of an unmounted one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike import Index
from tests.lookalike.cli.drawing import draw, index_of
from tests.lookalike.cli.running import lines, run, with_status


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "photos", ["a.png", "b.png", "2019/c.png"])
    return tmp_path / "photos"


def keys_of(address: str) -> list[str]:
    return sorted(image.key for image in Index.open(address).list())


def test_new_and_changed_pictures_are_added_and_those_of_gone_files_removed(photos: Path) -> None:
    index_of(Path("index"), photos)
    (photos / "a.png").unlink()
    draw(photos, ["b.png", "new.png"], first_seed=40)
    result = run("sync", "index", "photos", "--jobs", 1)
    assert result.exit_code == 0
    *keys, summary = lines(result.stdout)
    assert {line["key"]: line["status"] for line in keys} == {
        "2019/c.png": "unchanged",
        "a.png": "removed",
        "b.png": "added",
        "new.png": "added",
    }
    assert [summary[name] for name in ("added", "replaced", "removed", "unchanged", "images")] == [2, 1, 1, 1, 3]
    assert keys_of("index") == ["2019/c.png", "b.png", "new.png"]


def test_the_index_is_made_where_there_is_none(photos: Path) -> None:
    result = run("sync", "index", "photos", "--jobs", 1)
    assert result.exit_code == 0
    assert "made a new index" in result.stderr
    assert keys_of("index") == ["2019/c.png", "a.png", "b.png"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(photos: Path) -> None:
    index_of(Path("index"), photos)
    (photos / "a.png").unlink()
    draw(photos, ["b.png", "new.png"], first_seed=40)
    before = sorted(path for path in Path("index").rglob("*") if path.is_file())
    *keys, plan = lines(run("sync", "index", "photos", "--dry-run").stdout)
    assert keys == [
        {"key": "b.png", "status": "would add", "replaced": True},
        {"key": "new.png", "status": "would add", "replaced": False},
        {"key": "a.png", "status": "would remove"},
    ]
    assert plan == {"status": "plan", "new": 1, "changed": 1, "removed": 1, "unchanged": 1, "left_out": {}}
    assert sorted(path for path in Path("index").rglob("*") if path.is_file()) == before
    text = run("sync", "index", "photos", "--dry-run", "--text").stdout
    assert "would add     b.png (changed)\n" in text
    assert "1 new, 1 changed, 1 gone, 1 unchanged; nothing was done" in text


def test_a_dry_run_makes_no_index(photos: Path) -> None:
    *keys, plan = lines(run("sync", "index", "photos", "--dry-run").stdout)
    assert with_status(keys, "would add") == ["a.png", "b.png", "2019/c.png"]
    assert plan["new"] == 3
    assert not Path("index").exists()


@pytest.fixture
def many(photos: Path) -> Path:
    """An index of 24 pictures in a folder that has lost 13 of them."""
    draw(photos / "many", [f"{n:02d}.png" for n in range(24)], first_seed=100)
    index_of(Path("index"), photos / "many", ("dhash",))
    for n in range(13):
        (photos / "many" / f"{n:02d}.png").unlink()
    return photos / "many"


def test_more_than_half_of_an_index_is_not_removed_without_force(many: Path) -> None:
    draw(many, ["new.png"], first_seed=90)
    result = run("sync", "index", many)
    assert result.exit_code == 2
    assert "13 of 24 images are not in" in result.stderr
    assert "--force" in result.stderr
    assert len(keys_of("index")) == 24


def test_with_force_it_is(many: Path) -> None:
    assert run("sync", "index", many, "--force", "--jobs", 1).exit_code == 0
    assert len(keys_of("index")) == 11


def test_half_of_an_index_can_go(many: Path) -> None:
    draw(many, ["12.png"], first_seed=112)
    assert run("sync", "index", many, "--jobs", 1).exit_code == 0
    assert len(keys_of("index")) == 12


def test_a_small_index_can_go_whole(photos: Path) -> None:
    index_of(Path("index"), photos)
    Path("empty").mkdir()
    assert run("sync", "index", "empty").exit_code == 0
    assert keys_of("index") == []


def test_a_folder_that_is_not_there_removes_nothing(photos: Path) -> None:
    index_of(Path("index"), photos)
    result = run("sync", "index", "unmounted")
    assert (result.exit_code, result.stderr) == (2, "lookalike: unmounted: No such file or directory\n")
    assert len(keys_of("index")) == 3


def test_with_a_prefix_other_keys_are_left_alone(photos: Path) -> None:
    index_of(Path("index"), photos)
    run("sync", "index", photos / "2019", "--prefix", "scans/", "--jobs", 1)
    assert keys_of("index") == ["2019/c.png", "a.png", "b.png", "scans/c.png"]
    (photos / "2019/c.png").unlink()
    run("sync", "index", photos / "2019", "--prefix", "scans/")
    assert keys_of("index") == ["2019/c.png", "a.png", "b.png"]


def test_what_cannot_be_read_any_more_stays(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_of(Path("index"), photos)
    (photos / "b.png").write_bytes(b"overwritten by accident")
    scandir = os.scandir

    def refusing(path: str | Path) -> object:
        if str(path).endswith("2019/"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    result = run("sync", "index", "photos", "--jobs", 1)
    assert result.exit_code == 1
    assert sorted(with_status(lines(result.stdout)[:-1], "failed")) == ["2019/", "b.png"]
    assert keys_of("index") == ["2019/c.png", "a.png", "b.png"]


def test_an_image_added_while_the_folder_was_read_is_not_removed(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = index_of(Path("index"), photos)
    late = (photos / "a.png").read_bytes()
    (photos / "a.png").unlink()
    scandir = os.scandir

    def adding(path: str | Path) -> object:
        if str(path).endswith("2019/"):
            index.add("a.png", late)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", adding)
    assert run("sync", "index", "photos").exit_code == 0
    assert "a.png" in keys_of("index")
