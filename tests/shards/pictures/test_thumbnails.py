"""Small copies of pictures, for people."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from shards.pictures import thumbnails
from shards.pictures.picture import Picture
from shards.pictures.thumbnails import thumbnail


def scene(width: int, height: int) -> Picture:
    corners = np.random.default_rng(4).integers(0, 256, (5, 6, 3), np.uint8)
    return Picture(np.asarray(Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)))


def drawn(picture: Picture, side: int) -> Image.Image:
    return Image.open(io.BytesIO(thumbnail(picture, side)))


@pytest.mark.parametrize(("width", "height"), [(300, 200), (1003, 707), (160, 1500), (2000, 3)])
def test_a_thumbnail_is_what_pillow_draws(width: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "STRIP", 5000)
    picture = scene(width, height)
    expected = Image.fromarray(picture.rgb)
    expected.thumbnail((100, 100))
    body = io.BytesIO()
    expected.save(body, "WEBP", quality=75, method=2)

    image = drawn(picture, 100)

    assert image.format == "WEBP"
    assert image.size == expected.size
    assert np.abs(np.asarray(image).astype(int) - np.asarray(Image.open(body))).mean() < 3


def test_a_small_picture_is_not_enlarged() -> None:
    assert drawn(scene(30, 20), 100).size == (30, 20)
