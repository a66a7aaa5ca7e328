"""Pages of other sites cannot make a browser send anything to a service without tokens."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse

from lookalike.web.http.access import Tokens
from lookalike.web.http.guard import Guard
from lookalike.web.settings import WebSettings

OPEN = WebSettings()
GUARDED = WebSettings(tokens=Tokens.parse("a-token-that-only-tests-know admin"))
EVIL = "https://evil.example"


def ask(
    headers: dict[str, str], method: str = "GET", path: str = "/v1/stats", settings: WebSettings = OPEN
) -> httpx.Response:
    """The answer of a guarded app that has one for everything."""
    refused: list[str] = []
    app = Guard(
        CORSMiddleware(PlainTextResponse("here"), allow_origins=settings.cors_origins, allow_methods=["PUT"]),
        origins=settings.cors_origins,
        checks_site=settings.tokens.is_open,
        checks_host=settings.checks_host,
        refused=refused.append,
    )

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
            return await client.request(method, path, headers=headers)

    answer = asyncio.run(send())
    assert refused == ([answer.json()["code"]] if answer.status_code == 403 else [])
    return answer


def code(answer: httpx.Response) -> Any:
    return answer.json()["code"] if answer.status_code == 403 else answer.status_code


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "localhost.", "app.localhost", "[::1]:8000"],
)
def test_the_names_of_the_machine_itself_are_answered(host: str) -> None:
    assert ask({"Host": host}).text == "here"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "[::",
        "",
        "::1",
    ],
)
def test_a_page_that_points_its_own_name_here_is_refused(host: str) -> None:
    assert code(ask({"Host": host, "Sec-Fetch-Site": "same-origin"})) == "host-refused"


def test_behind_a_proxy_the_check_of_names_can_be_left_out() -> None:
    proxied = WebSettings(host_check=False)
    assert code(ask({"Host": "pictures.example"}, settings=proxied)) == 200
    assert code(ask({"Host": "pictures.example", "Origin": EVIL}, settings=proxied)) == "cross-site"


def test_with_tokens_any_name_is_answered_unless_it_is_to_be_checked() -> None:
    assert code(ask({"Host": "pictures.example"}, settings=GUARDED)) == 200
    checked = WebSettings(tokens=GUARDED.tokens, host_check=True)
    assert code(ask({"Host": "pictures.example"}, settings=checked)) == "host-refused"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},  # another server of this machine is another site
        {"Origin": "http://localhost:8000"},  # and its other name another origin
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"},
    ],
)
def test_what_other_pages_send_is_refused(method: str, headers: dict[str, str]) -> None:
    assert code(ask(headers, method)) == "cross-site"


@pytest.mark.parametrize(
    "headers",
    [
        {},  # curl
        {"Sec-Fetch-Site": "none"},  # typed by the user
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"},
        {"Origin": "http://127.0.0.1:8000"},  # an older browser
    ],
)
def test_our_own_page_and_programs_may_do_everything(headers: dict[str, str]) -> None:
    assert code(ask(headers, "DELETE")) == 200


NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def test_a_link_to_the_page_may_be_followed_but_not_a_link_to_anything_else() -> None:
    assert code(ask(NAVIGATION, path="/")) == 200
    assert code(ask(NAVIGATION, path="/v1/stats")) == "cross-site"
    assert code(ask(NAVIGATION, "POST", "/")) == "cross-site"


def test_the_page_is_in_no_frame_of_another() -> None:
    assert code(ask({**NAVIGATION, "Sec-Fetch-Dest": "iframe"}, path="/")) == "cross-site"


def test_an_origin_that_is_named_may_ask_and_its_preflight_is_answered() -> None:
    settings = WebSettings(cors_origins=("https://gallery.example",))
    headers = {"Origin": "https://gallery.example", "Sec-Fetch-Site": "cross-site"}
    assert code(ask(headers, "PUT", settings=settings)) == 200
    preflight = ask({**headers, "Access-Control-Request-Method": "PUT"}, "OPTIONS", settings=settings)
    assert preflight.headers["access-control-allow-origin"] == "https://gallery.example"
    assert (
        code(ask({"Origin": EVIL, "Access-Control-Request-Method": "PUT"}, "OPTIONS", settings=settings))
        == "cross-site"
    )


def test_with_tokens_no_page_has_one_so_none_is_refused() -> None:
    assert code(ask({"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}, settings=GUARDED)) == 200
