"""Greys of more than 8 bits."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shards.families import family
from shards.pictures import depths
from shards.pictures.decoding import PictureSettings, decode
from shards.pictures.depths import Depth
from tests import pictures

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


def scaled(levels: list[float], dtype: str, white: float | None = None) -> list[int]:
    return stretched(np.array([levels], dtype), white)[0].tolist()


def stretched(levels: NDArray[Any], white: float | None) -> NDArray[np.uint8]:
    """Scale the levels, looked at in two parts."""
    black, brightest = depths.bounds(np.array_split(levels, 2, axis=1), white)
    return depths.stretched(levels, black, brightest)


def tiff(levels: NDArray[Any], *, photometric: int = 1, **more: int) -> bytes:
    """Return a TIFF of these levels, in one strip; `more`: values of tags, by name."""
    kinds = {"u": 1, "i": 2, "f": 3}
    tags = {
        256: levels.shape[1], 257: levels.shape[0], 258: 8 * levels.dtype.itemsize, 259: 1, 262: photometric, 277: 1,
        278: levels.shape[0], 279: levels.nbytes, 339: kinds[levels.dtype.kind],
        **{{"bits": 258, "bytes": 279, "max_sample": 281}[name]: value for name, value in more.items()},
    }  # fmt: skip
    tags[273] = 8 + 2 + 12 * (len(tags) + 1) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    pixels = levels.astype(levels.dtype.newbyteorder("<")).tobytes()
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + pixels


def pgm(levels: NDArray[Any], white: int) -> bytes:
    return f"P5 {levels.shape[1]} {levels.shape[0]} {white}\n".encode() + levels.astype(">u2").tobytes()


def twelve_bits(levels: NDArray[Any]) -> bytes:
    """Return a TIFF in which two levels share three bytes."""
    first, second = levels[:, ::2].astype(int), levels[:, 1::2].astype(int)
    packed = np.dstack([first >> 4, (first & 15) << 4 | second >> 8, second & 255]).astype(np.uint8)
    return tiff(levels.astype(np.uint16), bits=12, bytes=packed.nbytes)[: -2 * levels.size] + packed.tobytes()


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


def test_greys_are_scaled_unless_an_index_clips_them() -> None:
    deep = encoded(np.array([[0, 1, 128, 255], [256, 257, 32768, 65535]], np.uint16))

    assert greys(deep).tolist() == [[0, 0, 0, 1], [1, 1, 128, 255]]
    assert greys(deep, CLIPPED).tolist() == [[0, 1, 128, 255], [255, 255, 255, 255]]


def test_clipped_floats_lose_their_fractions_and_what_is_no_number_is_black() -> None:
    levels = np.array([[-5.0, 0.9, 17.5, 300.0, np.nan, np.inf]], np.float32)
    assert greys(encoded(levels, "TIFF"), CLIPPED).tolist() == [[0, 0, 17, 255, 0, 255]]


# scaled


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "i4"])
def test_16_bits_are_rounded_to_the_nearest_of_8(dtype: str) -> None:
    exact = np.rint(EVERY_16_BITS.astype(float) / 257)
    assert np.array_equal(stretched(EVERY_16_BITS.astype(dtype), 65535), exact)


def test_floats_are_white_at_1() -> None:
    assert scaled([0, 0.25, 0.5, 1], "f4") == [0, 64, 128, 255]


@pytest.mark.parametrize(
    ("levels", "dtype"),
    [
        ([-100, 0, 100], "i4"), ([0, 50_000, 100_000], "i4"), ([0, 100, 200], "i4"),
        ([0, 1 << 31, (1 << 32) - 1], "u4"), ([-1, 0, 1], "f4"), ([200, 220, 240], "f4"),
    ],
)  # fmt: skip
def test_levels_of_an_unknown_range_are_scaled_to_that_of_the_picture(levels: list[float], dtype: str) -> None:
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


def test_a_level_above_the_stated_white_is_white() -> None:
    assert scaled([0, 1023, 2000], "u2", 1023) == [0, 255, 255]


# what a file states


CAMERA = Image.open(pictures.GOLDEN / "iqdb" / "images" / "08_camera_512_graymode.jpg").convert("L").resize((128, 96))
GREYS = np.interp(np.asarray(CAMERA), CAMERA.getextrema(), (0, 255)).round().astype(np.uint8)
WIDE = GREYS.astype(int)
SAME = {
    "PNG of 16 bits": encoded(GREYS.astype(np.uint16) * 257),
    "TIFF of 16 bits": tiff(GREYS.astype(np.uint16) * 257),
    "TIFF of 16 bits, of which white uses 10": tiff((WIDE * 1023 // 255).astype(np.uint16), max_sample=1023),
    "TIFF of 12 bits": twelve_bits(WIDE * 4095 // 255),
    "TIFF of 16 bits, white at 0": tiff(65535 - GREYS.astype(np.uint16) * 257, photometric=0),
    "TIFF of 16 bits with a sign": tiff(GREYS.astype(np.int16) * 128),
    "TIFF of 32 bits": tiff(GREYS.astype(np.uint32) * 0x01010101),
    "TIFF of 32 bits that uses 8": tiff(GREYS.astype(np.uint32)),
    "TIFF of 32 bits with a sign": tiff(GREYS.astype(np.int32) * 1000 - 5),
    "TIFF of floats up to 1": tiff(GREYS.astype(np.float32) / 255),
    "TIFF of floats up to 255": tiff(GREYS.astype(np.float32)),
    "TIFF of floats, white at 0": tiff(1 - GREYS.astype(np.float32) / 255, photometric=0),
    "PGM of 10 bits": pgm(WIDE * 1023 // 255, 1023),
    "PGM of 16 bits": pgm(WIDE * 257, 65535),
    "PGM, odd": pgm(WIDE * 300 // 255, 300),
    "JPEG 2000 of 16 bits": encoded(GREYS.astype(np.uint16) * 257, "JPEG2000"),
}
"""One picture, with its greys in every way in which a file may have more than 8 bits of them."""


@pytest.mark.parametrize("name", SAME)
def test_a_picture_is_the_same_in_any_depth(name: str) -> None:
    deep, shallow = decode(SAME[name]), decode(encoded(GREYS))

    assert np.abs(deep.rgb.astype(int) - shallow.rgb).max() <= 1
    for kind in map(family, ("haar", "goldberg", "dhash", "dhash_vertical", "phash", "ahash", "whash", "pdq", "crops")):
        rows = np.array([kind.compute(deep)], kind.dtype)
        assert kind.score_asked(kind.questions(shallow), rows)[0] >= 95, kind.name


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
