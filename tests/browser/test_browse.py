"""Looking through the index, and what it knows of one image."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from lookalike.web import WebSettings
from lookalike.web.http.access import Tokens
from shards.table.format.records import Record
from tests.browser.visit import Visit


def test_a_prefix_shows_some_of_the_images(visit: Visit) -> None:
    visit.open("#/browse")
    expect(visit.page.get_by_role("heading", name="17 images")).to_be_visible()
    expect(visit.cards).to_have_count(17)
    visit.page.get_by_label("Keys that begin with").fill("copies/half")
    visit.page.keyboard.press("Enter")
    expect(visit.cards).to_have_count(2)
    visit.page.reload()
    expect(visit.cards).to_have_count(2)
    visit.page.go_back()
    expect(visit.cards).to_have_count(17)
    visit.page.get_by_label("Keys that begin with").fill("nowhere/")
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_role("heading", name="No key is like that")).to_be_visible()


def test_a_text_in_any_part_of_the_key_is_looked_for_while_it_is_typed(visit: Visit) -> None:
    visit.open("#/browse")
    visit.page.get_by_label("With the text").press_sequentially("SIZE/RAC")
    expect(visit.cards).to_have_count(1)
    assert visit.shown() == ["copies/half the size/raccoon.jpg"]
    visit.page.reload()
    expect(visit.cards).to_have_count(1)


def test_an_image_is_deleted_only_after_it_was_confirmed(visit: Visit) -> None:
    visit.open("#/browse")
    visit.card("cat.jpg").get_by_role("button").click()
    image = visit.page.get_by_role("dialog", name="Image")
    expect(image.get_by_role("heading", name="cat.jpg")).to_be_visible()
    expect(image.locator("img")).to_be_visible()
    expect(image).to_contain_text("451 × 300")
    expect(image).to_contain_text(visit.service.index.get("cat.jpg").image.sha256)
    image.get_by_text("Signatures").click()
    expect(image.locator(".signatures")).to_contain_text(visit.service.index.get("cat.jpg").signatures["dhash"])

    image.get_by_role("button", name="Delete").click()
    question = visit.page.get_by_role("dialog", name="Delete this image?")
    question.get_by_role("button", name="Cancel").click()
    assert visit.service.index.count() == 17

    image.get_by_role("button", name="Delete").click()
    question.get_by_role("button", name="Delete").click()
    expect(image).to_be_hidden()
    expect(visit.card("cat.jpg")).to_have_count(0)
    expect(visit.page.get_by_role("heading", name="16 images")).to_be_visible()
    assert "cat.jpg" not in [found.key for found in visit.service.index.list()]


def test_an_address_leads_to_an_image_and_from_there_to_what_is_similar(visit: Visit) -> None:
    visit.open("#/browse?image=copies/grey/raccoon.jpg")
    image = visit.page.get_by_role("dialog", name="Image")
    expect(image).to_contain_text("zoo")
    image.get_by_role("link", name="Find similar").click()
    visit.answered()
    expect(image).to_be_hidden()
    expect(visit.page.locator(".asked .name")).to_have_text("copies/grey/raccoon.jpg")


class TestOfManyImages:
    @pytest.fixture
    def records(self, signed: list[Record]) -> list[Record]:
        return [replace(signed[0], key=f"{n:03}", thumbnail=None, source=None) for n in range(150)]

    def test_they_come_a_page_at_a_time_as_one_scrolls(self, visit: Visit) -> None:
        visit.expected.append("404")  # these records have no pictures
        visit.open("#/browse")
        expect(visit.cards).to_have_count(60)
        expect(visit.page.get_by_text("no preview").first).to_be_visible()
        for wanted in (120, 150):
            visit.page.get_by_role("button", name="Show more").scroll_into_view_if_needed()
            expect(visit.cards).to_have_count(wanted)
        expect(visit.page.get_by_role("button", name="Show more")).to_be_hidden()
        assert sorted(visit.shown()) == [f"{n:03}" for n in range(150)]


class TestOfWhoMayOnlyRead:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(tokens=Tokens.parse("a-token-of-length-16 write", public_read=True))

    def test_nothing_is_offered_that_would_be_refused(self, visit: Visit) -> None:
        visit.open("#/browse?image=cat.jpg")
        image = visit.page.get_by_role("dialog", name="Image")
        expect(image.get_by_role("link", name="Find similar")).to_be_visible()
        expect(image.get_by_role("button", name="Delete")).to_have_count(0)
