"""The worker: what is wrong with a picture is its answer."""

from __future__ import annotations

import pytest

from lookalike.signatures import worker
from lookalike.signatures.computed import ComputedPicture
from lookalike.signatures.worker import Task, WorkerSettings, answer, memory_for
from shards.errors import PictureError
from shards.families import family
from shards.pictures.decoding import PictureSettings, decode
from shards.table.format.settings import IndexSettings
from tests.lookalike.cli.drawing import png

FAMILIES = (family("dhash"),)
SETTINGS = WorkerSettings.of(IndexSettings(("dhash",), pictures=PictureSettings(max_bytes=100_000)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"nothing", "not_an_image"),
        (png(1)[:300], "truncated"),
        (bytes(100_001), "too_large_bytes"),
    ],
)
def test_what_is_wrong_with_a_picture_is_its_answer(data: bytes, reason: str) -> None:
    for task in (Task(data), Task(data, drawn=20)):
        error = answer(task, FAMILIES, SETTINGS)
        assert isinstance(error, PictureError)
        assert error.reason == reason
        assert str(error)


def test_a_thumbnail_alone_has_no_signatures() -> None:
    drawn = answer(Task(png(1), drawn=20), FAMILIES, SETTINGS)
    assert isinstance(drawn, ComputedPicture)
    assert drawn.orientations == ()
    assert drawn.thumbnail is not None
    assert decode(drawn.thumbnail).rgb.shape == (20, 20, 3)


def test_a_picture_that_is_larger_or_dearer_than_its_task_allows_is_not_decoded() -> None:
    large = answer(Task(png(1), max_pixels=24 * 24 - 1), FAMILIES, SETTINGS)
    dear = answer(Task(png(1), max_cost=24 * 24), FAMILIES, SETTINGS)
    assert isinstance(large, PictureError)
    assert isinstance(dear, PictureError)
    assert (large.reason, dear.reason) == ("too_many_pixels", "too_costly")


def test_a_mistake_in_the_code_is_an_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object, **options: object) -> None:
        raise KeyError("path")

    monkeypatch.setattr(worker, "compute_picture", fail)
    error = answer(Task(png(1)), FAMILIES, SETTINGS)
    assert isinstance(error, PictureError)
    assert (error.reason, str(error)) == ("error", "its signatures cannot be computed (KeyError: 'path')")


def test_memory_follows_from_the_largest_picture() -> None:
    pictures = PictureSettings()
    assert WorkerSettings.of(IndexSettings()).memory == memory_for(pictures.max_bytes, pictures.max_pixels)
    assert memory_for(0, 1000) - memory_for(0, 0) == 32_000
