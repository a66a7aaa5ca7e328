"""Where two pictures show the same: outlined on both, in words, and laid over each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Locator, expect

from tests.browser.visit import Visit

PART = (128, 60, 608, 396)
"""A half of the raccoon, 640 by 480: left, top, right, bottom."""


@pytest.fixture
def part(files: dict[str, Path]) -> Image.Image:
    with Image.open(files["raccoon.jpg"]) as picture:
        return picture.convert("RGB").crop(PART)


def drop(visit: Visit, picture: Image.Image, folder: Path, place: str = "") -> Locator:
    """Searches for a picture. Gives the card of the raccoon."""
    picture.save(folder / "part.png")
    visit.open(place)
    visit.drop(folder / "part.png")
    visit.answered()
    return visit.card("raccoon.jpg")


def outlined(box: Locator) -> list[float]:
    """Left, top, right and bottom of what is outlined, as shares of the picture in this box."""
    shares = box.evaluate(
        """(box) => {
            const picture = box.querySelector("img, canvas").getBoundingClientRect();
            const { x, y, width, height } = box.querySelector(".outline .edge:not(.under)").getBoundingClientRect();
            const [left, top] = [x - picture.x, y - picture.y];
            return [left / picture.width, top / picture.height,
                (left + width) / picture.width, (top + height) / picture.height];
        }"""
    )
    return [float(share) for share in shares]


def apart(dialog: Locator) -> float:
    """Percent of difference that is said."""
    expect(dialog.locator(".said")).to_contain_text("difference on average")
    return float(dialog.locator(".said").inner_text().split(" %")[0])


PLACE = pytest.approx([PART[0] / 640, PART[1] / 480, PART[2] / 640, PART[3] / 480], abs=0.05)


def test_a_part_is_found_and_outlined_where_it_is(visit: Visit, part: Image.Image, tmp_path: Path) -> None:
    card = drop(visit, part, tmp_path)
    assert visit.shown()[0] in ("raccoon.jpg", "copies/grey/raccoon.jpg")
    expect(card).to_contain_text(re.compile("(certain|likely) copy"))
    expect(card).to_contain_text(re.compile(r"shows 5\d % of it"))
    expect(card.get_by_role("button")).to_have_accessible_name(re.compile(r"crops, your picture shows 5\d % of it"))
    assert outlined(card.locator(".picture")) == PLACE

    card.get_by_role("button").click()
    dialog = visit.page.get_by_role("dialog", name="Comparison")
    expect(dialog).to_contain_text(re.compile(r"Your picture shows 5\d % of it\."))
    expect(dialog.locator("figure .outline")).to_have_count(2)
    assert outlined(dialog.locator("figure").nth(0)) == pytest.approx([0, 0, 1, 1], abs=0.08)
    assert outlined(dialog.locator("figure").nth(1)) == PLACE
    dialog.get_by_label("Outline parts").uncheck()
    expect(dialog.locator("figure .outline")).to_have_count(0)


def test_common_parts_lie_on_each_other(visit: Visit, part: Image.Image, tmp_path: Path) -> None:
    drop(visit, part, tmp_path).get_by_role("button").click()
    dialog = visit.page.get_by_role("dialog", name="Comparison")
    dialog.get_by_text("Difference", exact=True).click()
    assert apart(dialog) < 6
    expect(dialog.locator(".said")).to_contain_text("where they overlap")
    dialog.get_by_label("Align parts").uncheck()
    assert apart(dialog) > 10
    dialog.get_by_label("Align parts").check()
    dialog.get_by_text("Wipe", exact=True).first.click()
    dialog.get_by_role("slider", name="Wipe").fill("100")
    assert outlined(dialog.locator(".stack")) == PLACE


def test_a_turned_part_says_so_and_is_turned_back(visit: Visit, part: Image.Image, tmp_path: Path) -> None:
    turned = part.rotate(-10, Image.Resampling.BICUBIC, expand=True)
    card = drop(visit, turned.resize((round(turned.width * 0.7), round(turned.height * 0.7))), tmp_path)
    expect(card).to_contain_text(re.compile(r"turned by (9|10|11)°, at 0\.(6[89]|7|7[012]) times the size"))
    card.get_by_role("button").click()
    dialog = visit.page.get_by_role("dialog", name="Comparison")
    dialog.get_by_text("Difference", exact=True).click()
    aligned = apart(dialog)
    dialog.get_by_label("Align parts").uncheck()
    assert aligned < apart(dialog) / 2


def test_a_mirrored_part_is_mirrored_back(visit: Visit, part: Image.Image, tmp_path: Path) -> None:
    card = drop(visit, ImageOps.mirror(part).crop((40, 0, 480, 336)), tmp_path, "#/search?key=cat.jpg&turned=1")
    expect(card).to_contain_text("mirrored")
    card.get_by_role("button").click()
    dialog = visit.page.get_by_role("dialog", name="Comparison")
    expect(dialog.locator("figure .outline")).to_have_count(2)
    assert outlined(dialog.locator("figure").nth(0)) == pytest.approx([0, 0, 1, 1], abs=0.08)
    dialog.get_by_text("Difference", exact=True).click()
    assert apart(dialog) < 6
