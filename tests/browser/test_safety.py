"""What the page does with hostile names, with tokens, and without a connection."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from lookalike import Index
from lookalike.web import WebSettings
from lookalike.web.http.access import Tokens
from shards.table.format.records import Record
from tests.browser.service import FAMILIES
from tests.browser.visit import Visit
from tests.lookalike.web.conftest import CAT

MARKUP = '<img src=x onerror="window.harmed=true"><script>window.harmed=true</script>\'"&amp;'


class TestOfHostileNames:
    @pytest.fixture
    def records(self) -> list[Record]:
        index = Index.create("memory://", families=FAMILIES)
        larger = io.BytesIO()
        with Image.open(io.BytesIO(CAT)) as cat:
            cat.resize((902, 600)).save(larger, "JPEG")
        return [
            index.sign(f"{MARKUP}/{MARKUP}.jpg", CAT, {MARKUP: MARKUP, "nested": {"html": MARKUP}}),
            index.sign(f"javascript:alert(1)//{MARKUP}", larger.getvalue(), {"x": MARKUP}),
        ]

    def test_they_are_shown_as_they_are_written_and_do_nothing(self, visit: Visit) -> None:
        page = visit.page
        for place in ("#/search", "#/browse", "#/duplicates", "#/stats"):
            visit.open(place)
            expect(page.locator(".view:visible h1, .view:visible h2").first).to_be_visible()
        visit.open("#/browse")
        expect(visit.cards).to_have_count(2)
        expect(visit.cards.first.locator(".key")).to_contain_text("window.harmed")
        visit.cards.first.get_by_role("button").click()
        expect(page.get_by_role("dialog", name="Image").locator(".side h2")).to_contain_text("<script>")
        page.get_by_role("dialog", name="Image").get_by_role("link", name="Find similar").click()
        visit.answered()
        visit.cards.first.get_by_role("button").click()
        expect(page.get_by_role("dialog", name="Comparison").get_by_role("table", name="Scores")).to_contain_text(
            "haar"
        )
        expect(page.get_by_role("dialog", name="Comparison").locator("canvas").first).to_be_visible()
        assert page.evaluate("window.harmed") is None
        assert page.locator("main script, main [onerror], dialog script, dialog [onerror], [style*=url]").count() == 0

    def test_so_is_what_an_error_quotes(self, visit: Visit) -> None:
        visit.expected.append("404")
        visit.open(f"#/search?key={MARKUP}%26")
        expect(visit.page.get_by_role("alert")).to_contain_text("No such image")
        assert visit.page.evaluate("window.harmed") is None


class TestWithTokens:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(tokens=Tokens.parse("the-right-token-of-all read,write"))

    def test_it_asks_once_and_keeps_the_token_for_this_tab(self, visit: Visit) -> None:
        visit.expected.append("401")
        visit.open()
        prompt = visit.page.get_by_role("dialog", name="Token")
        prompt.get_by_label("Token").fill("a-wrong-token-of-some")
        prompt.get_by_role("button", name="Continue").click()
        expect(prompt).to_contain_text("This server does not know that token")
        expect(prompt).to_have_count(1)
        prompt.get_by_label("Token").fill("the-right-token-of-all")
        prompt.get_by_role("button", name="Continue").click()
        expect(prompt).to_have_count(0)
        expect(visit.cards).to_have_count(12)
        expect(visit.cards.first.locator("img")).to_have_attribute("src", re.compile("^blob:"))
        visit.page.reload()
        expect(visit.cards).to_have_count(12)
        expect(prompt).to_have_count(0)
        assert not any("right-token" in request.url for request in visit.requests)
        assert visit.page.evaluate("localStorage.length") == 0

    def test_without_one_it_says_what_is_missing_and_asks_again(self, visit: Visit) -> None:
        visit.expected.append("401")
        visit.open("#/browse")
        visit.page.get_by_role("button", name="Not now").click()
        problem = visit.page.get_by_role("alert")
        expect(problem).to_contain_text("A token is needed")
        problem.get_by_role("button", name="Try again").click()
        visit.page.get_by_role("textbox", name="Token").fill("the-right-token-of-all")
        visit.page.keyboard.press("Enter")
        expect(visit.cards).to_have_count(17)


def test_without_a_connection_it_says_so_and_goes_on_later(visit: Visit) -> None:
    visit.expected.append("ERR_INTERNET_DISCONNECTED")
    visit.open("#/browse")
    expect(visit.cards).to_have_count(17)
    visit.page.context.set_offline(True)
    expect(visit.page.get_by_text("You are offline.")).to_be_visible()
    visit.page.evaluate("location.hash = '#/search?key=cat.jpg'")
    problem = visit.page.get_by_role("alert")
    expect(problem).to_contain_text("The server cannot be reached.")
    visit.page.context.set_offline(False)
    expect(visit.page.get_by_text("You are offline.")).to_be_hidden()
    problem.get_by_role("button", name="Try again").click()
    visit.answered()
