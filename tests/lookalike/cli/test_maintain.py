"""`lookalike stats`, `compact`, `reshard`, `collect` and `verify`."""

from __future__ import annotations

from pathlib import Path

import pytest

from lookalike import Index
from lookalike.cli.output.progress import Progress
from tests.lookalike.cli.drawing import draw, index_of
from tests.lookalike.cli.running import lines, run


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


def test_stats_say_that_false_rates_are_damaged(index: Index, tmp_path: Path) -> None:
    data = tmp_path / "index" / index.settings.id
    (data / "rates").mkdir()
    (data / "rates" / f"{1_796_000_000_000}-{0:032x}.json").write_bytes(b"{")
    result = run("stats", "index")
    assert result.exit_code == 0
    (said,) = lines(result.stdout)
    assert (said["images"], said["calibrated"]) == (3, None)
    assert "'lookalike calibrate' measures them again" in result.stderr


def test_everything_becomes_one_segment(index: Index, tmp_path: Path) -> None:
    index.compact()
    draw(tmp_path / "photos", ["d.png"], first_seed=9)
    index.add("d.png", (tmp_path / "photos/d.png").read_bytes())
    assert index.compact().merged == 0
    text = run("compact", "index", "--everything", "--text").stdout
    assert text == "folded 0 log objects, merged 2 segments into 1; the manifest is version 3\n"


def test_resharding_says_what_it_did(index: Index) -> None:
    index.compact()
    before = run("search", "index", "photos/b.png").stdout
    result = run("reshard", "index", "4", "--json")
    assert lines(result.stdout) == [{"before": 1, "shards": 4, "split": 1, "written": 2, "version": 3}]
    assert run("search", "index", "photos/b.png").stdout == before
    text = run("reshard", "index", "16", "--text").stdout
    assert text == "4 shards before, 16 now: split 2 segments into 3; the manifest is version 6\n"
    assert run("search", "index", "photos/b.png").stdout == before
    assert lines(run("verify", "index").stdout)[-1]["status"] == "clean"


def test_a_number_of_shards_that_cannot_be_is_refused_with_those_that_can(index: Index) -> None:
    result = run("reshard", "index", "3")
    assert result.exit_code == 2
    assert "shards is 3, the index has 1: give that doubled, once or several times, up to 65,536: 2, 4, 8" in (
        result.stderr
    )
    assert run("reshard", "index", "many").exit_code == 2


def test_an_interrupted_resharding_is_seen_and_goes_on(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.compact()

    def interrupt(self: Progress, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "update", interrupt)
        result = run("reshard", "index", "2")
    assert result.exit_code == 130
    assert "the index is whole" in result.stderr
    assert "shards      2, resharding: 1 segment to split\n" in run("stats", "index", "--text").stdout
    (done,) = lines(run("reshard", "index", "2").stdout)
    assert (done["before"], done["split"]) == (2, 1)
    (stats,) = lines(run("stats", "index").stdout)
    assert (stats["shards"], stats["wide"], stats["images"]) == (2, 0, 3)


def test_the_folder_of_the_objects_is_told(index: Index) -> None:
    (stats,) = lines(run("stats", "index").stdout)
    assert stats["id"] == index.settings.id
    assert Path("index", stats["id"], "log").is_dir()


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
        "objects": 9,
        "images": 3,
        "problems": 0,
    }
    assert "clean (9 objects" in run("verify", "index", "--text").stdout


def test_one_wrong_byte_is_found_named_and_exit_code_1(index: Index, tmp_path: Path) -> None:
    index.compact()
    (segment,) = (path for path in (tmp_path / "index").rglob("*.npz") if "segments" in path.parts)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    result = run("verify", "index")
    assert result.exit_code == 1
    problem, verdict = lines(result.stdout)
    assert segment.as_posix().endswith(problem["name"])
    assert set(problem) == {"status", "name", "problem", "advice", "is_harmless", "is_unread"}
    assert (verdict["status"], verdict["problems"]) == ("damaged", 1)
    text = run("verify", "index", "--text")
    assert text.exit_code == 1
    assert segment.name in text.stdout
    assert "damaged: 1 problem" in text.stdout
