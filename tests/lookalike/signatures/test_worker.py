"""The worker: what is wrong with a picture is its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.worker import Task, WorkerSettings, answer
from shards.errors import PictureError
from shards.families import family
from shards.pictures.decoding import PictureSettings
from shards.storage import originals
from shards.table.format.settings import IndexSettings
from tests.lookalike.cli.drawing import png

FAMILIES = (family("dhash"),)
SETTINGS = WorkerSettings.of(
    IndexSettings(("dhash",), pictures=PictureSettings(max_bytes=100_000)), originals.read_listed
)


def test_the_source_is_that_of_the_file_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(1))
    picture = answer(Task({"path": str(path), "size": 1, "mtime_ns": 2}), FAMILIES, SETTINGS)
    status = path.stat()
    assert isinstance(picture, ComputedPicture)
    assert picture.source == {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    assert picture.record("a", (1, 2)).source == picture.source


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"nothing", "not_an_image"),
        (png(1)[:300], "truncated"),
        (bytes(100_001), "too_large_bytes"),
        (None, "unreadable"),
    ],
)
def test_what_is_wrong_with_a_picture_is_its_answer(tmp_path: Path, data: bytes | None, reason: str) -> None:
    path = tmp_path / "a.png"
    if data is not None:
        path.write_bytes(data)
    error = answer(Task({"path": str(path)}), FAMILIES, SETTINGS)
    assert isinstance(error, PictureError)
    assert error.reason == reason
    assert str(error)


def test_a_mistake_in_the_code_is_an_answer_too() -> None:
    error = answer(Task({"no path": ""}), FAMILIES, SETTINGS)
    assert isinstance(error, PictureError)
    assert (error.reason, str(error)) == ("error", "its signatures cannot be computed (KeyError: 'path')")


def test_nothing_is_read_without_a_reader(tmp_path: Path) -> None:
    settings = WorkerSettings.of(IndexSettings(("dhash",)))
    error = answer(Task({"path": str(tmp_path / "a.png")}), FAMILIES, settings)
    assert isinstance(error, PictureError)
    assert error.reason == "unreadable"
