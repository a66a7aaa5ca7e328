"""`lookalike copy`, `backup` and `restore`."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from lookalike import Index
from tests.lookalike.cli.drawing import draw, index_of
from tests.lookalike.cli.running import lines, run, start
from tests.servers import BUCKET, S3Server

ROOT = Path(__file__).parents[3]
KILLS = 60


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Three images in a segment."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "photos", ["a.png", "b.png", "c.png"])
    index = index_of(tmp_path / "index", tmp_path / "photos", ("dhash",))
    index.compact()
    return index


def keys(place: str) -> set[str]:
    return {image.key for image in Index.open(place).list()}


def add(index: Index, tmp_path: Path, name: str, seed: int = 9) -> None:
    draw(tmp_path / "more", [name], first_seed=seed)
    index.add(name, (tmp_path / "more" / name).read_bytes())


def test_a_copy_says_what_was_done_and_the_next_only_what_is_new(index: Index, tmp_path: Path) -> None:
    (said,) = lines(run("copy", "index", "elsewhere").stdout)
    assert said.pop("size") > 0
    assert said == {
        "status": "copied",
        "from": index.url,
        "to": "elsewhere",
        "id": Index.open("elsewhere").settings.id,
        "version": 1,
        "images": 3,
        "objects": 4,
        "there": 0,
        "damaged": [],
    }
    add(index, tmp_path, "d.png")
    text = run("copy", "index", "elsewhere", "--text").stdout
    assert text.startswith(f"copied 4 images from {index.url} to elsewhere: 2 objects of ")
    assert text.endswith(" and 4 there already; it is point 2 in time\n")
    assert lines(run("verify", "elsewhere").stdout)[-1]["status"] == "clean"


def test_a_backup_is_restored_as_it_was_at_any_of_its_points(index: Index, tmp_path: Path) -> None:
    run("backup", "index", "safe")
    run("remove", "index", "a.png")
    (said,) = lines(run("backup", "index", "safe").stdout)
    assert (said["status"], said["version"], said["images"]) == ("backed up", 2, 2)
    points = lines(run("restore", "safe", "--list").stdout)
    assert [(point["point"], point["images"]) for point in points] == [(2, 2), (1, 3)]
    assert "images" in run("restore", "safe", "--list", "--text").stdout
    run("restore", "safe", "last")
    assert keys("last") == {"b.png", "c.png"}
    run("restore", "safe", "first", "--point", 1)
    assert keys("first") == {"a.png", "b.png", "c.png"}


def test_an_index_is_not_restored_over_unless_that_is_said(index: Index, tmp_path: Path) -> None:
    run("backup", "index", "safe")
    add(index, tmp_path, "d.png")
    refused = run("restore", "safe", "index")
    assert refused.exit_code == 2
    assert "--replace" in refused.stderr
    assert keys("index") == {"a.png", "b.png", "c.png", "d.png"}
    assert run("restore", "safe", "index", "--replace").exit_code == 0
    assert keys("index") == {"a.png", "b.png", "c.png"}
    assert {image.key for image in index.list()} == keys("index"), "who has it open sees the restored one"


def test_what_is_wrong_is_said_in_one_line(index: Index) -> None:
    assert "no point 5" in run("restore", "index", "elsewhere", "--point", 5).stderr
    assert run("restore", "index").exit_code == 2
    assert "is not an index" in run("copy", "nowhere", "elsewhere").stderr
    assert "hold the same index" in run("copy", "index", "../" + Path.cwd().name + "/index", "--replace").stderr
    (segment,) = Path(index.url).rglob("segments/*/*.npz")
    segment.write_bytes(segment.read_bytes()[:-1])
    result = run("copy", "index", "elsewhere")
    assert (result.exit_code, result.stdout) == (2, "")
    assert segment.name in result.stderr
    assert not Path("elsewhere/index.json").exists()


def test_from_a_folder_to_a_bucket_and_back(index: Index, s3_environment: S3Server, tmp_path: Path) -> None:
    place = f"s3://{BUCKET}/{tmp_path.name}"
    assert lines(run("copy", "index", place).stdout)[0]["objects"] == 4
    assert lines(run("copy", place, "back").stdout)[0]["images"] == 3
    assert keys("back") == keys(place) == keys("index")
    assert lines(run("verify", "back").stdout)[-1]["status"] == "clean"


@pytest.mark.long
def test_killed_again_and_again_a_copy_is_made_nevertheless(tmp_path: Path) -> None:
    """kill -9 of the real command: at no moment there is half an index, and in the end a whole one."""
    draw(tmp_path / "photos", [f"{n}.png" for n in range(400)])
    index = index_of(tmp_path / "index", tmp_path / "photos", ("dhash",))
    moments = random.Random(20_261_130)
    killed = 0
    while killed < KILLS:
        process = start("copy", tmp_path / "index", tmp_path / "copy", cwd=ROOT)
        try:
            process.wait(timeout=moments.uniform(0.2, 1.2))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        if (tmp_path / "copy/index.json").exists():
            assert Index.open(str(tmp_path / "copy")).verify().is_clean
            if process.returncode == 0:
                index.add(f"more {killed}.png", (tmp_path / "photos" / "0.png").read_bytes())
    assert run("copy", tmp_path / "index", tmp_path / "copy").exit_code == 0
    assert keys(str(tmp_path / "copy")) == keys(str(tmp_path / "index"))
