"""Edits that happen to pictures on their way through the web, each of which makes a copy."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

HASHES = ("dhash", "phash")
EVERY_FAMILY = ("haar", "goldberg", *HASHES)

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


def _rotated(picture: Image.Image) -> Image.Image:
    """Rotate by a quarter turn clockwise."""
    return picture.transpose(Image.Transpose.ROTATE_270)


EDITS = (
    Edit("half the size", _halved, EVERY_FAMILY),
    Edit("thumbnail, 150 pixels", _thumbnail, EVERY_FAMILY),
    Edit("JPEG of quality 20", _as_it_is, EVERY_FAMILY, quality=20),
    Edit("grey", ImageOps.grayscale, EVERY_FAMILY),
    Edit("30 % brighter", _brightened, EVERY_FAMILY),
    Edit("blurred", _blurred, EVERY_FAMILY),
    Edit("caption over the bottom", _captioned, ("goldberg", "dhash")),
    Edit("5 % cropped", _without_border(0.05), ("goldberg",)),
    Edit("10 % cropped", _without_border(0.10)),
    Edit("mirrored", ImageOps.mirror, EVERY_FAMILY, "orientations"),
    Edit("rotated by 90 degrees", _rotated, EVERY_FAMILY, "orientations"),
    Edit("negative", ImageOps.invert, ("goldberg",), "negatives"),
)
