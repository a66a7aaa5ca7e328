"""Adding pictures from the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from playwright.sync_api import Route, expect

from lookalike.web import WebSettings
from lookalike.web.dependencies import service_of
from lookalike.web.http.access import Tokens
from tests.browser.bucket import Bucket
from tests.browser.service import Host, hosted
from tests.browser.visit import Visit
from tests.lookalike.web.conftest import CAT, PICTURES
from tests.patience import PATIENCE

POSTCARD = PICTURES.parent / "postcard.jpg"


@pytest.fixture(scope="module")
def place() -> Iterator[Host]:
    """Where a bucket is."""
    with hosted() as host:
        yield host


WATCH = """() => {
    window.states = [];
    new MutationObserver(() => {
        for (const state of document.querySelectorAll(".uploads .state")) window.states.push(state.textContent);
    }).observe(document.querySelector(".uploads"), { childList: true, subtree: true, characterData: true });
}"""
"""Writes down every state that is shown of an upload, however shortly."""


def test_a_picture_is_added_under_its_name_with_progress_and_found(visit: Visit) -> None:
    visit.open("#/add")
    visit.page.get_by_label("Keys begin with").fill("cards/")
    expect(visit.page.get_by_text("gets the key cards/cat.jpg")).to_be_visible()
    visit.page.evaluate(WATCH)
    visit.page.locator("input[type=file]").last.set_input_files(POSTCARD)
    row = visit.page.get_by_role("listitem").filter(has_text="cards/postcard.jpg")
    expect(row.locator(".state")).to_have_text("added")
    states = visit.page.evaluate("window.states")
    assert states[0] == "waiting"
    assert "processing" in states, "all of it was sent, and the server is at work"
    assert visit.service.index.get("cards/postcard.jpg").image.width == 400
    row.get_by_role("link", name="Find similar").click()
    visit.answered()
    expect(visit.page.locator(".asked .name")).to_have_text("cards/postcard.jpg")


def test_dropped_pictures_are_added_here_and_each_says_what_became_of_it(visit: Visit, tmp_path: Path) -> None:
    visit.expected.append("415")
    (tmp_path / "letter.jpg").write_text("Dear Sir or Madam")
    visit.open("#/add")
    visit.drop(POSTCARD, PICTURES / "cat.jpg", tmp_path / "letter.jpg")
    states = visit.page.locator(".uploads li")
    expect(states.filter(has_text="postcard.jpg").locator(".state")).to_have_text("added")
    expect(states.filter(has_text="cat.jpg").locator(".state")).to_have_text("replaced")
    failed = states.filter(has_text="letter.jpg")
    expect(failed.locator(".state")).to_have_text("failed")
    expect(failed).to_contain_text("send JPEG, PNG")
    expect(visit.page.locator(".upload .summary")).to_have_text("1 added, 1 replaced, 1 failed")
    assert visit.service.index.count() == 18
    visit.page.get_by_role("link", name="Browse", exact=True).click()
    expect(visit.page.get_by_role("heading", name="18 images")).to_be_visible()


def test_what_is_there_can_be_left_alone(visit: Visit, tmp_path: Path) -> None:
    visit.expected.append("412")
    before = visit.service.index.get("cat.jpg").image.sha256
    (tmp_path / "cat.jpg").write_bytes(POSTCARD.read_bytes())
    visit.open("#/add")
    visit.page.get_by_label("Keep existing images").check()
    visit.drop(tmp_path / "cat.jpg")
    expect(visit.page.locator(".uploads .state")).to_have_text("kept")
    assert visit.service.index.get("cat.jpg").image.sha256 == before


def test_a_busy_server_is_asked_again_when_it_says(visit: Visit) -> None:
    visit.expected.append("429")
    refusals = [0, 0]

    def refuse(route: Route) -> None:
        if not refusals:
            route.continue_()
            return
        problem = {"title": "Too much at once", "status": 429, "code": "tail-too-long", "detail": "wait a little"}
        seconds = str(refusals.pop())
        route.fulfill(
            status=429,
            headers={"Retry-After": seconds},
            content_type="application/problem+json",
            body=json.dumps(problem),
        )

    visit.page.route(re.compile(r"/v1/images\?key=postcard\.jpg$"), refuse)
    visit.open("#/add")
    visit.drop(POSTCARD)
    expect(visit.page.locator(".uploads .state")).to_have_text("added")
    assert not refusals
    assert visit.service.index.get("postcard.jpg").image.width == 400


class TestOfASmallServer:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(max_body=20_000)

    def test_a_picture_that_is_too_large_is_not_sent(self, visit: Visit) -> None:
        visit.open("#/add")
        visit.drop(POSTCARD)
        expect(visit.page.locator(".uploads li")).to_contain_text("It has 36.0 KB; the limit here is 20.0 KB.")
        assert not [one for one in visit.asked("/v1/images") if one.method == "PUT"]


class TestOfASmallServerWithABucket:
    """As functions are: 4.5 MB a request, and what is larger goes past them."""

    @pytest.fixture
    def settings(self, place: Host) -> WebSettings:
        return WebSettings(
            max_body=20_000,
            picture_origins=(place.url.rstrip("/"),),
            tokens=Tokens(anonymous=frozenset({"read", "write"})),
        )

    @pytest.fixture
    def bucket(self, place: Host, visit: Visit) -> Bucket:
        place.app = service_of(visit.service.app).uploads = bucket = Bucket(place.url)
        visit.elsewhere.append(bucket.url)
        visit.expected.append("404")  # a picture is asked for until it is there
        return bucket

    def test_a_large_picture_is_put_into_it_and_waited_for(self, visit: Visit, bucket: Bucket) -> None:
        later: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        bucket.indexed = lambda key, data: later.put((key, data))
        visit.open("#/add")
        visit.page.get_by_label("Keys begin with").fill("cards/")
        state = visit.page.locator(".uploads .state")
        # the page gives up after a minute, which passes when it is told to
        with visit.standing_clock() as pass_milliseconds:
            visit.drop(POSTCARD)
            expect(state).to_have_text("processing")
            key, data = later.get(timeout=PATIENCE)
            assert bucket.put["cards/postcard.jpg"][0] == POSTCARD.read_bytes()
            headers = bucket.put["cards/postcard.jpg"][1]
            assert headers["x-amz-meta-of"] == "a-page", "what the address wants to be sent along"
            assert "authorization" not in headers, "a token is for the service alone"
            visit.service.index.add(key, data)
            while state.inner_text() != "added":
                pass_milliseconds(1000)
        expect(visit.page.locator(".uploads li")).to_contain_text("400 × ")
        visit.page.get_by_role("link", name="Find similar").click()
        visit.answered()

    def test_one_that_is_there_is_replaced_or_left_alone(self, visit: Visit, bucket: Bucket) -> None:
        bucket.indexed = visit.service.index.add
        before = visit.service.index.add("postcard.jpg", CAT).sha256.hex()
        visit.open("#/add")
        state = visit.page.locator(".uploads .state").first
        visit.page.get_by_label("Keep existing images").check()
        visit.drop(POSTCARD)
        expect(state).to_have_text("kept")
        assert visit.service.index.get("postcard.jpg").image.sha256 == before
        assert not bucket.put
        visit.page.get_by_label("Keep existing images").uncheck()
        visit.drop(POSTCARD)
        expect(state).to_have_text("replaced")
        assert visit.service.index.get("postcard.jpg").image.sha256 != before

    @pytest.mark.usefixtures("bucket")
    def test_what_is_never_indexed_is_not_called_added(self, visit: Visit) -> None:
        visit.open("#/add")
        visit.page.clock.install()
        visit.drop(POSTCARD)
        state = visit.page.locator(".uploads .state")
        while state.inner_text() != "sent":
            visit.page.clock.run_for(4000)
        expect(visit.page.locator(".uploads li")).to_contain_text("unless it is not a picture")
        expect(visit.page.locator(".upload .summary")).to_have_text("1 sent")
        expect(visit.page.get_by_role("link", name="Find similar")).to_have_count(0)

    def test_one_that_is_too_large_for_the_index_is_not_sent(self, visit: Visit, bucket: Bucket) -> None:
        bucket.max_bytes = 30_000
        visit.open("#/add")
        visit.drop(POSTCARD)
        expect(visit.page.locator(".uploads li")).to_contain_text("It has 36.0 KB; the limit here is 30.0 KB.")
        assert not list(visit.asked("/v1/uploads"))
        assert not bucket.put
