"""`python -m tests.browser.screenshots`: the pictures of the page in docs/screenshots, of the demo's pictures alone."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from demo.edits import EDITS
from lookalike.web import WebSettings
from lookalike.web.http.access import Tokens
from tests.browser import service as services
from tests.browser.conftest import FLAGS, chromium
from tests.browser.service import Service
from tests.browser.visit import Visit
from tests.lookalike.web.conftest import PICTURES
from tests.patience import PATIENCE

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"

DESKTOP = ViewportSize(width=1280, height=720)
PHONE = ViewportSize(width=360, height=740)

SETTINGS = WebSettings(tokens=Tokens(anonymous=frozenset({"read", "write", "files"})), files_reason=None)
"""Not for admins, who are told where on this machine a picture came from."""

SEARCH = "#/search?turned=1&negatives=1"


def part(folder: Path) -> Path:
    """The question: a part of the raccoon, turned by 8 degrees."""
    path = folder / "found on a forum.png"
    with Image.open(PICTURES / "raccoon.jpg") as picture:
        picture.rotate(-8, Image.Resampling.BICUBIC).crop((150, 84, 590, 400)).save(path)
    return path


def searched(page: Page, service: Service, question: Path) -> Visit:
    """A visit with the answer to that question."""
    visit = Visit(page, service)
    visit.open(SEARCH)
    visit.drop(question)
    visit.answered()
    return visit


def marked(page: Page, service: Service) -> Visit:
    """A visit to the duplicates, all but the best of which are marked."""
    visit = Visit(page, service)
    visit.open("#/duplicates")
    page.get_by_text("Mark all but the best…").click(timeout=PATIENCE * 1000)
    page.get_by_role("button", name="Mark all but the best", exact=True).click()
    expect(page.get_by_role("region", name="Marked for removal")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    return visit


def main() -> int:
    path = chromium()
    if path is None:
        print("there is no browser to look with: apt-get install chromium", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    everything = {name: tuple(edit.name for edit in EDITS) for name in services.COPIES}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        records = services.signed(services.photographs(Path(folder), everything))
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        with services.hosted() as host, host.serving(records, SETTINGS) as service:
            question = part(Path(folder))
            visit = searched(browser.new_page(viewport=DESKTOP, color_scheme="light"), service, question)
            save(visit, "search.png")

            visit = searched(browser.new_page(viewport=DESKTOP, color_scheme="dark"), service, question)
            visit.card("raccoon.jpg").get_by_role("button").click()
            dialog = visit.page.get_by_role("dialog")
            expect(dialog.get_by_role("table").first).to_be_visible()
            save(visit, "compare-dark.png")

            phone = browser.new_page(
                viewport=PHONE, color_scheme="light", has_touch=True, is_mobile=True, device_scale_factor=1.5
            )
            save(marked(phone, service), "duplicates-phone.png")
            for colours in ("light", "dark"):
                page = browser.new_page(viewport=DESKTOP, color_scheme=colours)
                save(marked(page, service), f"duplicates-{colours}.png")
        browser.close()
    return 0


def save(visit: Visit, name: str) -> None:
    """What can be seen, once all of it is there, with 256 colours: a third of the bytes."""
    settled(visit.page)
    path = FOLDER / name
    visit.page.screenshot(path=path)
    with Image.open(path) as shot:
        shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} KB")


def settled(page: Page) -> None:
    expect(page.locator(".ghost:visible")).to_have_count(0)
    # pictures below the window are not loaded, so there is no waiting for all of them
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    sys.exit(main())
