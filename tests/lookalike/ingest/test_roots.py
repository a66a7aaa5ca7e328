"""Which originals this machine's user has told of, by index."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from lookalike.ingest import roots
from shards.errors import StorageError


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return roots.state_file()


def test_what_was_told_is_known_of_that_index_alone(tmp_path: Path) -> None:
    roots.remember("/a.index", [str(tmp_path / "pictures"), "s3://bucket/x"])
    roots.remember("/a.index", [str(tmp_path / "more")])
    for place in (tmp_path / "pictures" / "a.jpg", tmp_path / "more" / "b.jpg", "s3://bucket/x/c.jpg"):
        assert roots.known("/a.index").allow(str(place))
        assert not roots.known("/b.index").allow(str(place))
    assert not roots.known("/a.index").allow("/etc/passwd")


def test_nothing_is_known_before(state: Path) -> None:
    assert not roots.known("/a.index").allow("/tmp")
    assert not state.exists()


def test_only_the_user_may_read_and_write_it(state: Path) -> None:
    roots.remember("/a.index", ["/pictures"])
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.parent.stat().st_mode) == 0o700
    assert sorted(path.suffix for path in state.parent.iterdir()) == [".json", ".lock"]


def test_the_latest_places_are_kept(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "MAX_PLACES", 3)
    for n in range(5):
        roots.remember("/a.index", [f"/{n}"])
    roots.remember("/a.index", ["/3"])
    assert json.loads(state.read_text()) == {"/a.index": ["/2", "/4", "/3"]} or json.loads(state.read_text()) == {
        "/a.index": ["/2", "/3", "/4"]
    }


@pytest.mark.parametrize("text", ["", "[]", '{"/a.index": "x"}', '{"/a.index": [1]}', "[" * 100_000])
def test_a_file_that_is_something_else_is_named(state: Path, text: str) -> None:
    state.parent.mkdir(parents=True)
    state.write_text(text)
    with pytest.raises(StorageError, match=r"originals\.json: .*remove it"):
        roots.known("/a.index")


def test_where_there_is_no_place_for_it_that_is_said(state: Path) -> None:
    state.parent.parent.write_text("a file")
    assert not roots.known("/a.index").allow("/pictures/a.jpg")
    with pytest.raises(StorageError, match="give --originals"):
        roots.remember("/a.index", ["/pictures"])
