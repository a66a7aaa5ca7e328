"""Pictures that are transparent: over white, over black, or with the colours below."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shards.pictures.decoding import Picture, PictureSettings, decode
from tests.shards.pictures.drawn import AS_STORED, encoded, pixels


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
