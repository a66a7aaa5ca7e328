"""The page as a whole: the keyboard alone, a phone, the dark, and going back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.service import FAMILIES
from tests.browser.visit import Visit
from tests.lookalike.web.conftest import RACCOON

PLACES = (
    "#/search",
    "#/search?key=raccoon.jpg",
    "#/search?key=raccoon.jpg&compare=copies/half the size/raccoon.jpg",
    "#/browse",
    "#/browse?image=copies/half the size/raccoon.jpg",
    "#/duplicates",
    "#/add",
    "#/stats",
)

FOCUSED = "document.activeElement.closest('li.card')?.dataset.key ?? document.activeElement.id"


def test_everything_can_be_reached_with_the_keyboard_alone(visit: Visit) -> None:
    url = "https://photos.example/raccoon.jpg"
    visit.service.elsewhere.pictures[url] = RACCOON
    visit.open("#/stats")
    expect(visit.page.get_by_role("heading", name="Statistics")).to_be_visible()
    keys = visit.page.keyboard
    keys.press("/")
    expect(visit.page.get_by_label("Address of a picture")).to_be_focused()
    keys.type(url)
    keys.press("Enter")
    visit.answered()
    shown = visit.shown()
    for _ in range(30):
        keys.press("Tab")
        if visit.page.evaluate(FOCUSED) == shown[0]:
            break
    assert visit.page.evaluate(FOCUSED) == shown[0], "the grid is one stop of the Tab key"
    ring = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"

    keys.press("ArrowRight")
    assert visit.page.evaluate(FOCUSED) == shown[1]
    keys.press("ArrowDown")
    below = visit.page.evaluate(FOCUSED)
    assert below not in shown[:2]
    keys.press("ArrowUp")
    keys.press("Home")
    assert visit.page.evaluate(FOCUSED) == shown[0]
    keys.press("Enter")
    dialog = visit.page.get_by_role("dialog", name="Comparison")
    expect(dialog).to_be_visible()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    assert visit.page.evaluate(FOCUSED) == shown[0], "back to where one was"


def test_the_address_says_where_one_is(visit: Visit) -> None:
    visit.open()
    for name in ("Browse", "Duplicates", "Add", "Statistics"):
        visit.page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(visit.page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
        expect(visit.page).to_have_title(f"{name} · lookalike")
    visit.page.go_back()
    expect(visit.page.get_by_role("heading", name="Add images")).to_be_visible()
    visit.page.reload()
    expect(visit.page.get_by_role("heading", name="Add images")).to_be_visible()
    visit.page.get_by_role("link", name="Skip to the content").focus()
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("main")).to_be_focused()


def test_the_statistics_are_those_of_the_index(visit: Visit) -> None:
    visit.service.index.compact()
    visit.open("#/stats")
    expect(visit.page.locator(".tiles").first).to_contain_text("Images17")
    machine_room = visit.page.locator(".machine-room")
    expect(machine_room.locator("dl").first).to_be_hidden()
    expect(machine_room).to_contain_text("Segments1")
    sizes = visit.page.locator(".bars li")
    expect(sizes).to_have_count(len(FAMILIES))
    expect(sizes.filter(has_text="crops")).to_contain_text("put into another picture, and shows where.")
    expect(sizes.filter(has_text="Colours and coarse shapes")).to_contain_text("haar")
    expect(sizes.filter(has_text="haar")).to_contain_text("264 bytes an image")
    shares = [
        float(bar.evaluate("bar => bar.style.getPropertyValue('--share')")) for bar in sizes.locator(".bar").all()
    ]
    assert max(shares) == shares[FAMILIES.index("crops")] == 1
    assert shares[FAMILIES.index("dhash")] < shares[FAMILIES.index("pdq")] < shares[FAMILIES.index("haar")]


def test_the_statistics_say_that_the_index_is_being_resharded(visit: Visit) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(done: int, of: int) -> None:
        raise Interrupted

    index = visit.service.index
    index.compact()
    with pytest.raises(Interrupted):
        index.reshard(4, interrupt)
    visit.open("#/stats")
    note = visit.page.locator(".stats .note")
    expect(note).to_contain_text("being resharded: 1 of its 1 segment has still to be split among 4 shards")
    index.reshard(4)
    visit.open("#/browse")
    visit.open("#/stats")
    expect(visit.page.locator(".machine-room")).to_contain_text("in 4 shards")
    expect(note).to_have_count(0)


@pytest.mark.parametrize("look", [{"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}])
def test_a_phone_shows_everything_without_scrolling_sideways(visit: Visit) -> None:
    for place in PLACES:
        visit.open("#/none")
        visit.open(place)
        view = visit.page.locator("dialog[open], .view:visible").last
        expect(view.locator("h1:visible, h2:visible").first).to_be_visible()
        expect(visit.page.locator(".ghost:visible")).to_have_count(0)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360, place
        beyond = view.evaluate(
            """view => [...view.querySelectorAll("button, a, input, img, canvas, h1, h2")]
                .filter((one) => !one.closest(".strip"))  // it scrolls by itself
                .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > 361)
                .map((one) => one.outerHTML)"""
        )
        assert not beyond, place


@pytest.mark.parametrize(("look", "is_dark"), [({"color_scheme": "dark"}, True), ({"color_scheme": "light"}, False)])
def test_it_is_as_dark_as_the_system_and_can_be_read(visit: Visit, is_dark: bool) -> None:
    visit.open("#/search?key=raccoon.jpg")
    visit.answered()
    light = """(element) => {
        const [r, g, b] = getComputedStyle(element).%s.match(/[0-9.]+/g).map((value) => {
            const share = Number(value) / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }"""
    paper = float(visit.page.locator("body").evaluate(light % "backgroundColor"))
    assert (paper < 0.1) == is_dark
    for selector in ("h1.summary", ".found .quiet", ".card .folder", "nav a:not([aria-current])"):
        ink = float(visit.page.locator(f"{selector} >> visible=true").first.evaluate(light % "color"))
        # WCAG 2.2, 1.4.3: contrast of text, minimum
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, selector


def test_nothing_moves_when_pictures_arrive(visit: Visit) -> None:
    visit.page.add_init_script(
        """window.moved = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.moved += entry.hadRecentInput ? 0 : entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    visit.open("#/browse")
    expect(visit.cards).to_have_count(17)
    expect(visit.page.locator("li.card .loading")).to_have_count(0)
    # Core Web Vitals call a cumulative layout shift of 0.1 good
    assert visit.page.evaluate("window.moved") < 0.1
