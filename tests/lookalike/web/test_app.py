"""The app as a whole: its middleware, and the parts that settings leave out."""

from __future__ import annotations

import pytest

from lookalike import Index
from lookalike.web import WebSettings, create_app
from lookalike.web.dependencies import service_of
from lookalike.web.http.access import Tokens
from tests.lookalike.web.conftest import CAT, Client, problem

ORIGIN = "https://gallery.example"


class TestForAnotherPage:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(cors_origins=(ORIGIN,), tokens=Tokens.parse("a-token-of-gallery read"))

    def test_a_browser_is_told_that_it_may_send_a_token(self, client: Client) -> None:
        wanted = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization,if-none-match",
        }
        allowed = client.request("OPTIONS", "/v1/images/a", headers=wanted)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == ORIGIN
        assert "PUT" in allowed.headers["access-control-allow-methods"]
        refused = client.request("OPTIONS", "/v1/images/a", headers={**wanted, "Origin": "https://other.example"})
        assert "access-control-allow-origin" not in refused.headers

    def test_a_refusal_can_be_read_by_that_page_too(self, client: Client) -> None:
        refused = client.get("/v1/stats", headers={"Origin": ORIGIN})
        assert (refused.status_code, problem(refused)["code"]) == (401, "token-missing")
        assert refused.headers["access-control-allow-origin"] == ORIGIN


class TestOfSmallRequests:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(max_body=1000, page=False)

    def test_a_body_over_the_limit_is_refused_with_advice(self, client: Client) -> None:
        refused = client.put("/v1/images/cat", content=CAT)
        assert (refused.status_code, problem(refused)["code"]) == (413, "body-too-large")
        assert "/v1/uploads" in problem(refused)["help"]

    def test_without_the_page_there_is_nothing_at_its_address(self, client: Client) -> None:
        assert problem(client.get("/"))["code"] == "not-found"


def test_the_page_is_there_for_people(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert client.request("HEAD", "/").status_code == 200


def test_what_is_done_is_counted(fresh: Client) -> None:
    fresh.put("/v1/images/cat", content=CAT)
    fresh.put("/v1/images/cat", content=CAT)
    fresh.post("/v1/images", files=[("file", ("a", CAT)), ("file", ("b", b"no"))])
    fresh.post("/v1/search", json={"key": ["cat", "a"], "family": "phash"})
    fresh.delete("/v1/images/a")
    numbers = fresh.get("/metrics").text.splitlines()
    for line in (
        'lookalike_image_changes_total{change="added"} 2.0',
        'lookalike_image_changes_total{change="replaced"} 1.0',
        'lookalike_image_changes_total{change="removed"} 1.0',
        'lookalike_questions_total{family="phash"} 2.0',
        "lookalike_signing_duration_seconds_count 3.0",
        'lookalike_signing_failures_total{reason="not_an_image"} 1.0',
        'lookalike_requests_total{method="PUT",route="/v1/images/{key}",status="201"} 1.0',
        "lookalike_images 1.0",
    ):
        assert line in numbers, line


def test_a_page_of_another_site_may_not_ask(client: Client) -> None:
    refused = client.get("/v1/stats", headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
    assert (refused.status_code, problem(refused)["code"]) == (403, "cross-site")
    rebound = client.get("/v1/stats", headers={"Host": "evil.example"})
    assert (rebound.status_code, problem(rebound)["code"]) == (403, "host-refused")


def test_an_app_needs_nothing_but_an_index(portal: object) -> None:
    app = create_app(Index.create("memory://"))
    assert service_of(app).settings == WebSettings()
    service_of(app).pool.close()
