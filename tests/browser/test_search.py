"""Searching: what one gives, what one sees, and what happens without another request."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import expect

from lookalike import Index
from lookalike.links import LinkTemplate
from lookalike.web import WebSettings
from shards.table.format.records import Record
from tests.browser.service import FAMILIES
from tests.browser.visit import Visit
from tests.lookalike.web.conftest import CAT, RACCOON

HALF = "copies/half the size/raccoon.jpg"
GREY = "copies/grey/raccoon.jpg"
MIRRORED = "copies/mirrored/raccoon.jpg"


def test_the_first_page_shows_pictures_to_start_from(visit: Visit) -> None:
    visit.open()
    expect(visit.page.get_by_role("heading", name="Find every copy of a picture")).to_be_visible()
    expect(visit.cards).to_have_count(12)
    first = visit.shown()[0]
    visit.page.get_by_role("button", name=f"Find similar to {first}").click()
    visit.answered()
    expect(visit.page.locator(".asked .name")).to_have_text(first)


def test_a_dropped_picture_finds_its_copies(visit: Visit, files: dict[str, Path]) -> None:
    visit.open()
    visit.drop(files[HALF])
    visit.answered()
    assert visit.shown()[0] == HALF
    assert set(visit.shown()[:3]) == {HALF, "raccoon.jpg", GREY}
    expect(visit.page.locator("h1.summary")).to_have_text("3 certain copies")
    expect(visit.page.locator(".asked")).to_contain_text("320 × 240")
    expect(visit.page.locator(".asked img")).to_be_visible()
    expect(visit.card("raccoon.jpg")).to_contain_text("640 × 480")
    expect(visit.card("raccoon.jpg")).to_contain_text("album: zoo")
    expect(visit.page.locator("#status")).to_contain_text("3 certain copies")


def test_pictures_dropped_together_are_asked_about_one_after_another(visit: Visit, files: dict[str, Path]) -> None:
    visit.open()
    visit.drop(files["raccoon.jpg"], files["cat.jpg"])
    visit.answered()
    expect(visit.page.locator(".asked .name")).to_have_text("raccoon.jpg")
    visit.page.get_by_role("button", name="Search for cat.jpg").click()
    expect(visit.page.locator(".asked .name")).to_have_text("cat.jpg")
    visit.answered()
    assert visit.shown()[0] == "cat.jpg"
    visit.page.go_back()
    expect(visit.page.locator(".asked .name")).to_have_text("raccoon.jpg")
    visit.answered()
    assert len(list(visit.asked("/v1/search"))) == 2, "going back asks nothing anew"


def test_a_pasted_picture_is_searched_for(visit: Visit, files: dict[str, Path]) -> None:
    visit.open()
    visit.paste(files["cat.jpg"])
    visit.answered()
    assert visit.shown()[0] == "cat.jpg"


@pytest.mark.parametrize("is_pasted", [True, False])
def test_a_picture_is_found_by_its_address(visit: Visit, is_pasted: bool) -> None:
    url = "https://photos.example/cat.jpg"
    visit.service.elsewhere.pictures[url] = CAT
    visit.open()
    if is_pasted:
        visit.paste(text=url)
    else:
        visit.page.get_by_label("Address of a picture").fill(url)
        visit.page.get_by_role("button", name="Search", exact=True).click()
    visit.answered()
    assert visit.shown()[0] == "cat.jpg"
    expect(visit.page.locator(".asked img")).to_have_attribute("src", re.compile("^data:image/webp"))
    visit.page.reload()
    visit.answered()
    assert visit.service.elsewhere.asked == [url, url]


def test_a_file_that_was_searched_for_survives_a_reload(visit: Visit, files: dict[str, Path]) -> None:
    visit.open()
    visit.drop(files["cat.jpg"])
    visit.answered()
    expect(visit.page.locator(".asked .name")).to_have_text("cat.jpg")
    visit.page.reload()
    visit.answered()
    assert visit.shown()[0] == "cat.jpg"
    expect(visit.page.locator(".asked .name")).to_have_text("cat.jpg")
    assert len(list(visit.asked("/v1/search"))) == 2
    visit.open("#/none")
    visit.open("#/search?file=unknown")
    expect(visit.page.get_by_text("This browser no longer has the picture.")).to_be_visible()


def test_what_is_no_address_is_said_before_anything_is_asked(visit: Visit) -> None:
    visit.open()
    visit.page.get_by_label("Address of a picture").fill("raccoon")
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator(".ask .wrong")).to_be_visible()
    assert not list(visit.asked("/v1/search"))


def test_an_address_that_gives_nothing_is_explained(visit: Visit) -> None:
    visit.expected.append("502")
    visit.open("#/search?url=https://photos.example/gone.jpg")
    problem = visit.page.get_by_role("alert")
    expect(problem).to_contain_text("The address gave no picture")
    visit.service.elsewhere.pictures["https://photos.example/gone.jpg"] = RACCOON
    problem.get_by_role("button", name="Try again").click()
    visit.answered()


def test_a_file_that_is_no_picture_is_explained(visit: Visit, tmp_path: Path) -> None:
    visit.expected.append("415")
    (tmp_path / "letter.jpg").write_text("Dear Sir or Madam")
    visit.open()
    visit.drop(tmp_path / "letter.jpg")
    expect(visit.page.get_by_role("alert")).to_contain_text("Not a picture")
    expect(visit.page.locator(".asked")).to_contain_text("this browser cannot show it")


def test_the_slider_filters_at_once_and_asks_nothing(visit: Visit) -> None:
    visit.open("#/search?key=raccoon.jpg&family=haar")
    visit.answered()
    everything = visit.shown()
    slider = visit.page.get_by_label("Minimum score")
    slider.fill("90")
    kept = visit.shown()
    assert HALF in kept
    assert len(kept) < len(everything)
    scores = [float(text) for text in visit.cards.locator(".score .figure").all_inner_texts()]
    assert min(scores) >= 90
    slider.fill("100")
    expect(visit.page.get_by_text("Nothing scores 100 or more.")).to_be_visible()
    assert len(list(visit.asked("/v1/search"))) == 1
    slider.fill("90")
    visit.page.reload()
    visit.answered()
    assert visit.shown() == kept


def test_turned_copies_are_found_where_they_are_asked_for(visit: Visit) -> None:
    visit.open("#/search?key=raccoon.jpg&family=dhash")
    visit.answered()
    assert MIRRORED not in visit.shown()[:2]
    visit.page.get_by_label("Also turned and mirrored").check()
    expect(visit.card(MIRRORED).locator(".tag")).to_have_text("mirrored")
    assert MIRRORED in visit.shown()[:3]


def test_where_no_copy_is_likely_it_offers_to_look_for_turned_ones(
    visit: Visit, files: dict[str, Path], tmp_path: Path
) -> None:
    mirrored = tmp_path / "mirrored.png"
    with Image.open(files["cat.jpg"]) as picture:
        ImageOps.mirror(picture).save(mirrored)
    visit.open()
    visit.drop(mirrored)
    visit.answered()
    expect(visit.page.locator("h1.summary")).to_have_text("No copy found")
    visit.page.get_by_role("button", name="Search for those too").click()
    visit.answered()
    expect(visit.page.locator("h1.summary")).to_have_text("3 certain copies")
    expect(visit.card(visit.shown()[0])).to_contain_text("mirrored")
    expect(visit.page.get_by_role("button", name="Search for those too")).to_have_count(0)
    expect(visit.page.get_by_label("Also turned and mirrored")).to_be_checked()


def test_another_family_says_what_it_is_good_at_and_searches_anew(visit: Visit) -> None:
    visit.open("#/search?key=raccoon.jpg")
    visit.answered()
    families = visit.page.get_by_role("group", name="Compare by")
    expect(families.get_by_role("radio")).to_have_count(1 + len(FAMILIES))
    families.get_by_role("radio", name="haar").check()
    expect(visit.page.get_by_text("compared by haar")).to_be_visible()
    expect(visit.page.get_by_label("Also negatives")).to_be_hidden()
    families.get_by_role("radio", name="goldberg").check()
    expect(visit.page.get_by_text("compared by goldberg")).to_be_visible()
    expect(visit.page.get_by_label("Also negatives")).to_be_visible()
    assert "family=goldberg" in visit.page.url


def test_all_families_are_asked_unless_one_is_chosen(visit: Visit) -> None:
    visit.open("#/search?key=raccoon.jpg")
    visit.answered()
    expect(visit.page.get_by_role("radio", name="Automatic")).to_be_checked()
    expect(visit.page.get_by_text("compared by haar, dhash, pdq and crops")).to_be_visible()
    expect(visit.page.get_by_label("Minimum score")).to_be_hidden()
    visit.page.get_by_role("radio", name="haar").check()
    expect(visit.page.get_by_text("compared by haar")).to_be_visible()
    visit.page.get_by_role("radio", name="Automatic").check()
    expect(visit.page.get_by_text("compared by haar, dhash, pdq and crops")).to_be_visible()
    assert "family" not in visit.page.url


def test_each_hit_says_how_sure_it_is_and_a_line_ends_the_matches(visit: Visit) -> None:
    visit.open("#/search?key=raccoon.jpg")
    visit.answered()
    copies, rest = visit.page.locator(".found section").all()
    assert {*copies.locator(".badge").all_inner_texts()} == {"certain copy"}
    expect(rest.get_by_role("heading")).to_have_text("No match below, only less alike")
    assert "certain copy" not in rest.locator(".badge").all_inner_texts()
    name = copies.get_by_role("button").first
    expect(name).to_have_accessible_name(re.compile(r"^Compare with copies/.*, certain copy, score \d+\.\d by \w+$"))
    visit.page.get_by_role("combobox", name="Show", exact=True).select_option("copies, certain or likely")
    expect(rest).to_be_hidden()
    assert {*visit.shown()} == {HALF, GREY}
    assert "sure=match" in visit.page.url
    assert len(list(visit.asked("/v1/search"))) == 1


def test_what_was_left_out_once_something_certain_was_found_can_be_asked_for(
    visit: Visit, files: dict[str, Path]
) -> None:
    visit.open()
    visit.drop(files["raccoon.jpg"])
    visit.answered()
    note = visit.page.locator(".left-out")
    expect(note).to_contain_text("Not asked, as something certain was found: goldberg; crops for small parts.")
    expect(visit.page.get_by_text("compared by haar, dhash, pdq and crops")).to_be_visible()
    note.get_by_role("button", name="Ask all the same").click()
    visit.answered()
    expect(note).to_have_count(0)
    expect(visit.page.get_by_text("compared by all families")).to_be_visible()
    assert {*visit.shown()[:3]} == {"raccoon.jpg", HALF, GREY}


def test_that_an_image_of_the_index_is_found_itself_is_no_reason_to_look_no_further(visit: Visit) -> None:
    visit.open("#/search?key=rocket.jpg")
    visit.answered()
    expect(visit.page.locator("h1.summary")).to_have_text("No copy found")
    expect(visit.page.get_by_text("compared by all families")).to_be_visible()
    expect(visit.page.locator(".left-out")).to_have_count(0)
    assert len(list(visit.asked("/v1/search"))) == 1


def test_find_similar_goes_on_from_a_result(visit: Visit) -> None:
    visit.open("#/search?key=cat.jpg")
    visit.answered()
    visit.card("raccoon.jpg").hover()
    visit.page.get_by_role("link", name="Find similar to raccoon.jpg").click()
    expect(visit.page.locator(".asked .name")).to_have_text("raccoon.jpg")
    visit.answered()
    assert set(visit.shown()[:2]) == {HALF, GREY}
    assert "raccoon.jpg" not in visit.shown(), "a picture is not among what is similar to it"


def test_an_answer_of_a_part_of_the_index_says_so_and_can_be_asked_for_again(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Index.ask
    late = [("segments/0000/a.npz", "segments/0003/b.npz"), ("segments/0003/b.npz",)]

    def ask_late(self: Index, *asked: Any) -> Any:
        answers = ask(self, *asked)
        if not late:
            return answers
        missing = late.pop(0)
        return [replace(answer, partial=True, missing=missing) for answer in answers]  # type: ignore[type-var] # no errors

    monkeypatch.setattr(Index, "ask", ask_late)
    visit.open("#/search?key=raccoon.jpg")
    visit.answered()
    summary, note = visit.page.locator("h1.summary"), visit.page.locator(".note.partial")
    expect(summary).to_have_text("2 certain copies so far")
    expect(note).to_contain_text("Not all images were compared. 2 parts of the index did not answer in time")
    expect(visit.page.locator("#status")).to_contain_text("so far")
    note.get_by_role("button", name="Ask again").click()
    expect(note).to_contain_text("1 part of the index")
    note.get_by_role("button", name="Ask again").press("Enter")
    expect(summary).to_have_text("2 certain copies")
    expect(note).to_have_count(0)
    assert len(list(visit.asked("/v1/search"))) == 3


class TestOfFlatPictures:
    @pytest.fixture
    def records(self, signed: list[Record]) -> list[Record]:
        white = io.BytesIO()
        Image.new("RGB", (200, 200), "white").save(white, "PNG")
        return [*signed, Index.create("memory://", families=FAMILIES).sign("white.png", white.getvalue())]

    def test_they_are_no_match_and_it_says_why(self, visit: Visit, tmp_path: Path) -> None:
        Image.new("RGB", (300, 200), (90, 120, 200)).save(tmp_path / "blue.png")
        visit.open()
        visit.drop(tmp_path / "blue.png")
        visit.answered()
        expect(visit.page.locator("h1.summary")).to_have_text("No copy found")
        expect(visit.page.locator(".found .note")).to_have_text("The best is no match, because both pictures are flat.")
        expect(visit.card("white.png")).to_contain_text("both pictures are flat")
        visit.card("white.png").get_by_role("button").click()
        verdict = visit.page.get_by_role("dialog", name="Comparison").locator(".verdict")
        expect(verdict).to_have_text("no matchbecause both pictures are flat")


class TestOfASmallServer:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(max_body=100_000)

    def test_a_picture_too_large_to_send_is_searched_by_a_smaller_copy(self, visit: Visit, tmp_path: Path) -> None:
        with Image.open(io.BytesIO(CAT)) as cat:
            cat.resize((902, 600)).save(tmp_path / "cat.png")
        visit.open()
        visit.drop(tmp_path / "cat.png")
        visit.answered()
        note = visit.page.locator(".found .note")
        expect(note).to_contain_text("the limit here is 91.8 KB, so a smaller copy was used for the search.")
        assert visit.shown()[0] == "cat.jpg"
        expect(visit.cards.first).to_contain_text("certain copy")
        expect(visit.page.locator(".asked")).to_contain_text("902 × 600")
        visit.cards.first.get_by_role("button").click()
        expect(visit.page.get_by_role("dialog", name="Comparison").get_by_role("table")).to_contain_text("haar")

    def test_where_the_browser_cannot_make_one_it_is_refused(self, visit: Visit, tmp_path: Path) -> None:
        (tmp_path / "scan.tif").write_bytes(bytes(120_000))
        visit.open()
        visit.drop(tmp_path / "scan.tif")
        problem = visit.page.get_by_role("alert")
        expect(problem).to_contain_text("The picture is too large")
        expect(problem).to_contain_text("It has 120 KB, and the limit here is 91.8 KB.")
        assert not list(visit.asked("/v1/search"))


class TestOfAnEmptyIndex:
    @pytest.fixture
    def records(self) -> list[Record]:
        return []

    def test_it_says_so_and_leads_on(self, visit: Visit) -> None:
        visit.open()
        expect(visit.page.get_by_role("heading", name="The index is empty")).to_be_visible()
        visit.page.get_by_role("link", name="Add images").click()
        expect(visit.page.get_by_role("heading", name="Add images")).to_be_visible()


class TestOfAServerThatMakesLinks:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(link=LinkTemplate.of("https://albums.example/{album}?of={key}"))

    def test_hits_lead_to_where_they_come_from(self, visit: Visit) -> None:
        visit.open("#/search?key=cat.jpg")
        visit.answered()
        link = visit.card("raccoon.jpg").locator("a.outside")
        expect(link).to_have_text("albums.example/zoo?of=raccoon.jpg")
        expect(link).to_have_attribute("href", "https://albums.example/zoo?of=raccoon.jpg")
        expect(link).to_have_attribute("rel", "noopener noreferrer")
        without = [key for key in visit.shown() if key != "raccoon.jpg" and "raccoon" not in key]
        expect(visit.card(without[0]).locator("a.outside")).to_have_count(0)
