"""Files that were cut, after their last pixel and before it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from shards.errors import PictureError
from shards.pictures.decoding import Picture, decode
from shards.pictures.endings import endings

SCENE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (4, 5, 3), np.uint8)).resize((61, 45))
EXIF = Image.Exif()
EXIF[0x010E] = "a picture"


def encoded(kind: str, **options: object) -> bytes:
    body = io.BytesIO()
    SCENE.save(body, kind, **options)
    return body.getvalue()


JPEGS = {
    "plain": encoded("JPEG"),
    "progressive": encoded("JPEG", progressive=True),
    "with restarts": encoded("JPEG", restart_marker_rows=1),
    "with more restarts": encoded("JPEG", restart_marker_blocks=1),
    "grey": encoded("JPEG", quality=30),
}
OTHERS = {
    "GIF": (encoded("GIF"), 3),
    "WebP with EXIF": (encoded("WEBP", exif=EXIF), 40),
    "WebP that is padded": (encoded("WEBP", lossless=True), 1),
    "JPEG 2000": (encoded("JPEG2000"), 2),
    "PNG": (encoded("PNG"), 12),
    "BMP": (encoded("BMP"), 1),
}
"""Files, each with the number of bytes behind the last pixel."""


def cut(data: bytes, count: int) -> Picture | None:
    """Return the picture without the last bytes of its file; None where it is refused as truncated."""
    try:
        return decode(data[: len(data) - count])
    except PictureError as error:
        assert error.reason == "truncated"
        return None


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_without_its_last_marker_is_whole(name: str) -> None:
    for count in (1, 2):
        picture = cut(JPEGS[name], count)
        assert picture is not None
        assert np.array_equal(picture.rgb, decode(JPEGS[name]).rgb)


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_that_lacks_a_pixel_is_truncated_wherever_it_was_cut(name: str) -> None:
    data = JPEGS[name]
    whole = decode(data).rgb
    for count in (*range(1, 60), *range(60, len(data) - 700, 5)):
        picture = cut(data, count)
        # a last code of all ones is like the bits that fill a byte
        assert picture is None or np.array_equal(picture.rgb, whole), count
    assert all(cut(data, count) is None for count in range(12, 60))


def test_a_progressive_jpeg_that_lacks_a_scan_is_truncated() -> None:
    data = JPEGS["progressive"]
    scans = [place for place in range(len(data)) if data.startswith(b"\xff\xda", place)]
    assert len(scans) == 10
    for scan in scans:
        # the tables of a scan may stand in front of it
        for place in (scan + 10, scan, data.rindex(b"\xff\xc4", 0, scan)):
            with pytest.raises(PictureError):
                decode(data[:place])


def test_a_jpeg_cut_at_a_restart_is_truncated() -> None:
    data = JPEGS["with restarts"]
    for number in b"\xd0\xd1":
        place = data.index(bytes([0xFF, number]))
        assert [cut(data, len(data) - place - extra) for extra in range(3)] == [None] * 3


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_whole_without_what_is_behind_their_last_pixel(name: str) -> None:
    data, behind = OTHERS[name]
    for count in range(1, behind + 1):
        picture = cut(data, count)
        assert picture is not None, count
        assert np.array_equal(picture.rgb, decode(data).rgb)


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_truncated_where_pixels_lack(name: str) -> None:
    data, _ = OTHERS[name]
    for share in (0.9, 0.7):
        assert cut(data, len(data) - int(len(data) * share)) is None


def test_an_animation_that_was_cut_in_a_later_frame_is_its_first() -> None:
    data = encoded("WEBP", save_all=True, append_images=[SCENE.rotate(180)], lossless=True)
    picture = cut(data, 30)

    assert picture is not None
    assert np.array_equal(picture.rgb, np.asarray(SCENE))


def test_a_webp_whose_stated_size_is_too_small_is_whole() -> None:
    data = encoded("WEBP", lossless=True)
    short = data[:4] + (len(data) - 100).to_bytes(4, "little") + data[8:]
    assert np.array_equal(decode(short).rgb, np.asarray(SCENE))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF8", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x0cjP  ", b"\x89PNG"])
def test_what_has_no_pixels_has_no_end_or_none_that_decodes(data: bytes) -> None:
    assert endings(data) == [] or data == b"GIF8"
    with pytest.raises(PictureError):
        decode(data)
