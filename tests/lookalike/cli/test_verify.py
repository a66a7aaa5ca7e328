"""`lookalike verify --repair`: what is asked before, what is said, and what is there afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from lookalike import Index
from tests.lookalike.cli.drawing import draw, index_of
from tests.lookalike.cli.running import lines, run


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Three images in one segment, and one in a log object."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "photos", ["a.png", "b.png", "c.png"])
    index = index_of(tmp_path / "index", tmp_path / "photos", ("dhash",))
    index.compact()
    index.add("d.png", (tmp_path / "photos/a.png").read_bytes())
    return index


def damage(tmp_path: Path) -> str:
    """Change a byte of the segment's signatures, and forget the log objects it was made of; return its name."""
    (segment,) = (path for path in (tmp_path / "index").rglob("*.npz") if "segments" in path.parts)
    data = bytearray(segment.read_bytes())
    stored = Index.open("index").get("a.png").signatures["dhash"]
    at = data.rindex(int(stored, 16).to_bytes(8, "little"))
    data[at] ^= 1
    segment.write_bytes(data)
    for log in (tmp_path / "index").rglob("log/*.npz"):
        if log.stat().st_mtime < segment.stat().st_mtime and log != newest_log(tmp_path):
            log.unlink()
    return segment.name


def newest_log(tmp_path: Path) -> Path:
    return max((tmp_path / "index").rglob("log/*.npz"))


def files(tmp_path: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()}


def test_a_dry_run_says_what_would_be_done(index: Index, tmp_path: Path) -> None:
    name = damage(tmp_path)
    before = files(tmp_path)
    result = run("verify", "index", "--repair", "--dry-run")
    assert result.exit_code == 1
    assert [line["key"] for line in lines(result.stdout) if line["status"] == "gone"] == ["a.png", "b.png", "c.png"]
    assert lines(result.stdout)[-1] | {"version": None} == {
        "status": "planned", "restored": 0, "gone": 3, "unknown": 0, "revived": 0, "version": None,
    }  # fmt: skip
    assert any(name in line.get("name", "") for line in lines(result.stdout))
    assert files(tmp_path) == before


def test_nothing_is_done_without_a_yes(index: Index, tmp_path: Path) -> None:
    damage(tmp_path)
    before = files(tmp_path)
    result = run("verify", "index", "--repair")
    assert (result.exit_code, files(tmp_path)) == (1, before)
    assert "nothing was done; say --yes to repair" in result.stderr


def test_a_repair_leaves_an_index_that_answers_and_names_what_is_gone(index: Index, tmp_path: Path) -> None:
    damage(tmp_path)
    result = run("verify", "index", "--repair", "--yes", "--text")
    assert result.exit_code == 1, "images are gone"
    assert "gone: a.png" in result.stdout
    assert "repaired: 0 images restored, 3 gone" in result.stdout
    again = run("verify", "index")
    assert again.exit_code == 0
    assert [image.key for image in Index.open("index").list()] == ["d.png"]
    assert any("damaged" in path for path in files(tmp_path))


def test_where_everything_can_be_restored_the_exit_code_is_0(index: Index, tmp_path: Path) -> None:
    newest = min((tmp_path / "index").rglob("manifest/*.json"))
    newest.write_bytes(newest.read_bytes().replace(b"dhash", b"ahash"))
    assert run("verify", "index").exit_code == 1
    assert run("verify", "index", "--repair", "--yes").exit_code == 0
    assert run("verify", "index").exit_code == 0
    assert sorted(image.key for image in Index.open("index").list()) == ["a.png", "b.png", "c.png", "d.png"]


def test_images_that_come_back_without_metadata_are_named(index: Index, tmp_path: Path) -> None:
    index.compact(everything=True)
    segment = max((tmp_path / "index").rglob("segments/*/*.npz"), key=lambda path: path.stat().st_size)
    for older in [*(tmp_path / "index").rglob("log/*.npz"), *(tmp_path / "index").rglob("segments/*/*.npz")]:
        if older != segment:
            older.unlink()
    body = bytearray(segment.read_bytes())
    body[body.index(b'{"source"')] ^= 1
    segment.write_bytes(body)
    result = run("verify", "index", "--repair", "--yes", "--text")
    assert result.exit_code == 1, "their metadata is gone"
    assert "without metadata, size or SHA-256: a.png" in result.stdout
    assert sorted(image.key for image in Index.open("index").list()) == ["a.png", "b.png", "c.png", "d.png"]


def test_an_index_in_good_order_is_not_repaired(index: Index, tmp_path: Path) -> None:
    before = files(tmp_path)
    result = run("verify", "index", "--repair", "--yes")
    assert (result.exit_code, lines(result.stdout)[-1]["status"], files(tmp_path)) == (0, "clean", before)


def test_an_index_without_its_settings_is_opened_again(index: Index, tmp_path: Path) -> None:
    (tmp_path / "index/index.json").write_bytes(b"{}")
    assert run("verify", "index").exit_code == 2
    planned = run("verify", "index", "--repair", "--dry-run")
    assert planned.exit_code == 1
    assert "what is left is an index of dhash, in 1 shard" in planned.stderr
    assert (tmp_path / "index/index.json").read_bytes() == b"{}"
    assert run("verify", "index", "--repair", "--yes").exit_code == 0
    assert sorted(image.key for image in Index.open("index").list()) == ["a.png", "b.png", "c.png", "d.png"]
