"""Edits that happen to pictures on their way through the web, each of which makes a copy."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from shards.families import AUTO
from shards.pictures.copies import surroundings

WHOLE = ("haar", "goldberg", "dhash", "pdq")
"""Families that compare whole pictures."""

EVERY_FAMILY = (AUTO, *WHOLE, "crops")
"""All families, and all of them together."""

ALL_BUT_DHASH = tuple(name for name in EVERY_FAMILY if name != "dhash")

BY_CROPS = (AUTO, "crops")

QUALITY = 85
"""JPEG quality of a copy."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A way to make a copy.

    `make`: from the RGB original to the copy. `surely_by`: the families that must find the copy of every picture of
    this demo, as measured; the others find what they find. `option`: what a search must be told to find such copies
    at all; `surely_by` then speaks of a search that was told so.
    """

    name: str
    make: Callable[[Image.Image], Image.Image]
    surely_by: tuple[str, ...] = ()
    option: Literal["", "orientations", "negatives"] = ""
    quality: int = QUALITY

    def apply(self, original: bytes) -> bytes:
        """Return the copy of an encoded picture, as a JPEG."""
        with Image.open(io.BytesIO(original)) as picture:
            copy = self.make(picture.convert("RGB")).convert("RGB")
        saved = io.BytesIO()
        copy.save(saved, "JPEG", quality=self.quality)
        return saved.getvalue()


def _as_it_is(picture: Image.Image) -> Image.Image:
    return picture


def _halved(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)


def _thumbnail(picture: Image.Image) -> Image.Image:
    return ImageOps.contain(picture, (150, 150))


def _brightened(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(1.3)


def _blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(2))


def _captioned(picture: Image.Image) -> Image.Image:
    """Cover the lowest seventh with black, and write a white text on it."""
    copy = picture.copy()
    top = picture.height * 6 // 7
    draw = ImageDraw.Draw(copy)
    draw.rectangle((0, top, picture.width, picture.height), fill="black")
    middle = (picture.width / 2, (top + picture.height) / 2)
    font = ImageFont.load_default(size=picture.height / 13)
    draw.text(middle, "when it is Monday again", fill="white", anchor="mm", font=font)
    return copy


def _without_border(share: float) -> Callable[[Image.Image], Image.Image]:
    """Crop this share of the width and of the height, half of it at either side."""

    def crop(picture: Image.Image) -> Image.Image:
        x, y = round(picture.width * share / 2), round(picture.height * share / 2)
        return picture.crop((x, y, picture.width - x, picture.height - y))

    return crop


def _screenshot(picture: Image.Image) -> Image.Image:
    return surroundings.on_a_phone(picture)


def _collage(picture: Image.Image) -> Image.Image:
    """Put the picture beside three that are in no index."""
    others = [
        Image.effect_mandelbrot((400, 300), (-2.2, -1.2, 1.0, 1.2), 80).convert("RGB"),
        ImageOps.colorize(Image.linear_gradient("L"), "navy", "orange"),
        ImageOps.colorize(Image.radial_gradient("L"), "white", "darkgreen"),
    ]
    return surroundings.in_a_collage(picture, others)


def _tilted(picture: Image.Image) -> Image.Image:
    return picture.rotate(10, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def _rotated(picture: Image.Image) -> Image.Image:
    """Rotate by a quarter turn clockwise."""
    return picture.transpose(Image.Transpose.ROTATE_270)


EDITS = (
    Edit("half the size", _halved, ALL_BUT_DHASH),
    Edit("thumbnail, 150 pixels", _thumbnail, (AUTO, "pdq", "crops")),
    Edit("JPEG of quality 20", _as_it_is, ALL_BUT_DHASH, quality=20),
    Edit("grey", ImageOps.grayscale, EVERY_FAMILY),
    Edit("30 % brighter", _brightened, (AUTO, "goldberg", "pdq", "crops")),
    Edit("blurred", _blurred, (AUTO, "goldberg", "pdq", "crops")),
    Edit("caption over the bottom", _captioned, BY_CROPS),
    Edit("5 % cropped", _without_border(0.05), BY_CROPS),
    Edit("10 % cropped", _without_border(0.10), BY_CROPS),
    Edit("25 % of the area cropped", _without_border(1 - 0.75**0.5), BY_CROPS),
    Edit("50 % of the area cropped", _without_border(1 - 0.5**0.5), BY_CROPS),
    Edit("in a screenshot", _screenshot, BY_CROPS),
    Edit("one of four in a collage", _collage, BY_CROPS),
    Edit("rotated by 10 degrees", _tilted, BY_CROPS),
    Edit("mirrored", ImageOps.mirror, EVERY_FAMILY, "orientations"),
    Edit("rotated by 90 degrees", _rotated, EVERY_FAMILY, "orientations"),
    Edit("negative", ImageOps.invert, (AUTO, "goldberg"), "negatives"),
)
