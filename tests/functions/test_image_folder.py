"""The folder of the images: which objects of the image bucket are indexed, and never those of the index itself."""

from __future__ import annotations

import pytest

from functions.aws.image_folder import ImageFolder
from functions.aws.settings import SettingInvalid, Settings
from tests.functions.stage import load


@pytest.mark.parametrize(
    ("index", "images", "prefix"),
    [
        ("s3://index/index", "images", ""),
        ("s3://index/index", "images", "photos/"),
        ("s3://both/index", "both", "photos/"),
        ("s3://both/index/", "both", "indexed/"),
        ("s3://both/a/index", "both", "a/photos/"),
        # another bucket, whose name only begins the same
        ("s3://both-index/index", "both", ""),
        ("memory://", "both", ""),
    ],
)
def test_pictures_and_index_may_lie_beside_each_other(index: str, images: str, prefix: str) -> None:
    assert ImageFolder.of(Settings(index=index, images=images, images_prefix=prefix)) == ImageFolder(images, prefix)


@pytest.mark.parametrize(
    ("index", "prefix"),
    [
        ("s3://both/index", ""),
        ("s3://both/index", "index/"),
        ("s3://both/index", "index/photos/"),
        ("s3://both/photos/index", "photos/"),
        ("s3://both", ""),
        ("s3://both", "photos/"),
        ("s3://both/", "photos/"),
    ],
)
def test_an_index_among_its_pictures_is_refused(index: str, prefix: str) -> None:
    with pytest.raises(SettingInvalid, match=r"LOOKALIKE_IMAGES is 'both'.*Give another bucket, or LOOKALIKE_IM"):
        ImageFolder.of(Settings(index=index, images="both", images_prefix=prefix))


@pytest.mark.parametrize("function", ["api", "ingest", "backfill", "progress"])
def test_no_function_that_reads_pictures_starts_with_one(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingInvalid, match="where the index lies, too"):
        load(function, monkeypatch, LOOKALIKE_INDEX="s3://both/index", LOOKALIKE_IMAGES="both")


def test_a_folder_is_what_begins_so() -> None:
    folder = ImageFolder("images", "photos/")
    assert [key for key in ("photos/a.png", "photos-2/a.png", "a/photos/b.png") if folder.has(key)] == ["photos/a.png"]
    assert ImageFolder("images").has("index/a.png")
