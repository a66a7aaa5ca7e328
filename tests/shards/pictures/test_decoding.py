"""Bytes to pictures."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from shards.errors import PictureError
from shards.pictures.decoding import ORIENTATIONS, Picture, PictureSettings, decode
from tests import pictures
from tests.shards.pictures.drawn import AS_STORED, encoded, pixels
from tests.tiers import scaled

LOSSLESS = ["PNG", "TIFF", "BMP", "PPM", "TGA", "ICO", "QOI"]
REASONS = {"empty", "too_many_pixels", "not_an_image", "unsupported", "truncated", "damaged"}
FORMATS = [*LOSSLESS, "JPEG", "GIF", "WEBP", "AVIF", "JPEG2000", "HEIF"]


def refusal(data: bytes, limits: PictureSettings | None = None) -> PictureError:
    with pytest.raises(PictureError) as raised:
        decode(data, limits)
    return raised.value


FILES = {kind: encoded(pixels(), kind, **({"sizes": [(60, 40)]} if kind == "ICO" else {})) for kind in FORMATS}


# formats


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_files_give_their_pixels(kind: str) -> None:
    assert np.array_equal(decode(FILES[kind]).rgb, pixels())


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_about_its_pixels(kind: str) -> None:
    picture = decode(FILES[kind])

    assert (picture.width, picture.height) == (60, 40)
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.flags.c_contiguous
    assert np.abs(picture.rgb.astype(int) - pixels()).mean() < 6


def test_a_memoryview_is_decoded_like_bytes() -> None:
    assert np.array_equal(decode(memoryview(FILES["PNG"])).rgb, pixels())


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_is_its_first_frame(kind: str) -> None:
    first, second = (Image.fromarray(np.full((20, 30, 3), level, np.uint8)) for level in (200, 10))

    picture = decode(encoded(first, kind, save_all=True, append_images=[second]))

    assert picture.rgb.shape == (20, 30, 3)
    assert np.abs(picture.rgb.astype(int) - 200).max() <= 2


# modes


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"), ("L", "PNG"), ("P", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("CMYK", "JPEG"),
        ("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("LAB", "TIFF"), ("I", "TIFF"), ("F", "TIFF"), ("RGBX", "TIFF"),
    ],
)  # fmt: skip
def test_dropping_alpha_gives_what_pillows_convert_gives(mode: str, kind: str) -> None:
    data = encoded(Image.fromarray(pixels()).convert("RGB" if mode == "LAB" else mode), kind)
    if mode == "LAB":
        data = encoded(Image.frombytes("LAB", (60, 40), pixels().tobytes()), kind)

    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(decode(data, AS_STORED).rgb, np.asarray(image.convert("RGB")))


def test_golden_pictures_decode_to_pillows_pixels() -> None:
    for path in sorted(pictures.GOLDEN.glob("*/images/*")):
        with Image.open(path) as image:
            assert np.array_equal(decode(path.read_bytes(), AS_STORED).rgb, np.asarray(image.convert("RGB")))


# orientation


def with_exif(orientation: int, kind: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels(), kind, exif=exif.tobytes())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied_or_ignored(kind: str, orientation: int) -> None:
    data = with_exif(orientation, kind)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(decode(data, AS_STORED).rgb, np.asarray(image.convert("RGB")))
        upright = ImageOps.exif_transpose(image)
        assert np.array_equal(decode(data).rgb, np.asarray(upright.convert("RGB")))
    assert decode(data).rgb.flags.c_contiguous


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_counts_as_upright(orientation: int) -> None:
    assert np.array_equal(decode(with_exif(orientation, "PNG")).rgb, pixels())


def test_a_picture_with_broken_exif_is_still_a_picture() -> None:
    data = encoded(pixels(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    assert np.array_equal(decode(data).rgb, pixels())


def test_orientations_are_those_of_exif_in_its_order() -> None:
    turned = Picture(pixels()).orientations()

    assert len(turned) == len(ORIENTATIONS) == 8
    assert turned[0].rgb is turned[0].orientations()[0].rgb
    for number, picture in enumerate(turned, start=1):
        image = Image.fromarray(pixels())
        image.getexif()[0x0112] = number
        assert np.array_equal(picture.rgb, np.asarray(ImageOps.exif_transpose(image))), ORIENTATIONS[number - 1]
        assert picture.rgb.flags.c_contiguous


def test_orientations_have_the_names_people_use() -> None:
    picture = Picture(np.array([[[1], [2]], [[3], [4]]], np.uint8).repeat(3, axis=2))
    shown = {
        name: turned.rgb[..., 0].tolist() for name, turned in zip(ORIENTATIONS, picture.orientations(), strict=True)
    }

    assert shown == {
        "as is": [[1, 2], [3, 4]],
        "mirrored": [[2, 1], [4, 3]],
        "rotated 180": [[4, 3], [2, 1]],
        "flipped": [[3, 4], [1, 2]],
        "transposed": [[1, 3], [2, 4]],
        "rotated 90": [[3, 1], [4, 2]],
        "transversed": [[4, 2], [3, 1]],
        "rotated 270": [[2, 4], [1, 3]],
    }


# luma


def test_luma_is_pillows_for_every_level_of_every_colour() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (700, 1000, 3), np.uint8)
    rgb[0, :256] = np.arange(256, dtype=np.uint8)[:, None]
    rgb[1:4, :256] = np.arange(256, dtype=np.uint8)[:, None] * np.eye(3, dtype=np.uint8)[:, None]

    luma = Picture(rgb).luma

    assert luma.dtype == np.uint8
    assert np.array_equal(luma, np.asarray(Image.fromarray(rgb).convert("L")))


def test_luma_is_computed_once() -> None:
    picture = decode(FILES["PNG"])
    assert picture.luma is picture.luma


# refusals


def test_no_bytes_are_refused() -> None:
    assert refusal(b"").reason == "empty"


def test_a_file_over_the_limit_is_refused_with_both_numbers() -> None:
    size = len(FILES["PNG"])
    decode(FILES["PNG"], PictureSettings(max_bytes=size))
    error = refusal(FILES["PNG"], PictureSettings(max_bytes=size - 1))

    assert error.reason == "too_large_bytes"
    assert f"{size:,}" in str(error)
    assert f"{size - 1:,}" in str(error)


@pytest.mark.parametrize("kind", FORMATS)
def test_too_many_pixels_are_refused_with_both_numbers(kind: str) -> None:
    error = refusal(FILES[kind], PictureSettings(max_pixels=2399))

    assert error.reason == "too_many_pixels"
    assert "2,400" in str(error)
    assert "2,399" in str(error)


@pytest.mark.parametrize("side", [10_001, 13_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    header = bytearray(encoded(pixels(1, 1)))
    # the IHDR chunk: width, height, 5 more bytes, then a checksum that must fit
    header[16:24] = side.to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")

    assert refusal(bytes(header)).reason == "too_many_pixels"


@pytest.mark.parametrize("data", [b"\0", b"hello, world", b"<html><svg/></html>", b"%PDF-1.7"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    error = refusal(data)

    assert error.reason == "not_an_image"
    assert f"{len(data)} bytes" in str(error)


@pytest.mark.parametrize(
    "before", ["", "\ufeff", "\n ", "<?xml version='1.0'?>\n", "<!-- made by hand -->", "<!DOCTYPE svg PUBLIC '' ''>"]
)
def test_a_drawing_is_refused_with_what_to_do(before: str) -> None:
    error = refusal(f"{before}<SVG xmlns='http://www.w3.org/2000/svg'/>".encode())
    assert error.reason == "unsupported"
    assert "render it to PNG" in str(error)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"RIFF\xff\xff\0\0WAVEfmt ", "not_an_image"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\xff\xffmdat", "unsupported"),
    ],
)
def test_half_a_sound_or_a_film_is_no_truncated_picture(data: bytes, reason: str) -> None:
    assert refusal(data).reason == reason


def test_postscript_is_never_run() -> None:
    assert refusal(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n").reason == "not_an_image"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_is_an_error_not_half_a_picture(kind: str, share: float) -> None:
    error = refusal(FILES[kind][: int(len(FILES[kind]) * share)])
    # cut off within their tables of contents or colours, ICO and GIF are not even recognised
    assert error.reason in ({"truncated", "not_an_image"} if kind in ("ICO", "GIF") else {"truncated"})


def test_heic_without_its_extra_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    error = refusal(FILES["HEIF"])

    assert error.reason == "unsupported"
    assert "lookalike[heic]" in str(error)


def test_avif_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert decode(FILES["AVIF"]).width == 60


@settings(max_examples=scaled(100), deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_give_a_picture_or_a_refusal(data: bytes) -> None:
    picture_or_refusal(data)


@settings(max_examples=scaled(200), deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_files_give_a_picture_or_a_refusal(kind: str, data: st.DataObject) -> None:
    spoilt = bytearray(FILES[kind])
    # headers are where a flipped bit does most
    places = st.one_of(st.integers(0, min(200, len(spoilt)) - 1), st.integers(0, len(spoilt) - 1))
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        spoilt[place] ^= 1 << data.draw(st.integers(0, 7))
    end = data.draw(st.one_of(st.just(len(spoilt)), st.integers(1, len(spoilt))))

    picture_or_refusal(bytes(spoilt[:end]))


def picture_or_refusal(data: bytes) -> None:
    refused = None
    try:
        picture = decode(data, PictureSettings(max_pixels=1_000_000))
    except PictureError as error:
        refused = error
    if refused is None:
        assert picture.rgb.ndim == 3
        assert picture.rgb.shape[2] == 3
        assert 0 < picture.rgb.size <= 3_000_000
    else:
        assert refused.reason in REASONS
        assert 20 < len(str(refused)) < 500


# warnings, threads, imports


def test_decoding_in_many_threads_leaves_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([1, 2, 3, 4, 5, 6])
    # Pillow warns of converting this one
    noisy = encoded(image, transparency=b"\x80\x00")
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(30):
                decode(noisy, AS_STORED)
        except BaseException as problem:  # a failing thread must fail the test
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert warnings.filters == before


def test_importing_images_loads_numpy_but_not_pillow() -> None:
    code = "import sys, shards.pictures.decoding; sys.exit('PIL' in sys.modules or 'pillow_heif' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
