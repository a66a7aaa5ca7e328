"""Keys in paths, through each gateway: an HTTP API decodes what it is sent, a function's own address does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest

from functions.aws.paths import path_of, with_path
from tests.functions.stage import event

KEYS = [
    "cat.jpg",
    "zoo/cat.jpg",
    "a b.jpg",
    "a+b.jpg",
    "a%20b.jpg",
    "a%2Fb.jpg",
    "100%.jpg",
    "100%",
    "%",
    "%%41",
    "50%-60%.jpg",
    "%zz.jpg",
    "ü.jpg",
    "кот/猫.jpg",
    "😺.jpg",
    "x//y.jpg",
    "x///y",
    "./a.jpg",
    "../a.jpg",
    "a/../b.jpg",
    ".hidden",
    "folder/",
    "#1.jpg",
    "a;b=c,d&e.jpg",
    "a'b\"c.jpg",
    "a\\b.jpg",
    "a\tb.jpg",
    "a\0b.jpg",
    "content",
    "thumbnail",
]
"""Keys that S3 allows, and that somebody has."""

QUESTION_MARKS = ["a?b.jpg", "?"]
MISTAKEN = ["a%25b.jpg", "a%2520b.jpg"]


def by_function_address(path: str) -> dict[str, Any]:
    """The event of a function's own address, whose path is as it was sent."""
    asked = with_path(event("http_get"), path)  # type: ignore[arg-type]
    asked["requestContext"]["domainName"] = "abcdefghij.lambda-url.eu-central-1.on.aws"
    return asked  # type: ignore[return-value]


def by_http_api(path: str) -> dict[str, Any]:
    """The event of an HTTP API as it was observed: all is decoded, and cut at a question mark that was encoded."""
    return with_path(event("http_get"), unquote(path).partition("?")[0])  # type: ignore[arg-type, return-value]


def by_localstack(path: str) -> dict[str, Any]:
    """The event of a function's own address in LocalStack, which decodes the path as an HTTP API does."""
    asked = by_http_api(path)
    asked["requestContext"]["domainName"] = "abcdefghij.lambda-url.us-east-1.localhost.localstack.cloud:4566"
    return asked


def by_careful_http_api(path: str) -> dict[str, Any]:
    """The event of an HTTP API as MiniStack has it: all but the percent sign is decoded."""
    return with_path(event("http_get"), "%25".join(map(unquote, path.split("%25"))))  # type: ignore[arg-type, return-value]


GATEWAYS = [by_function_address, by_http_api, by_localstack, by_careful_http_api]

Gateway = Callable[[str], dict[str, Any]]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_path_is_decoded_once(gateway: Gateway, key: str) -> None:
    asked = gateway(f"/v1/images/{quote(key, safe='')}")
    assert path_of(asked) == f"/v1/images/{key}"  # type: ignore[arg-type]


@pytest.mark.parametrize("key", QUESTION_MARKS)
@pytest.mark.parametrize("gateway", [by_function_address, by_careful_http_api])
def test_a_question_mark_in_a_key_stays_where_the_gateway_lets_it(gateway: Gateway, key: str) -> None:
    asked = gateway(f"/v1/images/{quote(key, safe='')}")
    assert path_of(asked) == f"/v1/images/{key}"  # type: ignore[arg-type]


def test_what_an_http_api_has_cut_off_or_made_the_same_cannot_be_told() -> None:
    """So such keys go into the query, as in the page: tests/functions/test_api.py."""
    cut = by_http_api("/v1/images/a%3Fb.jpg")
    assert path_of(cut) == "/v1/images/a"  # type: ignore[arg-type]
    for key in MISTAKEN:
        path = f"/v1/images/{quote(key)}"
        assert path_of(by_function_address(path)) == f"/v1/images/{key}"  # type: ignore[arg-type]
        assert path_of(by_http_api(path)) == f"/v1/images/{key}".replace("%25", "%")  # type: ignore[arg-type]


@pytest.mark.parametrize("end", ["eu-central-1.on.aws", "cn-north-1.on.amazonwebservices.com.cn"])
def test_a_functions_own_address_is_known_by_its_host(end: str) -> None:
    asked = by_function_address("/v1/images/a%2520b")
    asked["requestContext"]["domainName"] = f"abcdefghij.lambda-url.{end}"
    assert path_of(asked) == "/v1/images/a%20b"  # type: ignore[arg-type]


def test_an_event_without_a_host_is_of_an_http_api() -> None:
    asked = by_http_api("/v1/images/a%2520b")
    del asked["requestContext"]["domainName"]
    assert path_of(asked) == "/v1/images/a%20b"  # type: ignore[arg-type]


def test_an_event_is_left_as_it_was() -> None:
    before = event("http_get")
    after = with_path(before, "/new")  # type: ignore[arg-type]
    assert before == event("http_get")
    assert (after["rawPath"], after["requestContext"]["http"]["path"]) == ("/new", "/new")
    assert after["requestContext"]["requestId"] == before["requestContext"]["requestId"]
