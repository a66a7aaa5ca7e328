"""Transformations: each makes the same copy again, and another picture than it was given."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from shards.pictures.copies import TRANSFORMATIONS, reduced
from shards.pictures.decoding import Picture
from shards.pictures.orientations import turned


def drawn(seed: int, height: int = 90, width: int = 120) -> Picture:
    """Return a picture of rough noise in colour, with blocks of 10 pixels."""
    blocks = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8)
    return Picture(np.ascontiguousarray(blocks.repeat(10, axis=0).repeat(10, axis=1)))


PICTURE, OTHERS = drawn(0), [drawn(1), drawn(2), drawn(3)]


def made(name: str, seed: int = 7) -> Picture:
    transformation = TRANSFORMATIONS[name]
    return transformation.apply(PICTURE, Random(seed), OTHERS[: transformation.companions])


@pytest.mark.parametrize("name", TRANSFORMATIONS)
class TestEveryTransformation:
    def test_makes_the_same_copy_again(self, name: str) -> None:
        assert made(name).rgb.tobytes() == made(name).rgb.tobytes()

    def test_changes_the_picture_and_not_its_argument(self, name: str) -> None:
        before = PICTURE.rgb.copy()
        copy = made(name)
        assert copy.rgb.shape != before.shape or (copy.rgb != before).any()
        assert copy.rgb.dtype == np.uint8
        assert copy.rgb.flags.c_contiguous
        assert (PICTURE.rgb == before).all()

    def test_has_a_name_and_a_title(self, name: str) -> None:
        assert TRANSFORMATIONS[name].name == name
        assert TRANSFORMATIONS[name].title


def test_there_are_35() -> None:
    """Tables of other years are compared by these names."""
    assert " ".join(TRANSFORMATIONS) == (
        "half thumb150 jpeg30 jpeg10 grey bright1.3 contrast1.5 gamma0.6 saturate2 blur2 noise15 palette16 aspect1.25"
        " logo caption impact meme white10 letterbox mirror rot3 rot10 rot90 crop2 crop5 crop10 crop25 crop50 crop75"
        " side25 side50 crop25half screenshot collage collagefit"
    )


@pytest.mark.parametrize(("name", "share"), [("crop5", 0.95), ("crop25", 0.75), ("crop50", 0.5), ("crop75", 0.25)])
@pytest.mark.parametrize("seed", range(5))
def test_a_crop_removes_its_share_of_the_area(name: str, share: float, seed: int) -> None:
    assert made(name, seed).rgb[..., 0].size / PICTURE.rgb[..., 0].size == pytest.approx(share, abs=0.02)


def test_a_crop_is_beside_the_middle() -> None:
    places = {made("crop50", seed).rgb.tobytes() for seed in range(8)}
    assert len(places) == 8


@pytest.mark.parametrize("seed", range(8))
def test_half_of_a_side_is_a_half(seed: int) -> None:
    height, width = made("side50", seed).rgb.shape[:2]
    assert (height, width) in {(45, 120), (90, 60)}


def test_what_is_asked_as_mirrored_is_the_picture_again() -> None:
    asked = turned(made("mirror").rgb, TRANSFORMATIONS["mirror"].asked_as)
    assert (asked == PICTURE.rgb).all()
    assert [name for name, each in TRANSFORMATIONS.items() if each.asked_as != 1] == ["mirror"]


def test_a_collage_shows_the_other_pictures() -> None:
    """Where a cell is, the colours are those of the picture in it."""
    collage = made("collage").rgb[300:, 400:].astype(float).mean(axis=(0, 1))
    assert collage == pytest.approx(OTHERS[2].rgb.astype(float).mean(axis=(0, 1)), abs=20)


def test_reducing_keeps_small_pictures() -> None:
    assert reduced(PICTURE, 120) is PICTURE
    assert reduced(PICTURE, 60).rgb.shape == (45, 60, 3)
