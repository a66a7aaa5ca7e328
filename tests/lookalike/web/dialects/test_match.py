"""The Match dialect: what its clients send is understood, and every answer is in its envelope."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from lookalike import Index
from lookalike.web import WebSettings
from lookalike.web.dialects.match import HITS
from lookalike.web.http.access import Tokens
from tests.lookalike.web.conftest import CAT, RACCOON, Client, Elsewhere
from tests.lookalike.web.fields import Sent, sent
from tests.tiers import scaled

CAT_URL = "https://example.org/cat.jpg"


@pytest.fixture
def index(index: Index) -> Index:
    index.add("zoo/cat.jpg", CAT, {"album": "zoo"})
    index.add("zoo/raccoon.jpg", RACCOON)
    return index


@pytest.fixture
def elsewhere(elsewhere: Elsewhere) -> Elsewhere:
    elsewhere.pictures[CAT_URL] = CAT
    return elsewhere


def ok(response: httpx.Response, method: str) -> list[Any]:
    """The result."""
    assert response.status_code == 200, response.text
    document = response.json()
    assert document == {"status": "ok", "error": [], "method": method, "result": document["result"]}
    assert isinstance(document["result"], list)
    return document["result"]


def fail(response: httpx.Response, method: str, status: int = 400) -> str:
    """Return the message that a Match client gets."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document == {"status": "fail", "error": document["error"], "method": method, "result": []}
    assert document["error"]
    return " ".join(document["error"])


def edited(data: bytes, *, invert: bool = False, angle: int = 0) -> bytes:
    image = Image.open(io.BytesIO(data)).convert("RGB").rotate(angle, expand=True)
    file = io.BytesIO()
    (ImageOps.invert(image) if invert else image).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "question",
    [
        {"files": {"image": ("a.jpg", CAT)}},
        {"data": {"url": CAT_URL}},
        {"json": {"url": CAT_URL}},
        {"json": {"image": base64.b64encode(CAT).decode()}},
        {"files": {"image": ("a.jpg", CAT)}, "data": {"all_orientations": "false"}},
    ],
)
def test_a_picture_is_found_however_it_is_sent(client: Client, question: dict[str, Any]) -> None:
    [hit] = ok(client.post("/search", **question), "search")
    assert hit == {"score": pytest.approx(100.0), "filepath": "zoo/cat.jpg", "metadata": {"album": "zoo"}}


@pytest.mark.parametrize("change", [{"angle": 90}, {"invert": True}, {"angle": 180, "invert": True}])
def test_turned_and_inverted_copies_are_found_unless_that_is_switched_off(
    client: Client, change: dict[str, Any]
) -> None:
    files = {"image": ("a.png", edited(CAT, **change))}
    [hit] = ok(client.post("/search", files=files), "search")
    assert hit["filepath"] == "zoo/cat.jpg"
    assert ok(client.post("/search", files=files, data={"all_orientations": "false"}), "search") == []


def test_what_scores_55_or_less_is_no_hit(client: Client, index: Index) -> None:
    index.add("flat.png", _flat())
    assert [hit["filepath"] for hit in ok(client.post("/search", files={"image": ("a", RACCOON)}), "search")] == [
        "zoo/raccoon.jpg"
    ]
    assert ok(client.post("/search", files={"image": ("a.png", _flat())}), "search") == []


def _flat() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (50, 50), "teal").save(file, "PNG")
    return file.getvalue()


def test_at_most_a_hundred_are_answered(client: Client, index: Index) -> None:
    record = index.sign("copy", CAT)
    index.write([index.sign(f"copies/{n}.jpg", CAT) for n in range(3)])
    index.write([type(record)(f"many/{n}.jpg", index.next_order(), rows=record.rows) for n in range(HITS)])
    found = ok(client.post("/search", files={"image": ("a", CAT)}), "search")
    assert len(found) == HITS


def test_adding_a_filepath_again_replaces_exactly_that_image(client: Client, index: Index) -> None:
    assert ok(client.post("/add", files={"image": ("a", RACCOON)}, data={"filepath": "zoo/cat.jpg"}), "add") == []
    assert index.count() == 2
    stored = index.get("zoo/cat.jpg")
    assert stored.signatures == index.get("zoo/raccoon.jpg").signatures
    assert stored.image.meta == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"metadata": '{"album": "farm", "n": 1}'}, "files": {"image": ("a", CAT)}},
        {"data": {"metadata": '{"album": "farm", "n": 1}', "url": CAT_URL}},
        {"json": {"metadata": {"album": "farm", "n": 1}, "url": CAT_URL}},
    ],
)
def test_metadata_is_kept(client: Client, index: Index, fields: dict[str, Any]) -> None:
    for part in ("data", "json"):
        if part in fields:
            fields = fields | {part: fields[part] | {"filepath": "new.jpg"}}
    assert ok(client.post("/add", **fields), "add") == []
    assert index.get("new.jpg").image.meta == {"album": "farm", "n": 1}


@pytest.mark.parametrize("metadata", ["[1]", "text", "{", '"x"', '{"a": NaN}', '{"a": "' + "x" * 70_000 + '"}'])
def test_metadata_that_is_no_small_object_is_refused(client: Client, index: Index, metadata: str) -> None:
    data = {"filepath": "new.jpg", "url": CAT_URL, "metadata": metadata}
    assert "metadata" in fail(client.post("/add", data=data), "add")
    assert not index.has(["new.jpg"])


@pytest.mark.parametrize("filepath", ["", "x" * 1025, "é" * 600])
def test_filepaths_that_are_no_keys_are_refused_before_anything_is_fetched(
    client: Client, elsewhere: Elsewhere, filepath: str
) -> None:
    fail(client.post("/add", data={"filepath": filepath, "url": CAT_URL}), "add")
    assert elsewhere.asked == []


@pytest.mark.parametrize("place", ["data", "json", "params"])
def test_a_filepath_to_delete_may_be_in_form_json_or_query(client: Client, index: Index, place: str) -> None:
    for _ in range(2):
        assert ok(client.request("DELETE", "/delete", **{place: {"filepath": "zoo/cat.jpg"}}), "delete") == []
    assert not index.has(["zoo/cat.jpg"])
    assert ok(client.get("/count"), "count") == [1]


def test_two_pictures_are_compared(client: Client, index: Index) -> None:
    [same] = ok(client.post("/compare", files={"image1": ("a", CAT), "image2": ("b", CAT)}), "compare")
    assert same == {"score": pytest.approx(100.0)}
    [other] = ok(client.post("/compare", files={"image1": ("a", RACCOON)}, data={"url2": CAT_URL}), "compare")
    expected = {score.family: score.score for score in index.compare(RACCOON, CAT)}["goldberg"]
    assert other == {"score": pytest.approx(expected)}
    [blank] = ok(client.post("/compare", files={"image1": ("a", _flat()), "image2": ("b", _flat())}), "compare")
    assert blank == {"score": 0.0}


def test_pages_of_paths_together_are_all_of_them_once(client: Client, index: Index) -> None:
    record = index.sign("copy", CAT)
    index.write([type(record)(f"{n}.jpg", index.next_order(), rows=record.rows) for n in range(48)])
    pages = [ok(client.get("/list", params={"offset": offset}), "list") for offset in (0, 20, 40, 60)]
    assert [len(page) for page in pages] == [20, 20, 10, 0]
    assert sorted(path for page in pages for path in page) == sorted(image.key for image in index.list())
    assert ok(client.post("/list", data={"offset": 20}), "list") == pages[1]
    assert ok(client.post("/list", json={"offset": 5, "limit": 0}), "list") == []


@pytest.mark.parametrize("fields", [{"offset": "-1"}, {"limit": "-1"}, {"limit": "x"}, {"limit": "10001"}])
def test_pages_that_are_none_are_refused(client: Client, fields: dict[str, str]) -> None:
    assert next(iter(fields)) in fail(client.get("/list", params=fields), "list")
    assert next(iter(fields)) in fail(client.post("/list", data=fields), "list")


def test_what_is_missing_or_no_picture_is_named(client: Client) -> None:
    assert "filepath" in fail(client.post("/add", files={"image": ("a", CAT)}), "add")
    assert "image" in fail(client.post("/add", data={"filepath": "new.jpg"}), "add")
    assert "image" in fail(client.post("/search"), "search")
    assert "image2" in fail(client.post("/compare", files={"image1": ("a", CAT)}), "compare")
    assert "filepath" in fail(client.delete("/delete"), "delete")
    fail(client.post("/search", files={"image": ("a", CAT[:1000])}), "search")
    fail(client.post("/search", json={"image": "no base64!"}), "search")
    fail(client.post("/search", json={"image": 5}), "search")
    fail(client.post("/search", json={"url": [CAT_URL]}), "search")
    fail(client.post("/search", files={"image": ("a", CAT)}, data={"all_orientations": "perhaps"}), "search")


@pytest.mark.parametrize("field", ["filepath", "url", "image", "metadata", "all_orientations"])
@pytest.mark.parametrize("value", [r'"\ud800"', r'{"a": "\udfff"}', r'"\u0000"', "1e999", "-0.0", "[[[[1]]]]"])
def test_values_that_are_no_text_of_any_encoding_are_refused(client: Client, field: str, value: str) -> None:
    texts = {"filepath": '"new.jpg"', "url": f'"{CAT_URL}"'} | {field: value}
    body = "{" + ", ".join(f'"{name}": {text}' for name, text in texts.items()) + "}"
    response = client.post("/add", content=body, headers={"Content-Type": "application/json"})
    if response.status_code == 502:
        fail(response, "add", 502)  # an address, but of nothing
    elif response.status_code == 200:
        ok(response, "add")  # a field that is not looked at
    else:
        fail(response, "add")


def test_half_of_a_surrogate_pair_is_no_text(client: Client) -> None:
    for body in (rb'{"url": "http://a.example/\ud800"}', rb'{"\udfff": 1}'):
        assert "JSON" in fail(client.post("/search", content=body), "search")
    fail(client.post("/add", content=rb'{"filepath": "a", "metadata": {"a": "\ud800"}, "url": "x"}'), "add")
    form = b'--b\r\nContent-Disposition: form-data; name="url"\r\n\r\nhttp://a.example/\\ud800\r\n--b--\r\n'
    media_type = "multipart/form-data; boundary=b; charset=unicode_escape"
    answer = client.post("/search", content=form, headers={"Content-Type": media_type})
    assert r"a.example/\ud800 answered" in fail(answer, "search", 502), "it is text that only looks like one"


def test_an_address_that_gives_no_picture_is_a_fault_of_that_address(client: Client) -> None:
    fail(client.post("/search", data={"url": "https://example.org/gone.jpg"}), "search", 502)


def test_paths_and_methods_that_are_not_there_are_told_alike(client: Client) -> None:
    response = client.get("/add")
    fail(response, "add", 405)
    assert response.headers["allow"] == "POST"
    fail(client.post("/delete"), "delete", 405)
    fail(client.get("/list/more"), "list", 404)


def test_a_dialect_without_its_family_says_so_and_does_the_rest(client: Client) -> None:
    client.service.index = Index.create("memory://", families=["dhash"])
    files = {"image": ("a", CAT), "image1": ("a", CAT), "image2": ("b", CAT)}
    for method in ("add", "search", "compare"):
        assert "goldberg" in fail(client.post(f"/{method}", files=files, data={"filepath": "a"}), method)
    assert ok(client.get("/count"), "count") == [0]
    assert ok(client.get("/list"), "list") == []
    assert ok(client.get("/ping"), "ping") == []


class TestWithTokens:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(tokens=Tokens.parse("reading-reading-reading read"))

    def test_scopes_count_here_too(self, client: Client) -> None:
        headers = {"Authorization": "Bearer reading-reading-reading"}
        fail(client.get("/ping"), "ping", 401)
        assert ok(client.get("/ping", headers=headers), "ping") == []
        fail(client.request("DELETE", "/delete", params={"filepath": "a"}, headers=headers), "delete", 403)


PATHS = st.sampled_from(["/add", "/delete", "/search", "/compare", "/count", "/list", "/ping"])
NAMES = st.sampled_from(
    ["url", "image", "filepath", "metadata", "all_orientations", "image1", "url1", "image2", "url2", "offset", "limit"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=scaled(150))
@given(PATHS, sent(NAMES))
def test_whatever_is_sent_is_answered_in_the_envelope(client: Client, path: str, request: Sent) -> None:
    response = request.to(client, path)
    if response.status_code == 200:
        ok(response, path[1:])
    else:
        assert response.status_code < 500 or response.status_code == 502, response.text
        fail(response, path[1:], response.status_code)
