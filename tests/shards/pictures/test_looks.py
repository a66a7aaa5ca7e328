"""Laying pictures on each other: copies are the same, and what differs in a part is not."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw, ImageEnhance

from shards.pictures.decoding import decode
from shards.pictures.looks import SIDE, Look, compared, size_of
from tests.lookalike.duplicates.folder import picture


def look(image: Image.Image, form: str = "PNG", **options: int) -> Look:
    file = io.BytesIO()
    image.save(file, form, **options)
    return Look.of(decode(file.getvalue()))


def changed(image: Image.Image, box: tuple[int, int, int, int], colour: str = "white") -> Image.Image:
    other = image.copy()
    ImageDraw.Draw(other).rectangle(box, fill=colour)
    return other


PICTURE = picture(1, 300)

COPIES = {
    "quality 40": look(PICTURE, "JPEG", quality=40),
    "half": look(PICTURE.resize((150, 150), Image.Resampling.LANCZOS)),
    "a quarter": look(PICTURE.resize((75, 75)), "JPEG", quality=80),
    "odd size": look(PICTURE.resize((211, 212))),
    "grey": look(PICTURE.convert("L"), "JPEG", quality=85),
    "brighter": look(ImageEnhance.Brightness(PICTURE).enhance(0.9)),
    "WebP": look(PICTURE, "WEBP", quality=60),
}

STRANGERS = {
    "another": look(picture(2, 300)),
    "a corner painted over": look(changed(PICTURE, (0, 0, 30, 30))),
    "a small square moved": look(changed(PICTURE, (140, 140, 155, 155), "black")),
    "cropped": look(PICTURE.crop((12, 12, 300, 300))),
    "mirrored": look(PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "another ratio": look(PICTURE.resize((300, 200))),
    "other colours": look(Image.merge("RGB", PICTURE.split()[::-1])),
    "flat": look(Image.new("RGB", (300, 300), "grey")),
    "much darker": look(ImageEnhance.Brightness(PICTURE).enhance(0.5)),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_the_same_whichever_is_first(name: str) -> None:
    for pair in ((look(PICTURE), COPIES[name]), (COPIES[name], look(PICTURE))):
        found = compared(*pair)
        assert found.is_same, found
        assert found.why_not is None


@pytest.mark.parametrize("name", STRANGERS)
def test_what_differs_is_not_the_same_and_the_reason_is_given(name: str) -> None:
    for pair in ((look(PICTURE), STRANGERS[name]), (STRANGERS[name], look(PICTURE))):
        found = compared(*pair)
        assert not found.is_same, found
        assert found.why_not


def test_icons_that_differ_in_a_letter_are_told_apart() -> None:
    icons = []
    for letter in "EFOQ":
        image = Image.new("RGB", (48, 48), "white")
        draw = ImageDraw.Draw(image)
        draw.rectangle((4, 4, 43, 43), outline="black", width=2)
        draw.text((16, 10), letter, fill="black", font_size=24)
        icons.append(look(image))
    assert [[compared(a, b).is_same for a in icons] for b in icons] == [[a is b for a in icons] for b in icons]


def test_pictures_of_a_few_pixels_are_never_the_same() -> None:
    tiny = look(PICTURE.resize((12, 12)))
    assert compared(tiny, tiny).why_not == "the pictures are too small"


@pytest.mark.parametrize("size", [(300, 300), (20, 1000), (1, 1), (257, 256)])
def test_a_look_has_a_size_that_its_picture_says_and_comes_back_from_bytes(size: tuple[int, int]) -> None:
    there = look(PICTURE.resize(size))
    data = there.to_bytes()
    assert len(data) == size_of(*size) <= size_of(SIDE, SIDE)
    back = Look.from_bytes(*size, data)
    assert (back.luma == there.luma).all()
    assert (back.colours == there.colours).all()
    with pytest.raises(ValueError, match="no look"):
        Look.from_bytes(*size, data[:-1])
