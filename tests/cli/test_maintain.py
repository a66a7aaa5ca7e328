"""`lookalike stats`, `compact`, `collect` and `verify`."""

from __future__ import annotations

from pathlib import Path

import pytest

from shards import Index
from tests.cli.drawing import draw, index_of
from tests.cli.running import lines, run


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Three images in three log objects."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "photos", ["a.png", "b.png", "c.png"])
    return index_of(tmp_path / "index", tmp_path / "photos", ("dhash",))


def test_stats_before_and_after_a_compaction(index: Index) -> None:
    (before,) = lines(run("stats", "index").stdout)
    assert (before["images"], before["tail"], before["segments"]) == (3, 3, 0)
    assert lines(run("compact", "index").stdout) == [{"folded": 3, "merged": 0, "written": 0, "version": 1}]
    (after,) = lines(run("stats", "index").stdout)
    assert (after["images"], after["tail"], after["segments"], after["families"]) == (3, 0, 1, ["dhash"])
    assert after["columns"]["dhash"] == 24
    text = run("stats", "index", "--text").stdout
    assert "images      3\n" in text
    assert "dhash" in text


def test_everything_becomes_one_segment(index: Index, tmp_path: Path) -> None:
    index.compact()
    draw(tmp_path / "photos", ["d.png"], first_seed=9)
    index.add("d.png", (tmp_path / "photos/d.png").read_bytes())
    assert index.compact().merged == 0
    text = run("compact", "index", "--everything", "--text").stdout
    assert text == "folded 0 log objects, merged 2 segments into 1; the manifest is version 3\n"


def test_collecting_says_what_went(index: Index) -> None:
    assert lines(run("collect", "index").stdout) == [{"deleted": [], "size": 0}]
    assert run("collect", "index", "--text").stdout == "deleted 0 objects of 0 bytes\n"


def test_a_whole_index_is_clean(index: Index) -> None:
    index.compact()
    result = run("verify", "index")
    assert result.exit_code == 0
    (verdict,) = lines(result.stdout)
    assert verdict.pop("size") > 0
    assert verdict == {
        "status": "clean",
        "index": index.url,
        "objects": 6,
        "images": 3,
        "problems": 0,
    }
    assert "clean (6 objects" in run("verify", "index", "--text").stdout


def test_one_wrong_byte_is_found_named_and_exit_code_1(index: Index, tmp_path: Path) -> None:
    index.compact()
    (segment,) = (tmp_path / "index/segments").rglob("*.npz")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    result = run("verify", "index")
    assert result.exit_code == 1
    problem, verdict = lines(result.stdout)
    assert problem["name"] == segment.relative_to(tmp_path / "index").as_posix()
    assert set(problem) == {"status", "name", "problem", "advice", "is_harmless"}
    assert (verdict["status"], verdict["problems"]) == ("damaged", 1)
    text = run("verify", "index", "--text")
    assert text.exit_code == 1
    assert segment.name in text.stdout
    assert "damaged: 1 problem" in text.stdout
