"""Originals are read below the roots that somebody named, and are files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shards.errors import PictureError
from shards.storage import originals
from shards.storage.originals import Roots, read, read_file

LIMIT = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.jpg").write_bytes(b"content")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


def refused(place: object, *roots: str | Path) -> str:
    with pytest.raises(PictureError) as raised:
        read({"path": str(place)}, LIMIT, Roots.of(roots))
    return str(raised.value)


def test_a_file_below_a_root_is_read(folder: Path) -> None:
    for root in (folder, folder / "sub", folder / "sub" / "a.jpg", "/", f"{folder}/", folder / "sub" / ".."):
        assert read({"path": str(folder / "sub" / "a.jpg")}, LIMIT, Roots.of([root])) == b"content"


def test_no_other_file_is(folder: Path, tmp_path: Path) -> None:
    (folder / "link.jpg").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to(tmp_path)
    (tmp_path / "pictures-too").mkdir()
    (tmp_path / "pictures-too" / "a.jpg").write_bytes(b"x")
    elsewhere = [tmp_path / "secret", folder / ".." / "secret", folder / "link.jpg", folder / "out" / "secret"]
    for place in [*elsewhere, tmp_path / "pictures-too" / "a.jpg", "secret", "", "a\0b", "file:///etc/passwd"]:
        assert "was not told" in refused(place, folder)
    assert "was not told" in refused(folder / "sub" / "a.jpg")


def test_a_root_may_be_reached_by_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert read({"path": str(tmp_path / "link" / "sub" / "a.jpg")}, LIMIT, Roots.of([folder])) == b"content"
    assert read({"path": str(folder / "sub" / "a.jpg")}, LIMIT, Roots.of([tmp_path / "link"])) == b"content"


def test_pipes_devices_and_folders_are_no_originals(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    assert "a pipe, a socket or a device" in refused(folder / "pipe.jpg", folder)
    assert "a pipe, a socket or a device" in refused("/dev/zero", "/dev")
    assert "Is a directory" in refused(folder / "sub", folder)
    for place in (folder / "pipe.jpg", folder / "zero.jpg"):
        with pytest.raises(PictureError, match=r"a pipe, a socket or a device, not a file; to read a pipe, give - for"):
            read_file(place, LIMIT)


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    os.truncate(folder / "sub" / "a.jpg", 1 << 40)
    assert "limit is 1,000,000" in refused(folder / "sub" / "a.jpg", folder)


def test_only_buckets_that_were_named_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look(url: str) -> None:
        asked.append(url)

    monkeypatch.setattr(originals, "look", look)
    named = ("s3://mine/pictures", "gs://all")
    for place in (
        "s3://other/pictures/a.jpg",
        "s3://mine/a.jpg",
        "s3://mine/pictures-2/a.jpg",
        "s3://mine-2/pictures/a",
    ):
        assert "was not told" in refused(place, *named)
    assert asked == []
    for place in ("s3://mine/pictures/a.jpg", "gs://all/of/it.jpg"):
        assert "the object is gone" in refused(place, *named)
    assert asked == ["s3://mine/pictures/a.jpg", "gs://all/of/it.jpg"]
    assert "was not told" in refused("s3://mine/pictures/a.jpg", "/")


@pytest.mark.parametrize("source", [{}, {"path": None}, {"path": 3}, {"path": ["/etc"]}])
def test_a_source_without_a_path_is_no_place(source: dict[str, object]) -> None:
    with pytest.raises(PictureError, match="does not know where"):
        read(source, LIMIT, Roots.of(["/"]))
