"""Of an animation, the frame that stands for it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shards.pictures.decoding import PictureSettings, decode
from shards.pictures.frames import FRAMES

FIRST = PictureSettings(frame="first")
BLANK = np.zeros((20, 30, 4), np.uint8)
BLACK = np.full((20, 30, 3), 0, np.uint8)
WHITE = np.full((20, 30, 3), 255, np.uint8)
SCENE = np.zeros((20, 30, 3), np.uint8)
SCENE[5:15, 10:20] = 200
OTHER = 255 - SCENE


def animated(frames: list[NDArray[np.uint8]], kind: str = "GIF") -> bytes:
    first, *more = map(Image.fromarray, frames)
    lossless = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "AVIF" else {}
    body = io.BytesIO()
    first.save(body, kind, save_all=True, append_images=more, duration=list(range(50, 50 + len(frames))), **lossless)
    return body.getvalue()


def shows(data: bytes, scene: NDArray[np.uint8], settings: PictureSettings | None = None) -> bool:
    rgb = decode(data, settings).rgb
    return rgb.shape == (20, 30, 3) and bool(np.abs(rgb.astype(int) - scene).max() <= 12)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_is_its_first_frame_with_content(kind: str) -> None:
    data = animated([WHITE, BLACK, SCENE, OTHER], kind)

    assert shows(data, SCENE)
    assert shows(data, WHITE, FIRST)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_transparent_frame_is_of_one_colour(kind: str) -> None:
    scene = np.dstack([SCENE, np.full(SCENE.shape[:2], 255, np.uint8)])
    assert shows(animated([BLANK, scene], kind), SCENE)


def test_an_animation_that_begins_with_content_is_its_first_frame() -> None:
    assert shows(animated([SCENE, OTHER]), SCENE)


def test_an_animation_without_content_is_its_first_frame() -> None:
    assert shows(animated([WHITE, BLACK]), WHITE)


def test_content_is_looked_for_in_the_first_frames() -> None:
    waits = [WHITE, BLACK] * (FRAMES // 2)

    assert shows(animated([*waits[1:], SCENE]), SCENE)
    assert shows(animated([*waits, SCENE]), WHITE)


def test_a_cut_animation_is_its_first_frame_where_none_with_content_is_left() -> None:
    data = animated([WHITE, SCENE, OTHER])
    assert shows(data[: data.index(b"\x21\xf9", 20 + data.index(b"\x21\xf9")) + 12], WHITE)


def test_a_frame_that_makes_the_picture_grow_is_not_taken() -> None:
    # the size of the second frame stands behind its mark, and the place
    data = bytearray(animated([WHITE, SCENE]))
    second = data.index(b",", 1 + data.index(b","))
    data[second + 5 : second + 7] = (40_000).to_bytes(2, "little")

    assert shows(bytes(data), WHITE)


@pytest.mark.parametrize("kind", ["TIFF", "MPO"])
def test_pages_and_views_are_no_animation(kind: str) -> None:
    body = io.BytesIO()
    Image.fromarray(WHITE).save(body, kind, save_all=True, append_images=[Image.fromarray(SCENE)])
    assert shows(body.getvalue(), WHITE)
