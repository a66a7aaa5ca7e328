"""Whatever a body is, and whatever it says it is: it is answered, and never with a mistake of ours."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lookalike.web.conftest import CAT, Client, problem
from tests.tiers import scaled

MEDIA_TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "application/problem+json",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=nope",
    "image/jpeg",
    "multipart/form-data",
    "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=b; charset=nope",
    "multipart/form-data; boundary=b; charset=utf-16",
    "text/plain",
    "",
)

NAMES = ("file", "key", "url", "signature", "image", "meta", "keys", "images", "limit", "filter", "a", "b", "x", "")

VALUES = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"{}", b"[]", b"null", b"NaN", b'{"a":{"b":1}}', b"cat", b"\xff\xfe"])
)

PARTS = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(["", '; filename=""', '; filename="a.jpg"', "; filename*=utf-8''%ff"]),
    st.sampled_from(["", "Content-Type: text/plain; charset=nope\r\n", "Content-Transfer-Encoding: base64\r\n"]),
    VALUES,
)

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
)


def form(parts: list[tuple[str, str, str, bytes]]) -> bytes:
    body = b""
    for name, file_name, headers, value in parts:
        said = f'--b\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\n{headers}\r\n'
        body += said.encode() + value + b"\r\n"
    return body + b"--b--\r\n"


BODIES = st.one_of(
    st.binary(max_size=200), st.lists(PARTS, max_size=5).map(form), DOCUMENTS.map(json.dumps).map(str.encode)
)

ROUTES = (
    ("PUT", "/v1/images/x"),
    ("POST", "/v1/images"),
    ("POST", "/v1/search"),
    ("POST", "/v1/compare"),
    ("POST", "/v1/uploads"),
)


@given(route=st.sampled_from(ROUTES), media_type=st.sampled_from(MEDIA_TYPES), body=BODIES)
@settings(max_examples=scaled(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_is_answered(client: Client, route: tuple[str, str], media_type: str, body: bytes) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    response = client.request(*route, content=body, headers=headers)
    if response.status_code >= 400:
        # 502: what stands in for other sites has no picture at any address
        assert problem(response)["status"] in (400, 404, 413, 415, 422, 502)


LARGE = 2 << 20
"""Bytes of a document that is too large for one without pictures."""


@pytest.mark.parametrize(
    "path", ["/v1/search", "/v1/images", "/v1/compare", "/v1/uploads", "/query", "/search", "/add"]
)
@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"&" * LARGE),
        ("application/json", b'{"key": [' + b'"",' * (LARGE // 3) + b'""]}'),
        ("application/json", b"{" + b",".join(b'"%d": 1' % i for i in range(LARGE // 10)) + b"}"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * LARGE),
    ],
    ids=["form", "list", "names", "field"],
)
def test_text_is_small(client: Client, path: str, media_type: str, body: bytes) -> None:
    response = client.post(path, content=body, headers={"Content-Type": media_type})
    assert response.status_code == 413, response.text


def test_a_document_may_be_large_for_its_pictures(client: Client) -> None:
    picture = base64.b64encode(CAT + bytes(LARGE)).decode()
    answer = client.post("/v1/search", json={"image": [picture, picture], "limit": 1})
    assert [len(item["hits"]) for item in answer.json()["answers"]] == [0, 0]
    key = client.post("/v1/search", json={"key": picture})
    assert (key.status_code, problem(key)["code"]) == (422, "validation")


def test_the_first_unknown_field_ends_the_reading(client: Client) -> None:
    names = {f"field{i}": i for i in range(50_000)}
    for path, document in (("/v1/search", names), ("/v1/compare", {"a": names, "b": {"key": "x"}})):
        refusal = problem(client.post(path, json=document))
        assert refusal["detail"] == "field0: there is no such field"
