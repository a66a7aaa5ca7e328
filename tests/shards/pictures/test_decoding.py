"""Bytes to pictures."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import warnings
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from shards.errors import PictureError
from shards.pictures.decoding import ORIENTATIONS, Picture, PictureSettings, decode
from tests import pictures
from tests.tiers import scaled

LOSSLESS = ["PNG", "TIFF", "BMP", "PPM", "TGA", "ICO", "QOI"]
REASONS = {"empty", "too_many_pixels", "not_an_image", "unsupported", "truncated", "damaged"}
FORMATS = [*LOSSLESS, "JPEG", "GIF", "WEBP", "AVIF", "JPEG2000", "HEIF"]
AS_STORED = PictureSettings(exif="ignore", alpha="drop", depth="clip")


def pixels(height: int = 40, width: int = 60, seed: int = 0) -> NDArray[np.uint8]:
    """Soft colours: what every lossy format keeps to within a few levels."""
    corners = np.random.default_rng(seed).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC))


def encoded(rgb: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    image = rgb if isinstance(rgb, Image.Image) else Image.fromarray(rgb)
    body = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(body, **options)
    else:
        image.save(body, kind, **options)
    return body.getvalue()


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


# transparency


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparent_pixels_lie_over_white_or_show_the_colour_below(kind: str) -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[..., 0] = 100
    rgba[0, :, 3] = 255, 51, 0
    data = encoded(rgba, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))

    assert decode(data).rgb[0].tolist() == [[100, 0, 0], [224, 204, 204], [255, 255, 255]]
    assert decode(data, PictureSettings(alpha="drop")).rgb[0].tolist() == [[100, 0, 0]] * 3


def test_grey_with_alpha_lies_over_white() -> None:
    data = encoded(Image.fromarray(np.array([[[80, 255], [80, 0]]], np.uint8), "LA"))

    assert decode(data).rgb[0, :, 0].tolist() == [80, 255]
    assert decode(data, AS_STORED).rgb[0, :, 0].tolist() == [80, 80]


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")  # Pillow's, of the convert that is compared with
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_over_white_is_what_pasting_onto_white_gives(mode: str) -> None:
    """Programs over Pillow paste a picture onto a white one, with its own alpha as the mask."""
    random = np.random.default_rng(5)
    made = Image.fromarray(random.integers(0, 256, (64, 64, 4), np.uint8), "RGBA").convert(mode)
    data = encoded(made, **({"transparency": bytes(range(256))} if mode == "P" else {}))
    with Image.open(io.BytesIO(data)) as image:
        white = Image.new("RGBA", image.size, "white")
        white.paste(image, mask=image.convert("RGBA").getchannel("A"))
    assert np.array_equal(decode(data).rgb, np.asarray(white)[..., :3])


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
@pytest.mark.parametrize("transparency", [1, b"\xff\x00\x80"])
def test_a_palettes_transparent_colour_is_white(kind: str, transparency: int | bytes) -> None:
    if kind == "GIF" and isinstance(transparency, bytes):
        transparency = 1  # GIF knows one fully transparent colour only
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([9, 9, 9, 50, 0, 0, 0, 60, 0])
    data = encoded(image, kind, transparency=transparency)

    assert decode(data).rgb[0, 1].tolist() == [255, 255, 255]
    assert decode(data, AS_STORED).rgb[0, 1].tolist() == [50, 0, 0]


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")  # Pillow's, of the convert that is compared with
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
@pytest.mark.parametrize("transparency", [0, 3, b"\xff\x00\x80\x10"])
def test_a_palettes_transparent_colours_may_be_those_of_pillows_convert(kind: str, transparency: int | bytes) -> None:
    if kind == "GIF" and isinstance(transparency, bytes):
        transparency = 2  # GIF knows one fully transparent colour only
    image = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(2, 8) % 4, "P")
    image.putpalette([9, 9, 9, 50, 0, 0, 0, 60, 0, 7, 8, 250])
    data = encoded(image, kind, transparency=transparency)

    with Image.open(io.BytesIO(data)) as stored:
        assert np.array_equal(decode(data, AS_STORED).rgb, np.asarray(stored.convert("RGB")))


def test_a_colour_that_a_png_declares_transparent_is_white() -> None:
    data = encoded(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), transparency=(1, 2, 3))
    assert decode(data).rgb[0].tolist() == [[255, 255, 255], [4, 5, 6]]


def test_every_opacity_is_rounded_to_the_nearest_level() -> None:
    rgba = np.zeros((256, 256, 4), np.uint8)
    rgba[..., 0] = np.arange(256)
    rgba[..., 3] = np.arange(256)[:, None]
    colour, opacity = np.meshgrid(np.arange(256), np.arange(256))

    exact = (colour * opacity + 255 * (255 - opacity)) / 255

    assert np.array_equal(decode(encoded(rgba)).rgb[..., 0], np.rint(exact))


def see_through(opacities: NDArray[np.uint8]) -> bytes:
    """Return a PNG of soft colours with these opacities, (height, width)."""
    return encoded(np.dstack([pixels(*opacities.shape), opacities]))


def test_what_shines_through_lies_over_black_too() -> None:
    opacities = np.random.default_rng(3).integers(0, 256, (40, 60)).astype(np.uint8)
    data = see_through(opacities)
    with Image.open(io.BytesIO(data)) as image:
        black = Image.new("RGBA", image.size, "black")
        black.paste(image, mask=image.getchannel("A"))
        over_black = np.asarray(black)[..., :3]

    assert np.array_equal(decode(data).over_black, over_black)


def test_a_turned_picture_lies_over_black_turned() -> None:
    picture = decode(see_through(np.arange(2400, dtype=np.uint8).reshape(40, 60)))
    assert picture.over_black is not None

    for plain, turned in zip(Picture(picture.over_black).orientations(), picture.orientations(), strict=True):
        assert np.array_equal(plain.rgb, turned.over_black)


def test_the_turn_that_exif_states_holds_over_black() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    rgba = np.dstack([pixels(), np.arange(2400, dtype=np.uint8).reshape(40, 60)])

    turned = decode(encoded(rgba, exif=exif.tobytes())).over_black

    assert turned is not None
    assert np.array_equal(turned, decode(encoded(rgba)).turned(6).over_black)


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(Image.fromarray(pixels()), id="no transparency"),
        pytest.param(Image.fromarray(pixels()).convert("RGBA"), id="opaque"),
        pytest.param(Image.fromarray(pixels()).convert("LA"), id="opaque grey"),
    ],
)
def test_an_opaque_picture_has_no_second_background(picture: Image.Image) -> None:
    assert decode(encoded(picture)).over_black is None


def test_a_few_transparent_pixels_do_not_show() -> None:
    opacities = np.full((40, 60), 255, np.uint8)
    opacities[0, :10] = 0
    assert decode(see_through(opacities)).over_black is None
    opacities[0, :20] = 0
    assert decode(see_through(opacities)).over_black is not None


def test_transparency_that_is_dropped_has_no_second_background() -> None:
    assert decode(see_through(np.zeros((40, 60), np.uint8)), AS_STORED).over_black is None


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


@pytest.mark.parametrize("data", [b"RIFF\xff\xff\0\0WAVEfmt ", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\xff\xffmdat"])
def test_half_a_sound_or_a_film_is_no_truncated_picture(data: bytes) -> None:
    assert refusal(data).reason == "not_an_image"


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
