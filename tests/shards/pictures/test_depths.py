"""Greys of more than 8 bits."""

from __future__ import annotations

import io
import zlib
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shards.pictures.decoding import PictureSettings, decode
from shards.pictures.depths import Depth, to_8_bits

EVERY_16_BITS = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
CLIPPED = PictureSettings(exif="ignore", alpha="drop", depth="clip")
SCALED = PictureSettings(depth="scale")


def encoded(levels: NDArray[Any], kind: str = "PNG") -> bytes:
    body = io.BytesIO()
    Image.fromarray(levels).save(body, kind)
    return body.getvalue()


def greys(data: bytes, settings: PictureSettings | None = None) -> NDArray[np.uint8]:
    """Decode, and return (height, width)."""
    rgb = decode(data, settings).rgb
    assert (rgb == rgb[..., :1]).all()
    return rgb[..., 0]


def scaled(levels: list[float], dtype: str) -> list[int]:
    return to_8_bits(np.array([levels], dtype), "scale")[0].tolist()


# clipped


@pytest.mark.parametrize(
    ("levels", "kind", "mode"),
    [
        (EVERY_16_BITS, "PNG", "I;16"),
        (EVERY_16_BITS, "TIFF", "I;16"),
        (np.arange(-2000, 2000, dtype=np.int32).reshape(40, 100) * 7, "TIFF", "I"),
        (np.linspace(-20, 300, 4000, dtype=np.float32).reshape(40, 100), "TIFF", "F"),
    ],
)
def test_clipped_greys_are_those_of_pillows_convert(levels: NDArray[Any], kind: str, mode: str) -> None:
    data = encoded(levels, kind)

    with Image.open(io.BytesIO(data)) as stored:
        assert stored.mode == mode
        assert np.array_equal(decode(data, CLIPPED).rgb, np.asarray(stored.convert("RGB")))


def test_greys_are_clipped_unless_an_index_scales_them() -> None:
    deep = encoded(np.array([[0, 1, 128, 255], [256, 257, 32768, 65535]], np.uint16))

    assert greys(deep).tolist() == [[0, 1, 128, 255], [255, 255, 255, 255]]
    assert greys(deep, SCALED).tolist() == [[0, 0, 0, 1], [1, 1, 128, 255]]


def test_clipped_floats_lose_their_fractions_and_what_is_no_number_is_black() -> None:
    levels = np.array([[-5.0, 0.9, 17.5, 300.0, np.nan, np.inf]], np.float32)
    assert greys(encoded(levels, "TIFF")).tolist() == [[0, 0, 17, 255, 0, 255]]


# scaled


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "i4"])
def test_16_bits_are_rounded_to_the_nearest_of_8(dtype: str) -> None:
    exact = np.rint(EVERY_16_BITS.astype(float) / 257)
    assert np.array_equal(to_8_bits(EVERY_16_BITS.astype(dtype), "scale"), exact)


def test_floats_are_white_at_1() -> None:
    assert scaled([0, 0.25, 0.5, 1], "f4") == [0, 64, 128, 255]


@pytest.mark.parametrize(
    ("levels", "dtype"),
    [([-100, 0, 100], "i4"), ([0, 50_000, 100_000], "i4"), ([-1, 0, 1], "f4"), ([200, 220, 240], "f4")],
)
def test_other_levels_are_scaled_to_the_range_of_the_picture(levels: list[float], dtype: str) -> None:
    assert scaled(levels, dtype) == [0, 128, 255]


def test_what_is_no_number_is_black_and_does_not_count_for_the_range() -> None:
    assert scaled([np.nan, 0.5, np.inf, -np.inf], "f4") == [0, 128, 255, 0]
    assert scaled([np.nan, -3, np.inf, -np.inf, 5], "f4") == [0, 0, 255, 0, 255]
    assert scaled([np.nan, np.inf, -np.inf], "f4") == [0, 255, 0]


def test_a_picture_of_one_level_beyond_the_range_is_black() -> None:
    assert scaled([7.5, 7.5], "f4") == [0, 0]
    assert scaled([-1, -1], "i4") == [0, 0]


def test_the_largest_floats_do_not_overflow() -> None:
    largest = float(np.finfo(np.float32).max)
    assert scaled([-largest, 0, largest], "f4") == [0, 128, 255]


# colours


@pytest.mark.parametrize("depth", get_args(Depth))
def test_colours_of_16_bits_are_scaled_either_way(depth: Depth) -> None:
    levels = np.array([[[0x1234, 0x00FF, 0xFFFF], [0x8000, 0x7FFF, 0x0100]]], ">u2")
    body = zlib.compress(b"\0" + levels.tobytes())
    header = b"".join(n.to_bytes(4) for n in (2, 1)) + bytes([16, 2, 0, 0, 0])

    def chunk(name: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")

    assert decode(data, PictureSettings(depth=depth)).rgb.tolist() == [[[0x12, 0, 0xFF], [0x80, 0x7F, 1]]]
