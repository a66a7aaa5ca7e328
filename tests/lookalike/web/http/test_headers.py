"""Headers of every answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from anyio.from_thread import BlockingPortal

from lookalike import Index
from lookalike.web import WebSettings, create_app
from tests.lookalike.web.conftest import Client
from tests.lookalike.web.unhurried import unhurried


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/v1/stats", "/v1/images/none", "/count", "/nowhere", "/openapi.json", "/page/x/y"]
)
def test_no_answer_is_taken_for_something_else_or_embedded_elsewhere(fresh: Client, path: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        headers = fresh.request(method, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_nor_is_a_mistake_of_ours(fresh: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh.service.index, "stats", None)
    answer = fresh.get("/v1/stats")
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_who_lets_other_origins_in_lets_them_embed(index: Index, portal: BlockingPortal) -> None:
    settings = replace(unhurried(WebSettings()), cors_origins=("https://a.example",))
    client = Client(create_app(index, settings), portal)
    assert client.get("/healthz").headers["cross-origin-resource-policy"] == "cross-origin"
