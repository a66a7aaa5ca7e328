"""Headers: what a file states is known without a decoder, and within bounds whatever its bytes."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shards.pictures.headers import Header, read_header
from tests.shards.pictures.scans import with_scans

WIDTH, HEIGHT = 61, 47


def encoded(kind: str, **options: Any) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "options", "scans"),
    [
        ("JPEG", {}, 1),
        ("JPEG", {"progressive": True}, 10),
        ("JPEG", {"exif": b"Exif\0\0" + bytes(5000)}, 1),
        ("PNG", {}, 1),
        ("GIF", {}, 1),
        ("WEBP", {}, 1),
        ("WEBP", {"lossless": True}, 1),
        ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, 1),
        ("AVIF", {}, 1),
        ("BMP", {}, 1),
        ("TIFF", {}, 1),
        ("TIFF", {"compression": "tiff_lzw"}, 1),
    ],
)
def test_size_and_scans_are_those_of_the_file(kind: str, options: Mapping[str, Any], scans: int) -> None:
    data = encoded(kind, **options)
    header = read_header(data)
    assert header == read_header(memoryview(data))
    assert header == Header(kind, WIDTH, HEIGHT, scans)


def test_a_frame_that_is_larger_than_its_screen_counts() -> None:
    data = bytearray(encoded("GIF"))
    data[6:10] = bytes([1, 0, 1, 0])
    assert read_header(bytes(data)) == Header("GIF", WIDTH, HEIGHT)
    assert Image.open(io.BytesIO(bytes(data))).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("scans", [10, 30, 500])
def test_scans_are_counted(scans: int) -> None:
    header = read_header(with_scans(encoded("JPEG", progressive=True), scans))
    assert header is not None
    assert header.scans == scans


def test_what_lies_behind_the_picture_is_no_scan() -> None:
    header = read_header(encoded("JPEG", progressive=True) + b"\xff\xda" * 1000)
    assert header is not None
    assert header.scans == 10


def test_scans_do_not_hide_behind_a_comment_that_looks_like_the_end() -> None:
    data = with_scans(encoded("JPEG", progressive=True), 500)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xc4", first)
    header = read_header(data[:second] + b"\xff\xfe\0\x04\xff\xd9" + data[second:])
    assert header is not None
    assert header.scans == 500


def test_scans_of_a_plain_jpeg_count_only_where_there_can_be_more_than_one() -> None:
    data = encoded("JPEG")
    end = data.rindex(b"\xff\xd9")
    assert read_header(data[:end] + b"\xff\xda" * 50 + data[end:]) == Header("JPEG", WIDTH, HEIGHT, 1)


@pytest.mark.parametrize("data", [b"", b"nothing", encoded("PPM"), encoded("JPEG2000"), encoded("PNG")[:15], b"BM"])
def test_what_is_not_read_here_is_unknown(data: bytes) -> None:
    assert read_header(data) is None


JPEG = encoded("JPEG", progressive=True)
FIRST_SCAN = JPEG.index(b"\xff\xda") + 14


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * (16 << 20),
        b"\xff\xd8" + b"\xff" * (16 << 20),
        b"\xff\xd8" + b"\xff\xfe\0\x02" * (4 << 20),
        JPEG[:FIRST_SCAN] + b"\xff" * (16 << 20) + b"\0",
        JPEG[:FIRST_SCAN] + b"\xff\xda\0\x02" * (4 << 20),
        JPEG[:FIRST_SCAN] + b"\xff\xda\0" * (4 << 20),
        b"GIF89a" + bytes(7) + b"!\xf9\0" * (5 << 20),
        b"GIF89a" + bytes(7) + b"!\xf9" + b"\x01x" * (8 << 20),
        b"II*\0\x08\0\0\0\xff\xff" + bytes(16 << 20),
        b"\0\0\0\x1cftypavif" + b"\0\0\0\x14ispe" * (1 << 20),
    ],
    ids=range(10),
)
def test_no_file_keeps_it_busy(data: bytes) -> None:
    began = time.process_time()
    read_header(data)
    # the largest takes a few ms; what depends on the square of its size would take hours
    assert time.process_time() - began < 2


def test_a_tiff_that_states_its_width_twice_states_nothing() -> None:
    tiff = bytearray(encoded("TIFF"))
    (start,) = struct.unpack_from("<I", tiff, 4)
    for other in (struct.pack("<HHII", 256, 4, 1, 1), struct.pack("<HHII", 256, 6, 1, 1)):
        # in the place of the third tag
        tiff[start + 26 : start + 38] = other
        assert read_header(bytes(tiff)) is None
