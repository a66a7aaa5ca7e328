"""The list of transformations. Their names stay: tables of different years are compared by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from shards.pictures.copies import shapes, surroundings, tones
from shards.pictures.decoding import Picture
from shards.pictures.orientations import ORIENTATIONS

Make = Callable[[Image.Image, Random, Sequence[Image.Image]], Image.Image]
"""From the picture, chance and the other pictures to the copy."""

COMPANIONS = 3
"""Number of other pictures in a collage."""


@dataclass(frozen=True, slots=True)
class Transformation:
    """A way to make a copy."""

    name: str

    title: str
    """For tables that people read."""

    make: Make

    companions: int = 0
    """How many other pictures it needs."""

    asked_as: int = 1
    """The EXIF orientation in which the copy is asked for: 2 where it is mirrored, since a search for that asks so."""

    def apply(self, picture: Picture, chance: Random, others: Sequence[Picture] = ()) -> Picture:
        """Return the copy. The same picture, others and state of `chance` give the same pixels."""
        images = [Image.fromarray(each.rgb) for each in (picture, *others)]
        copy = self.make(images[0], chance, images[1:]).convert("RGB")
        return Picture(np.ascontiguousarray(copy))


def reduced(picture: Picture, side: int) -> Picture:
    """Return the picture with sides of at most `side` pixels; never enlarged."""
    if max(picture.height, picture.width) <= side:
        return picture
    return Picture(np.ascontiguousarray(shapes.fitted(Image.fromarray(picture.rgb), side)))


def _listed() -> tuple[Transformation, ...]:
    jpeg = tones.jpeg

    def plain(name: str, title: str, make: Callable[[Image.Image], Image.Image], asked_as: int = 1) -> Transformation:
        return Transformation(name, title, lambda image, _chance, _others: make(image), asked_as=asked_as)

    def by_chance(name: str, title: str, make: Callable[[Image.Image, Random], Image.Image]) -> Transformation:
        return Transformation(name, title, lambda image, chance, _others: make(image, chance))

    def crop(name: str, removed: float) -> Transformation:
        title = f"{removed:.0%} of the area cropped".replace("%", " %")
        return by_chance(name, title, lambda image, chance: jpeg(shapes.cropped(image, removed, chance), 75))

    def side(name: str, title: str, removed: float) -> Transformation:
        return by_chance(name, title, lambda image, chance: jpeg(shapes.cut(image, removed, chance), 75))

    return (
        plain("half", "half the size", lambda image: jpeg(shapes.resized(image, 0.5, 0.5), 85)),
        plain("thumb150", "thumbnail, 150 pixels", lambda image: jpeg(shapes.fitted(image, 150), 80)),
        plain("jpeg30", "JPEG of quality 30", lambda image: jpeg(image, 30)),
        plain("jpeg10", "JPEG of quality 10", lambda image: jpeg(image, 10)),
        plain("grey", "grey", tones.grey),
        plain("bright1.3", "30 % brighter", lambda image: ImageEnhance.Brightness(image).enhance(1.3)),
        plain("contrast1.5", "contrast × 1.5", lambda image: ImageEnhance.Contrast(image).enhance(1.5)),
        plain("gamma0.6", "gamma 0.6", lambda image: tones.gamma(image, 0.6)),
        plain("saturate2", "colours twice as strong", lambda image: ImageEnhance.Color(image).enhance(2)),
        plain("blur2", "blurred, 2 pixels", lambda image: tones.blurred(image, 2)),
        by_chance("noise15", "noise of 15 levels", lambda image, chance: tones.noisy(image, 15, chance)),
        plain("palette16", "16 colours", lambda image: tones.of_few_colours(image, 16)),
        plain("aspect1.25", "25 % wider", lambda image: shapes.resized(image, 1.25, 1)),
        plain("logo", "logo in a corner", surroundings.with_a_logo),
        plain("caption", "caption over the bottom", surroundings.captioned),
        plain("impact", "large letters across", surroundings.with_bold_text),
        plain("meme", "bar of text above", surroundings.under_a_bar),
        plain("white10", "white border, 10 %", lambda image: surroundings.bordered(image, 0.10, "white")),
        plain("letterbox", "letterboxed", surroundings.letterboxed),
        plain("mirror", "mirrored, asked as mirrored", ImageOps.mirror, asked_as=1 + ORIENTATIONS.index("mirrored")),
        plain("rot3", "rotated by 3°", lambda image: shapes.rotated(image, 3)),
        plain("rot10", "rotated by 10°", lambda image: shapes.rotated(image, 10)),
        plain("rot90", "rotated by 90°", lambda image: image.transpose(Image.Transpose.ROTATE_90)),
        crop("crop2", 0.02),
        crop("crop5", 0.05),
        crop("crop10", 0.10),
        crop("crop25", 0.25),
        crop("crop50", 0.50),
        crop("crop75", 0.75),
        side("side25", "a quarter cut from a side", 0.25),
        side("side50", "half cut from a side", 0.50),
        by_chance(
            "crop25half",
            "25 % cropped, half the size",
            lambda image, chance: jpeg(shapes.resized(shapes.cropped(image, 0.25, chance), 0.5, 0.5), 60),
        ),
        plain("screenshot", "screenshot", lambda image: jpeg(shapes.fitted(surroundings.on_a_phone(image), 900), 80)),
        Transformation(
            "collage",
            "one of four in a collage",
            lambda image, _chance, others: jpeg(surroundings.in_a_collage(image, others), 80),
            COMPANIONS,
        ),
        Transformation(
            "collagefit",
            "the same, cut to its cell",
            lambda image, _chance, others: jpeg(surroundings.in_a_tight_collage(image, others), 80),
            COMPANIONS,
        ),
    )


TRANSFORMATIONS = MappingProxyType({each.name: each for each in _listed()})
"""By name, in the order of tables."""
