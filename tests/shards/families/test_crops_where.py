"""Where a picture is in another one: the part that both show, outlined in each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shards.families.crops import Crops
from shards.families.crops.row import FEATURE, QUESTION_ROW, STORED_ROW
from shards.families.overlap import Overlap
from shards.pictures.decoding import Picture, decode
from shards.testing.samples import noise, single
from tests.shards.families.crops_rows import as_questions, strangers

CROPS = Crops()
PICTURES = Path(__file__).parents[3] / "demo" / "pictures"
WHOLE = [(0, 0), (1, 0), (1, 1), (0, 1)]
NEAR = 0.05
"""Share of a picture's side by which a corner may be off."""


def picture(name: str) -> Image.Image:
    image = Image.fromarray(decode((PICTURES / f"{name}.jpg").read_bytes()).rgb)
    image.thumbnail((400, 400))
    return image


def where(asked: Image.Image, stored: Image.Image) -> Overlap:
    """Ask for a picture by its rows, and return where the one that scores best has it."""
    row = CROPS.compute(Picture(np.asarray(stored)))
    queries = CROPS.questions(Picture(np.asarray(asked)))
    best = max(queries, key=lambda query: float(CROPS.score(query, single(row))[0]))
    found = CROPS.overlap(best, row)
    assert found is not None
    return found


def corners(of: object) -> NDArray[np.float64]:
    return np.array(of, np.float64)


def box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def cropped(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((width // 5, height // 4, width * 9 // 10, height * 9 // 10))


def in_a_page(image: Image.Image) -> Image.Image:
    page = Image.new("RGB", (image.width * 2, image.height * 2), (235, 235, 240))
    page.paste(image, (image.width // 2, image.height // 4))
    return page


@pytest.mark.parametrize(
    ("edit", "stored", "question", "scale"),
    [
        pytest.param(lambda image: image, WHOLE, WHOLE, 1.0, id="the same"),
        pytest.param(cropped, box(0.2, 0.25, 0.9, 0.9), WHOLE, 1 / (0.7 * 0.65) ** 0.5, id="a crop"),
        pytest.param(in_a_page, WHOLE, box(0.25, 0.125, 0.75, 0.625), 0.5, id="in a page"),
        pytest.param(lambda image: image.resize((200, 200)).resize(image.size), WHOLE, WHOLE, 1.0, id="blurred"),
    ],
)
def test_the_part_is_outlined_in_both_pictures(
    edit: Callable[[Image.Image], Image.Image],
    stored: list[tuple[float, float]],
    question: list[tuple[float, float]],
    scale: float,
) -> None:
    image = picture("coffee")
    found = where(edit(image), image)

    assert corners(found.stored) == pytest.approx(corners(stored), abs=NEAR)
    assert corners(found.question) == pytest.approx(corners(question), abs=NEAR)
    assert found.scale == pytest.approx(scale, rel=NEAR)
    assert min(found.rotation, 360 - found.rotation) < 2
    assert found.agreeing >= 5
    across, down = corners(stored)[2] - corners(stored)[0]
    assert found.share == pytest.approx(across * down, abs=2 * NEAR)


@pytest.mark.parametrize("degrees", [10, 90, 215])
def test_a_turned_picture_is_outlined_turned(degrees: int) -> None:
    image = picture("coffee")
    # Pillow turns counterclockwise
    turned = image.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(128, 128, 128))
    found = where(turned, image)

    assert found.rotation == pytest.approx(degrees, abs=2)
    assert corners(found.stored) == pytest.approx(corners(WHOLE), abs=NEAR)
    turn = np.exp(1j * np.radians(degrees))
    middle = corners(WHOLE) - 0.5
    wanted = turn * (middle[:, 0] * image.width + 1j * middle[:, 1] * image.height)
    at = np.stack([wanted.real / turned.width, wanted.imag / turned.height], axis=1) + 0.5
    assert corners(found.question) == pytest.approx(at, abs=NEAR)


def test_a_half_beside_another_picture_is_not_outlined_as_the_whole() -> None:
    image, other = picture("coffee"), picture("dahlia").resize((200, 300))
    page = Image.new("RGB", (400, image.height))
    page.paste(image.crop((0, 0, image.width // 2, image.height)), (0, 0))
    page.paste(other, (200, 0))
    found = where(page, image)

    assert corners(found.stored)[:, 0].max() < 0.75
    assert found.share < 0.75


def test_corners_correspond_also_where_a_border_cuts_them_off() -> None:
    image = picture("coffee")
    turned = image.rotate(-30, Image.Resampling.BICUBIC)
    found = where(turned, image)

    stored, question = ((corners(part) - 0.5) * image.size @ [1, 1j] for part in (found.stored, found.question))
    assert question == pytest.approx(stored * np.exp(1j * np.pi / 6), abs=NEAR * image.width)
    assert 0 < found.share <= 1


def test_a_cropped_picture_lies_over_its_original_to_two_pixels() -> None:
    image = picture("raccoon")
    left, top, right, bottom = image.width // 5, image.height // 8, image.width * 19 // 20, image.height * 4 // 5
    found = where(image.crop((left, top, right, bottom)), image)

    stored = corners(found.stored) * image.size
    question = corners(found.question) * (right - left, bottom - top)
    assert stored == pytest.approx(question + np.array([left, top]), abs=2)


def test_strangers_have_no_part_in_common() -> None:
    rows = strangers(1, 2)
    assert CROPS.overlap(as_questions(rows)[0], rows[1]) is None


def test_pictures_without_features_have_no_part_in_common() -> None:
    row = CROPS.compute(noise(2, 2))
    assert CROPS.overlap(CROPS.asked(single(row))[0], row) is None


def test_features_in_one_place_have_a_part_of_some_size() -> None:
    """Six features that are the same, all within some pixels: the way that fits best makes a point of the picture."""

    def rows(dtype: np.dtype[np.void], width: int, height: int, places: list[tuple[int, int]]) -> NDArray[np.void]:
        features = np.zeros(len(places), FEATURE)
        features["code"], features["packed"] = 737227805578491622, (40, 77, 225)
        features["x"], features["y"] = np.transpose(places)
        row = np.zeros(1, dtype)
        row["count"], row["width"], row["height"] = len(places), width, height
        row["features"][0, : len(places)] = features.view("u1").reshape(-1, FEATURE.itemsize)
        return row

    stored = rows(STORED_ROW, 147, 38, [(116, 223), (120, 242), (118, 230), (131, 235), (116, 224), (122, 228)])
    asked = rows(QUESTION_ROW, 311, 184, [(111, 252), (102, 255), (91, 229), (110, 233), (107, 196), (111, 255)])
    found = CROPS.overlap(asked[0], stored[0])
    assert found is not None
    assert found.scale > 0
    assert np.isfinite([*found.stored, *found.question]).all()
