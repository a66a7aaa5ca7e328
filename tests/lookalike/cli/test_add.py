"""`lookalike add`: what comes into an index, what is left alone, and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from lookalike import Index
from tests.lookalike.cli.drawing import draw, index_of, png
from tests.lookalike.cli.running import lines, run, with_status
from tests.servers import BUCKET, S3Server


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three pictures, in the current folder."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "photos", ["a.png", "b.png", "2019/c.png"])
    return tmp_path / "photos"


def add(*arguments: object, stdin: bytes | None = None, code: int = 0) -> list[dict[str, object]]:
    """What `add` said; two families and one process suffice for most tests."""
    result = run("add", *arguments, "--jobs", 1, stdin=stdin)
    assert result.exit_code == code, result.stderr
    return lines(result.stdout)


def test_a_folder_is_added_and_each_key_reported(photos: Path) -> None:
    result = run("add", "index", "photos")
    assert result.exit_code == 0
    *keys, summary = lines(result.stdout)
    assert sorted(keys, key=lambda line: line["key"]) == [
        {"key": key, "status": "added", "replaced": False, "path": str(photos / key)}
        for key in ("2019/c.png", "a.png", "b.png")
    ]
    assert summary.pop("seconds") > 0
    assert summary == {
        "status": "summary",
        "index": str(photos.parent / "index"),
        "added": 3,
        "replaced": 0,
        "recognised": 0,
        "unchanged": 0,
        "removed": 0,
        "failed": 0,
        "skipped": 0,
        "left_out": {},
        "images": 3,
        "interrupted": False,
    }
    assert "made a new index" in result.stderr
    index = Index.open("index")
    assert index.search("photos/b.png").hits[0].key == "b.png"
    assert index.verify().is_clean
    assert index.stats().tail == 0


def test_a_second_run_adds_nothing_and_says_so(photos: Path) -> None:
    index_of(Path("index"), photos)
    *keys, summary = add("index", "photos")
    assert with_status(keys, "unchanged") == ["a.png", "b.png", "2019/c.png"]
    assert (summary["added"], summary["unchanged"]) == (0, 3)


def test_a_changed_picture_replaces_the_old_one(photos: Path) -> None:
    index = index_of(Path("index"), photos)
    draw(photos, ["b.png"], first_seed=50)
    *keys, summary = add("index", "photos")
    assert {"key": "b.png", "status": "added", "replaced": True, "path": str(photos / "b.png")} in keys
    assert (summary["added"], summary["replaced"], summary["unchanged"], summary["images"]) == (1, 1, 2, 3)
    assert index.search(png(50)).hits[0].score == 100


def test_a_bad_picture_is_reported_and_costs_no_other(photos: Path) -> None:
    index_of(Path("index"), photos)
    draw(photos, ["d.png"], first_seed=3)
    (photos / "broken.jpg").write_bytes(b"no picture at all")
    (photos / "cut.png").write_bytes(png(4)[:200])
    (photos / "empty.gif").touch()
    *keys, summary = add("index", "photos", code=1)
    failed = {line["key"]: line for line in keys if line["status"] == "failed"}
    assert {key: line["reason"] for key, line in failed.items()} == {
        "broken.jpg": "not_an_image",
        "cut.png": "truncated",
        "empty.gif": "empty",
    }
    assert failed["broken.jpg"]["path"] == str(photos / "broken.jpg")
    assert all(line["message"] for line in failed.values())
    assert (summary["added"], summary["failed"]) == (1, 3)


def test_people_are_told_of_failures_on_stderr(photos: Path) -> None:
    index_of(Path("index"), photos)
    (photos / "broken.jpg").write_bytes(b"no picture at all")
    result = run("add", "index", "photos", "--text", "--jobs", 1)
    assert result.exit_code == 1
    assert "failed: broken.jpg: 17 bytes that begin like no picture" in result.stderr
    assert "0 added, 3 unchanged, 1 failed" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr


def test_what_is_left_out_of_a_folder_is_counted_by_kind(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.ingest.original._is_installed", lambda _: False)
    index_of(Path("index"), photos)
    for name in ("a.svg", "b.SVG", "c.mp4", "d.nef", "e.jxl", "notes.txt", "README"):
        (photos / name).write_bytes(b"x")
    (photos / "without").write_bytes(png(9))
    result = run("add", "index", "photos", "--text", "--jobs", 1)
    assert result.exit_code == 0
    assert "1 added, 3 unchanged, 0 failed" in result.stdout
    assert result.stdout.splitlines()[-1] == (
        "7 files left out: 2 .svg (unsupported), 1 .jxl (needs lookalike[jxl]), 1 .mp4 (video), 1 .nef (needs"
        " lookalike[raw]), 1 .txt, 1 without extension; --all-files tries every file"
    )
    *keys, summary = add("index", "photos")
    assert summary["left_out"] == {".svg": 2, ".jxl": 1, ".mp4": 1, ".nef": 1, ".txt": 1, "without extension": 1}
    assert "without" in with_status(keys, "unchanged")


def test_a_file_larger_than_the_index_takes_is_not_read(photos: Path) -> None:
    run("create", "index", "--max-bytes", "2KB", "--family", "dhash")
    (photos / "large.png").write_bytes(png(9) + bytes(3000))
    *keys, _ = add("index", "photos/large.png", code=1)
    assert keys[0]["reason"] == "too_large_bytes"


def test_names_come_from_stdin_one_a_line(photos: Path) -> None:
    keys = add("index", "-", stdin=b"photos/a.png\nnothing.png\n\nphotos/2019\n", code=1)
    assert sorted(with_status(keys[:-1], "added")) == ["c.png", "photos/a.png"]
    assert with_status(keys[:-1], "failed") == ["nothing.png"]


def test_names_from_stdin_may_end_in_nul(photos: Path) -> None:
    draw(photos, ["new\nline.png"], first_seed=9)
    keys = add("index", "-", "-0", stdin=b"photos/new\nline.png\0photos/b.png\0")
    assert sorted(with_status(keys[:-1], "added")) == ["photos/b.png", "photos/new\nline.png"]


def test_odd_names_are_keys_as_they_are_and_impossible_ones_are_reported(photos: Path) -> None:
    odd = ["a b.png", "ü.png", "🐱.png", "new\nline.png", "[red].png", "-n.png"]
    draw(photos / "odd", odd, first_seed=20)
    (photos / "odd" / os.fsdecode(b"caf\xe9.png")).write_bytes(png(30))
    *keys, _ = add("index", "photos/odd", code=1)
    assert sorted(with_status(keys, "added")) == sorted(odd)
    assert with_status(keys, "failed") == ["caf\\xe9.png"]
    assert all(Index.open("index").get(name).image.key == name for name in odd)


def test_two_pictures_with_one_key_are_refused_before_anything_is_added(photos: Path) -> None:
    draw(photos, ["2020/c.png"], first_seed=7)
    result = run("add", "index", "photos/a.png", "photos/2019", "photos/2020")
    assert result.exit_code == 2
    assert "2019/c.png" in result.stderr
    assert "2020/c.png" in result.stderr
    assert not Path("index").exists()


def test_a_typing_mistake_makes_no_index(photos: Path) -> None:
    result = run("add", "index", "fotos")
    assert (result.exit_code, result.stderr) == (2, "lookalike: fotos: No such file or directory\n")
    assert not Path("index").exists()


def test_metadata_is_for_all_of_the_run_and_stays_when_a_picture_changes(photos: Path) -> None:
    add("index", "photos/a.png", "photos/b.png", "--meta", "album=Rome", "--meta", "year=2026")
    index = Index.open("index")
    assert index.get("photos/a.png").image.meta == {"album": "Rome", "year": 2026}
    draw(photos, ["a.png"], first_seed=60)
    add("index", "photos/a.png")
    assert index.get("photos/a.png").image.meta == {"album": "Rome", "year": 2026}
    *keys, _ = add("index", "photos/a.png", "photos/b.png", "--meta", "album=Paris", "--meta", "year=2026")
    assert len(with_status(keys, "added")) == 2
    assert index.get("photos/b.png").image.meta == {"album": "Paris", "year": 2026}


def test_the_index_may_lie_in_the_folder_that_is_added(photos: Path) -> None:
    add(photos / "index", "photos", "--all-files")
    *keys, _ = add(photos / "index", "photos", "--all-files")
    assert len(with_status(keys, "unchanged")) == len(keys) == 3


def test_few_files_are_compared_with_their_own_keys_and_not_with_all_of_a_large_index(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_of(Path("index"), photos)
    monkeypatch.setattr("lookalike.ingest.changes.ASK_BELOW", 1)
    monkeypatch.setattr(Index, "list", lambda *_, **__: pytest.fail("all of the index was read"))
    draw(photos, ["new.png"], first_seed=8)
    monkeypatch.chdir(photos)
    *keys, _ = add("../index", "a.png", "new.png")
    assert (with_status(keys, "unchanged"), with_status(keys, "added")) == (["a.png"], ["new.png"])


def test_objects_of_a_bucket_are_added_under_their_full_keys(
    s3_environment: S3Server, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = S3Store(BUCKET, client_options={"allow_http": True})
    pictures = ["originals/2019/c.png", "originals/Ärger & 100 %+ (1).png", "originals/a.png"]
    for name in (*pictures, "originals/notes.txt", "originals-old/b.png"):
        obstore.put(bucket, name, png(len(name)))
    *keys, _ = add(f"s3://{BUCKET}/add/index", f"s3://{BUCKET}/originals")
    assert sorted(with_status(keys, "added")) == sorted(pictures)
    *keys, _ = add(f"s3://{BUCKET}/add/index", f"s3://{BUCKET}/originals", f"s3://{BUCKET}/originals-old/b.png")
    assert sorted(with_status(keys, "unchanged")) == sorted(pictures)
    assert with_status(keys, "added") == ["originals-old/b.png"]
    result = run("search", f"s3://{BUCKET}/add/index", f"s3://{BUCKET}/originals/a.png")
    assert lines(result.stdout)[0]["key"] == "originals/a.png"
    assert run("add", f"s3://{BUCKET}/add/index", f"s3://{BUCKET}/orig").exit_code == 2


@pytest.fixture
def uncomputed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be computed."""
    monkeypatch.setattr("lookalike.signatures.pool.Pool.submit", lambda *_, **__: pytest.fail("computed"))


def test_a_picture_of_another_folder_takes_nobodys_place(photos: Path) -> None:
    index = index_of(Path("index"), photos)
    draw(photos.parent / "card", ["b.png", "new.png"], first_seed=50)
    result = run("add", "index", "card")
    assert result.exit_code == 2
    assert f"the key 'b.png' is that of {photos / 'b.png'}" in result.stderr
    assert "--root-name NAME" in result.stderr
    assert index.count() == 3
    *keys, _ = add("index", "card", "--root-name", "card2")
    assert sorted(with_status(keys, "added")) == ["card2/b.png", "card2/new.png"]
    assert index.search(png(1)).hits[0].key == "b.png"
    *keys, _ = add("index", "card")
    assert sorted(with_status(keys, "unchanged")) == ["card2/b.png", "card2/new.png"], "its name is remembered"
    assert "has the name 'card2'" in run("add", "index", "card", "--root-name", "card3").stderr


@pytest.mark.long
def test_a_folder_with_a_name_is_synced_under_it(photos: Path) -> None:
    index_of(Path("index"), photos)
    draw(photos.parent / "card", ["b.png", "old.png"], first_seed=50)
    add("index", "card", "--root-name", "card2")
    (photos.parent / "card" / "old.png").unlink()
    result = run("sync", "index", "card", "--jobs", 1)
    *keys, summary = lines(result.stdout)
    assert (with_status(keys, "removed"), with_status(keys, "unchanged")) == (["card2/old.png"], ["card2/b.png"])
    assert summary["images"] == 4


def test_another_file_takes_an_images_place_where_that_is_asked_for(photos: Path) -> None:
    index = index_of(Path("index"), photos)
    draw(photos.parent / "card", ["b.png"], first_seed=50)
    *_, summary = add("index", "card", "--replace")
    assert (summary["replaced"], summary["images"]) == (1, 3)
    assert index.search(png(50)).hits[0].score == 100


@pytest.mark.usefixtures("uncomputed")
def test_a_moved_folder_is_known_by_its_content(photos: Path) -> None:
    index = index_of(Path("index"), photos)
    index.add("a.png", png(0), {"album": "Rome"}, source=index.get("a.png").image.source)
    moved = photos.rename(photos.parent / "moved")
    *keys, summary = add("index", "moved")
    assert {(line["key"], line["same_as"]) for line in keys} == {(key, key) for key in ("a.png", "b.png", "2019/c.png")}
    counts = [summary[name] for name in ("added", "recognised", "replaced", "images")]
    assert counts == [3, 3, 0, 3], "what was only moved replaces nothing"
    stored = index.get("a.png")
    assert (stored.image.source["path"], stored.image.meta) == (str(moved / "a.png"), {"album": "Rome"})
    assert index.search(png(0)).hits[0].key == "a.png"
    assert index.verify().is_clean
    *keys, _ = add("index", "moved")
    assert len(with_status(keys, "unchanged")) == 3


@pytest.mark.usefixtures("uncomputed")
def test_a_copy_under_another_key_is_known_by_its_content(photos: Path) -> None:
    index = index_of(Path("index"), photos)
    *keys, summary = add("index", "photos", "--prefix", "again/")
    assert {line["same_as"] for line in keys} == {"a.png", "b.png", "2019/c.png"}
    assert (summary["recognised"], summary["images"]) == (3, 6)
    assert index.get("again/a.png").signatures == index.get("a.png").signatures
    assert index.thumbnail(index.get("again/a.png").image) is not None


@pytest.mark.long
def test_a_moved_file_that_was_changed_too_is_named(photos: Path) -> None:
    index = index_of(Path("index"), photos)
    photos.rename(photos.parent / "moved")
    draw(photos.parent / "moved", ["b.png"], first_seed=50)
    *keys, summary = add("index", "moved", code=1)
    assert with_status(keys, "failed") == ["b.png"]
    assert (summary["recognised"], summary["failed"]) == (2, 1)
    assert index.search(png(1)).hits[0].score == 100


def test_a_file_that_could_not_be_read_is_not_tried_again_until_it_changes(photos: Path) -> None:
    index_of(Path("index"), photos)
    broken = photos / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    add("index", "photos", code=1)
    *keys, summary = add("index", "photos")
    assert (with_status(keys, "skipped"), summary["skipped"], summary["failed"]) == (["broken.jpg"], 1, 0)
    assert "1 file not tried again" in run("add", "index", "photos", "--text").stdout
    add("index", "photos", "--retry", code=1)
    broken.write_bytes(png(9))
    *keys, summary = add("index", "photos")
    assert (with_status(keys, "added"), summary["skipped"]) == (["broken.jpg"], 0)


def test_ids_of_iqdb_come_from_the_names_of_files(photos: Path) -> None:
    draw(photos / "posts", ["0042.png", "7.png", "img7.png"], first_seed=30)
    *keys, _ = add("index", "photos/posts", "--key-from", "number", code=1)
    assert (sorted(with_status(keys, "added")), with_status(keys, "failed")) == (["42", "7"], ["img7.png"])
