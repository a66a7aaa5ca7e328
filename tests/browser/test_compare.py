"""The comparison of two pictures: how they are drawn against each other, and what the families say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from shards.table.format.records import Record
from tests.browser.service import FAMILIES
from tests.browser.visit import Visit

HALF = "copies/half the size/raccoon.jpg"
MIRRORED = "copies/mirrored/raccoon.jpg"

LIGHT = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((sum, value, i) => sum + (i % 4 < 3 ? value : 0), 0) / (data.length * 0.75);
}"""
"""The mean of all channels, 0 to 255."""


def comparison(visit: Visit) -> Locator:
    return visit.page.get_by_role("dialog", name="Comparison")


@pytest.fixture
def compared(visit: Visit) -> Locator:
    """The raccoon and a copy of half its size."""
    visit.open("#/search?key=raccoon.jpg&family=haar")
    visit.answered()
    visit.card(HALF).get_by_role("button").click()
    return comparison(visit)


def test_side_by_side_with_the_scores_of_all_families(compared: Locator) -> None:
    expect(compared.get_by_role("heading")).to_contain_text("raccoon.jpg")
    expect(compared.locator("figure canvas")).to_have_count(2)
    expect(compared.locator("figcaption").nth(0)).to_contain_text("640 × 480")
    expect(compared.locator("figcaption").nth(1)).to_contain_text("320 × 240")
    scores = compared.get_by_role("table", name="Scores").get_by_role("row")
    expect(scores).to_have_count(len(FAMILIES))
    for row in scores.all():
        expect(row).to_contain_text("match")
        expect(row).not_to_contain_text("no match")
    expect(compared.locator(".verdict")).to_have_text("certain copyby haar")
    expect(compared).to_contain_text("SHA-256")


def test_the_verdict_of_all_families_names_those_that_agree(visit: Visit) -> None:
    visit.open(f"#/search?key=raccoon.jpg&compare={HALF}")
    verdict = comparison(visit).locator(".verdict")
    expect(verdict).to_contain_text("certain copy")
    for family in ("haar", "dhash", "pdq", "crops"):
        expect(verdict).to_contain_text(family)
    visit.page.keyboard.press("Escape")
    visit.card("cat.jpg").get_by_role("button").click()
    expect(verdict).to_have_text("no match")


def test_the_wipe_follows_the_slider_and_the_pointer(visit: Visit, compared: Locator) -> None:
    compared.get_by_text("Wipe", exact=True).first.click()
    stack = compared.locator(".stack")
    stack.evaluate("stack => stack.scrollIntoView()")
    expect(stack.locator("canvas")).to_have_count(2)

    def left_of_the_line() -> float:
        return float(stack.evaluate("stack => getComputedStyle(stack).getPropertyValue('--at')"))

    compared.get_by_role("slider", name="Wipe").fill("25")
    assert left_of_the_line() == 0.25
    clip = stack.locator(".upper").evaluate("canvas => getComputedStyle(canvas).clipPath")
    assert "75%" in clip or "25%" in clip
    box = stack.bounding_box()
    assert box
    visit.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 10)
    visit.page.mouse.up()
    assert left_of_the_line() == pytest.approx(0.8, abs=0.02)


def test_the_upper_picture_can_be_faded_and_blinks_when_told(visit: Visit, compared: Locator) -> None:
    visit.page.emulate_media(reduced_motion="reduce")  # one step a press: nothing to wait for
    compared.get_by_text("Blend", exact=True).click()
    upper = compared.locator(".stack .upper")
    compared.get_by_role("slider").fill("30")
    expect(upper).to_have_css("opacity", "0.3")
    compared.get_by_role("button", name="Blink").click()
    expect(upper).to_have_css("opacity", "0")
    compared.get_by_role("button", name="Blink").click()
    expect(upper).to_have_css("opacity", "0.3")


def test_the_difference_of_a_picture_and_itself_is_black(visit: Visit, files: dict[str, Path]) -> None:
    visit.open()
    visit.drop(files["raccoon.jpg"])
    visit.answered()
    visit.card("raccoon.jpg").get_by_role("button").click()
    expect(comparison(visit)).to_contain_text("Exactly the same file.")
    comparison(visit).get_by_text("Difference", exact=True).click()
    expect(comparison(visit)).to_contain_text("0.0 % difference on average")
    assert comparison(visit).locator(".stack canvas").evaluate(LIGHT) == 0


def test_both_pictures_zoom_and_move_together(visit: Visit, compared: Locator) -> None:
    expect(compared.locator("figure canvas")).to_have_count(2)
    shown = """() => [...document.querySelectorAll('figure .zoomed')].map(
        (box) => new DOMMatrix(getComputedStyle(box).transform))"""
    visit.page.keyboard.press("z")
    expect(compared.get_by_role("button", name="%")).to_have_attribute("aria-pressed", "true")
    left, right = visit.page.evaluate(f"({shown})().map(({{a, e}}) => [a, e])")
    assert left[0] == right[0] > 1
    box = compared.locator("figure .frame").first.bounding_box()
    assert box
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.page.mouse.wheel(0, -100)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2)
    visit.page.mouse.up()
    moved = visit.page.evaluate(f"({shown})().map(({{a, e}}) => e / a)")
    assert moved[0] > 0
    assert moved[0] == pytest.approx(moved[1], rel=0.05)
    visit.page.keyboard.press("z")
    assert visit.page.evaluate(f"({shown})().map(({{a, e}}) => [a, e])") == [[1, 0], [1, 0]]


def test_the_comparison_has_the_whole_window_and_says_what_differs(visit: Visit, compared: Locator) -> None:
    box = compared.bounding_box()
    assert box
    assert (box["width"], box["height"]) == (1280, 860)
    facts = compared.get_by_role("table", name="Facts")
    expect(facts.locator("tr.differs", has_text="Pixels")).to_contain_text("640 × 480")
    expect(facts.locator("tr.differs", has_text="Pixels")).to_contain_text("320 × 240")
    expect(facts.locator("tr.differs", has_text="album")).to_have_count(0)


def test_what_differs_is_made_brighter(compared: Locator) -> None:
    compared.get_by_text("Difference", exact=True).click()
    expect(compared.locator(".said")).to_contain_text("% difference on average")
    gain = compared.get_by_role("slider", name="Amplification")
    canvas = compared.locator(".stack canvas")
    gain.fill("1")
    faint = float(canvas.evaluate(LIGHT))
    gain.fill("16")
    assert float(canvas.evaluate(LIGHT)) > 4 * faint > 0


def test_a_turned_copy_is_turned_back(visit: Visit) -> None:
    visit.open("#/search?key=raccoon.jpg&family=dhash&turned=1")
    visit.answered()
    visit.card(MIRRORED).get_by_role("button").click()
    dialog = comparison(visit)
    expect(dialog).to_contain_text("Best match: mirrored")
    dialog.get_by_text("Difference", exact=True).click()
    expect(dialog.locator(".said")).to_contain_text("difference on average")

    def apart() -> float:
        return float(dialog.locator(".said").inner_text().split(" %")[0])

    assert apart() < 4
    dialog.get_by_label("Turn to match").uncheck()
    assert apart() > 10


def test_find_similar_closes_it_and_goes_on(visit: Visit, compared: Locator) -> None:
    expect(compared.get_by_role("table", name="Scores")).to_be_visible()  # until then what is below it moves
    compared.get_by_role("link", name="Find similar").click()
    expect(compared).to_be_hidden()
    expect(visit.page.locator(".asked .name")).to_have_text(HALF)
    visit.answered()
    visit.card("raccoon.jpg").get_by_role("button").click()
    compared.get_by_role("link", name="Details").click()
    expect(visit.page.get_by_role("dialog", name="Image")).to_contain_text("raccoon.jpg")
    expect(compared).to_be_hidden()


def test_one_goes_through_the_results_and_back(visit: Visit, compared: Locator) -> None:
    heading = compared.get_by_role("heading")
    results = visit.shown()
    at = results.index(HALF)
    expect(heading).to_have_text("raccoon.jpgcopies/half the size/")
    compared.get_by_role("button", name="Next result").click()
    assert f"compare={results[at + 1].split('/')[0]}" in visit.page.url
    expect(compared).to_contain_text(f"{at + 2} of")
    visit.page.keyboard.press("ArrowLeft")
    expect(compared).to_contain_text(f"{at + 1} of")
    visit.page.reload()
    expect(compared).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(compared).to_be_hidden()
    expect(visit.page).to_have_url(f"{visit.service.url}#/search?key=raccoon.jpg&family=haar")
    visit.card(HALF).get_by_role("button").click()
    expect(compared).to_be_visible()
    visit.page.go_back()
    expect(compared).to_be_hidden()
    visit.answered()


class TestOfOriginalsThatAreGone:
    @pytest.fixture
    def records(self, signed: list[Record], tmp_path: Path) -> list[Record]:
        return [replace(record, source={"path": str(tmp_path / "gone.jpg")}) for record in signed]

    @pytest.fixture
    def look(self, look: dict[str, object]) -> dict[str, object]:
        """A browser that has not seen the originals: it would show them, since it may keep them for ever."""
        return {**look, "locale": "en-GB"}

    def test_their_thumbnails_are_compared_and_nothing_is_asked_for_in_vain(self, visit: Visit) -> None:
        refused: list[str] = []
        visit.page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        visit.open(f"#/search?key=raccoon.jpg&compare={HALF}")
        compared = comparison(visit)
        for n in range(2):
            expect(compared.locator("figcaption").nth(n)).to_contain_text("256 × 192")
        assert not refused
