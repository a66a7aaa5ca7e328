"""`/v1/images`: images come, are looked up and listed, and go."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from lookalike import Index
from lookalike.web.http.routing import KeysInPaths
from shards.errors import Conflict, Undecided
from tests.lookalike.web.conftest import CAT, RACCOON, Client, Clock, Elsewhere, add, problem
from tests.tiers import scaled


def path(key: str) -> str:
    return f"/v1/images/{quote(key, safe='')}"


@pytest.mark.parametrize(
    "sent",
    [
        {"content": CAT, "headers": {"Content-Type": "image/jpeg"}, "params": {"meta": '{"album": "zoo"}'}},
        {"content": CAT, "params": {"meta": '{"album": "zoo"}'}},
        {
            "content": CAT,
            "headers": {"Content-Type": "application/octet-stream"},
            "params": {"meta": '{"album":"zoo"}'},
        },
        {"files": {"file": ("x.jpg", CAT)}, "data": {"meta": '{"album": "zoo"}'}},
        {"json": {"image": base64.b64encode(CAT).decode(), "meta": {"album": "zoo"}}},
        {"json": {"image": f"data:image/jpeg;base64,{base64.b64encode(CAT).decode()}", "meta": {"album": "zoo"}}},
        {"json": {"url": "https://example.org/cat.jpg", "meta": {"album": "zoo"}}},
    ],
    ids=["body", "no content type", "octets", "form", "base64", "data address", "url"],
)
def test_a_picture_is_put_as_body_form_base64_or_url(
    client: Client, index: Index, elsewhere: Elsewhere, sent: dict[str, Any]
) -> None:
    elsewhere.pictures["https://example.org/cat.jpg"] = CAT
    response = client.put("/v1/images/cat.jpg", **sent)
    assert response.status_code == 201, response.text
    document = response.json()
    signatures = document.pop("signatures")
    assert document == {
        "key": "cat.jpg",
        "width": 451,
        "height": 300,
        "sha256": sha256(CAT).hexdigest(),
        "added": "2027-01-15T08:00:00.000Z",
        "meta": {"album": "zoo"},
        "source": {},
        "replaced": False,
    }
    assert signatures == index.get("cat.jpg").signatures
    assert index.search(CAT).hits[0].score == 100
    assert index.thumbnail(index.get("cat.jpg").image) is not None


def test_what_is_known_of_an_image_is_what_was_answered_when_it_was_put(client: Client) -> None:
    put = client.put("/v1/images/cat", content=CAT, params={"meta": '{"a": [1, 2.5, null]}'}).json()
    got = client.get("/v1/images/cat")
    assert got.status_code == 200
    assert {**got.json(), "replaced": False} == put
    assert got.headers["cache-control"] == "no-store"


def test_a_second_put_replaces(client: Client, index: Index) -> None:
    client.put("/v1/images/cat", content=CAT, params={"meta": '{"a": 1}'})
    again = client.put("/v1/images/cat", content=RACCOON)
    assert again.status_code == 200
    assert again.json()["replaced"] is True
    assert again.json()["meta"] == {}
    assert index.count() == 1


def test_if_none_match_keeps_the_image_that_is_there(client: Client, index: Index) -> None:
    only_new = {"If-None-Match": "*"}
    assert client.put("/v1/images/cat", content=CAT, headers=only_new).status_code == 201
    refused = client.put("/v1/images/cat", content=RACCOON, headers=only_new)
    assert refused.status_code == 412
    assert problem(refused)["code"] == "key-exists"
    assert index.get("cat").image.sha256 == sha256(CAT).hexdigest()
    other = client.put("/v1/images/cat", content=RACCOON, headers={"If-None-Match": '"abc"'})
    assert problem(other)["code"] == "validation"


ODD = [
    "a/b/c.jpg",
    "with space",
    "100%",
    "a+b&c=d",
    "what?#why",
    "line\nbreak",
    "tab\tnul\0",
    "кот/猫/😀",
    "https://example.org/cat.jpg?x=1#y",
    "ends/content",
    "ends/thumbnail",
    "content",
    "/",
    "//",
    "%2F",
    "%zz",
    "x" * 1024,
    "a;b,c:d@e!$'()*",
    "back\\slash",
]


@pytest.mark.parametrize("key", ODD)
def test_any_text_is_a_key(client: Client, index: Index, key: str) -> None:
    assert client.put(path(key), content=CAT).status_code == 201
    assert index.get(key).image.key == key
    assert client.get(path(key)).json()["key"] == key
    assert client.get(path(key) + "/thumbnail").headers["content-type"] == "image/webp"
    assert client.delete(path(key)).status_code == 204
    assert index.count() == 0


@given(key=st.text(min_size=1, max_size=60).filter(lambda key: key not in (".", "..")))
@settings(max_examples=scaled(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_key_is_found_under_its_path(client: Client, key: str) -> None:
    answer = client.get(path(key))
    assert answer.status_code == 404
    assert problem(answer)["value"] == (key if len(key) <= 200 else f"{key[:200]}…")
    assert problem(answer)["code"] == "key-not-found"


def test_a_slash_of_a_key_may_stand_as_it_is(client: Client, index: Index) -> None:
    client.put("/v1/images/a/b/c.jpg", content=CAT)
    assert index.get("a/b/c.jpg")
    assert client.get("/v1/images/a%2Fb/c.jpg").status_code == 200
    assert client.get("/v1/images/a/b/c.jpg/thumbnail").status_code == 200


@pytest.mark.parametrize(
    ("where", "status", "code"),
    [
        ("/v1/images/%FF", 422, "validation"),
        (f"/v1/images/{'x' * 1025}", 422, "key-invalid"),
        ("/v1/images/nobody", 404, "key-not-found"),
        ("/v1/images/", 404, "not-found"),
        ("/v1/imagesx", 404, "not-found"),
    ],
)
def test_a_path_that_is_no_image_says_why(client: Client, where: str, status: int, code: str) -> None:
    response = client.get(where)
    assert (response.status_code, problem(response)["code"]) == (status, code)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"content": b""}, 422, "validation"),
        ({"content": CAT[: len(CAT) // 2]}, 422, "picture-truncated"),
        ({"content": b"no picture at all"}, 415, "picture-not-an-image"),
        ({"content": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}, 415, "picture-unsupported"),
        ({"content": CAT, "headers": {"Content-Type": "text/plain"}}, 415, "unsupported-content-type"),
        ({"content": CAT, "params": {"meta": "{"}}, 422, "validation"),
        ({"content": CAT, "params": {"meta": "[]"}}, 422, "validation"),
        ({"content": CAT, "params": {"meta": '{"a": NaN}'}}, 422, "validation"),
        ({"content": CAT, "params": {"mata": "{}"}}, 422, "validation"),
        ({"files": {"file": CAT}, "data": {"meta": json.dumps({"a": "x" * (64 << 10)})}}, 422, "validation"),
        ({"files": {"file": CAT}, "data": {"meta": "1"}}, 422, "validation"),
        ({"files": {"picture": CAT}}, 422, "validation"),
        ({"files": [("file", CAT), ("file", CAT)]}, 422, "validation"),
        ({"files": {"file": CAT}, "data": {"key": "x"}}, 422, "validation"),
        ({"data": {"file": "text"}}, 422, "validation"),
        ({"data": {"url": "https://example.org/gone.jpg"}}, 502, "url-failed"),
        ({"json": {"url": "https://example.org/gone.jpg"}}, 502, "url-failed"),
        ({"json": {"image": "not base64!"}}, 422, "validation"),
        ({"json": {"image": ""}}, 422, "picture-empty"),
        ({"json": {}}, 422, "validation"),
        ({"json": []}, 422, "validation"),
        ({"json": {"image": "AAAA", "url": "https://example.org"}}, 422, "validation"),
        ({"json": {"image": 1}}, 422, "validation"),
        ({"json": {"image": "AAAA", "colour": "red"}}, 422, "validation"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "bad-request"),
        ({"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 400, "bad-request"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad-request"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 400, "bad-request"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_changed(
    client: Client, index: Index, sent: dict[str, Any], status: int, code: str
) -> None:
    response = client.put("/v1/images/cat", **sent)
    assert (response.status_code, problem(response)["code"]) == (status, code), response.text
    assert index.count() == 0


def test_a_deleted_image_is_gone(client: Client, index: Index) -> None:
    client.put("/v1/images/cat", content=CAT)
    deleted = client.delete("/v1/images/cat")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get("/v1/images/cat").status_code == 404
    assert problem(client.delete("/v1/images/cat"))["code"] == "key-not-found"


def test_many_files_are_added_in_one_log_object_and_a_bad_one_fails_alone(client: Client, index: Index) -> None:
    client.put("/v1/images/old", content=CAT)
    before = index.stats().tail
    response = client.post(
        "/v1/images",
        files=[("file", CAT), ("file", b"no"), ("file", RACCOON), ("file", CAT)],
        data={"keys": '["old", "bad", "new", ""]', "meta": '{"new": {"a": 1}}'},
    )
    assert response.status_code == 200
    document = response.json()
    assert (document["added"], document["replaced"], document["failed"]) == (1, 1, 2)
    statuses = [(image["key"], image["status"]) for image in document["images"]]
    assert statuses == [("old", "replaced"), ("bad", "failed"), ("new", "added"), ("", "failed")]
    assert document["images"][1]["error"]["code"] == "picture-not-an-image"
    assert document["images"][3]["error"]["code"] == "key-invalid"
    assert index.stats().tail == before + 1
    assert index.get("new").image.meta == {"a": 1}


def test_keys_may_be_named_beside_the_files(client: Client, index: Index) -> None:
    files = [("file", ("x", CAT)), ("file", ("x", RACCOON))]
    assert client.post("/v1/images", files=files, data={"keys": '["a/1", "a/2"]'}).json()["added"] == 2
    assert index.has(["a/1", "a/2", "x"]) == {"a/1", "a/2"}


def test_of_several_images_of_one_key_the_last_counts(client: Client, index: Index) -> None:
    pictures = [CAT, RACCOON] * 6 + [CAT]
    document = client.post("/v1/images", files=[("file", ("x", data)) for data in pictures]).json()
    assert (document["added"], document["replaced"]) == (1, len(pictures) - 1)
    assert index.get("x").image.sha256 == sha256(CAT).hexdigest()


def test_many_are_added_from_json(client: Client, index: Index, elsewhere: Elsewhere) -> None:
    elsewhere.pictures["https://example.org/raccoon.jpg"] = RACCOON
    images = [
        {"key": "cat", "image": base64.b64encode(CAT).decode(), "meta": {"n": 1}},
        {"key": "raccoon", "url": "https://example.org/raccoon.jpg"},
        {"key": "gone", "url": "https://example.org/gone.jpg"},
        {"key": "neither"},
    ]
    document = client.post("/v1/images", json={"images": images}).json()
    assert [image["status"] for image in document["images"]] == ["added", "added", "failed", "failed"]
    assert [image["error"]["code"] for image in document["images"][2:]] == ["url-failed", "validation"]
    assert index.get("cat").image.meta == {"n": 1}


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"images": []}},
        {"json": {"images": [{"image": "AAAA"}]}},
        {"json": {"images": [{"key": "a", "image": "AAAA"}] * 1001}},
        {"data": {"keys": "[]"}},
        {"files": {"file": CAT}, "data": {"keys": '["a", "b"]'}},
        {"files": {"file": CAT}, "data": {"keys": "[1]"}},
        {"files": {"file": ("a", CAT)}, "data": {"meta": '{"b": {}}'}},
        {"files": {"file": ("a", CAT)}, "data": {"url": "https://example.org"}},
        {"content": CAT},
        {},
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(client: Client, index: Index, sent: dict[str, Any]) -> None:
    response = client.post("/v1/images", **sent)
    assert (response.status_code, problem(response)["code"]) == (422, "validation"), response.text
    assert index.count() == 0


def test_a_listing_is_paged_by_its_cursor_while_images_come_and_go(client: Client) -> None:
    keys = {f"{folder}/{n}" for folder in ("a", "b") for n in range(8)}
    files = [("file", (key, CAT)) for key in sorted(keys)]
    client.post("/v1/images", files=files)
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get("/v1/images", params={"limit": 3} | ({"after": cursor} if cursor else {})).json()
        seen += [image["key"] for image in page["images"]]
        cursor = page["next"]
        if cursor is None:
            break
        # the image that the cursor was made of may go
        client.delete(path(seen[-1]))
    assert sorted(seen) == sorted(keys)
    assert client.get("/v1/images").json() == {"images": client.get("/v1/images").json()["images"], "next": None}


def test_a_listing_is_of_keys_with_a_text_anywhere(
    client: Client, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("zoo/Cat.jpg", "zoo/dog.jpg", "cats/raccoon.jpg", "bird.jpg"):
        add(index, key, CAT)
    listed = client.get("/v1/images", params={"contains": "CAT"}).json()
    assert {image["key"] for image in listed["images"]} == {"zoo/Cat.jpg", "cats/raccoon.jpg"}
    assert listed["next"] is None
    # a page looks at so many keys, and says where the next one begins
    monkeypatch.setattr("lookalike.web.api.images.LOOKED_AT", 1)
    found, after, pages = set(), None, 0
    while pages == 0 or after:
        page = client.get("/v1/images", params={"contains": "cat", **({"after": after} if after else {})}).json()
        found |= {image["key"] for image in page["images"]}
        after, pages = page["next"], pages + 1
    assert (found, pages) == ({"zoo/Cat.jpg", "cats/raccoon.jpg"}, 4)


def test_a_listing_is_of_keys_with_a_prefix(client: Client) -> None:
    client.post("/v1/images", files=[("file", (key, CAT)) for key in ("a/1", "a/2", "b/1")])
    page = client.get("/v1/images", params={"prefix": "a/"}).json()
    assert sorted(image["key"] for image in page["images"]) == ["a/1", "a/2"]
    assert client.get("/v1/images", params={"prefix": "c"}).json() == {"images": [], "next": None}


def test_a_listing_is_of_images_with_some_metadata(client: Client) -> None:
    files = [("file", (f"{n}", CAT)) for n in range(6)]
    client.post("/v1/images", files=files, data={"meta": json.dumps({f"{n}": {"n": n} for n in range(6)})})
    parameters: dict[str, Any] = {"filter": '{"n": {"$gte": 2, "$ne": 4}}', "limit": 2}
    first = client.get("/v1/images", params=parameters).json()
    rest = client.get("/v1/images", params=parameters | {"after": first["next"]}).json()
    assert sorted(image["meta"]["n"] for image in first["images"] + rest["images"]) == [2, 3, 5]
    assert rest["next"] is None
    refused = client.get("/v1/images", params={"filter": '{"n": {"$near": 2}}'})
    assert (refused.status_code, problem(refused)["code"]) == (422, "query-invalid")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "after=%25", "after=w", "after=/w", "page=2", "filter=1", "filter={"]
)
def test_a_listing_that_makes_no_sense_is_refused(client: Client, query: str) -> None:
    response = client.get(f"/v1/images?{query}")
    assert (response.status_code, problem(response)["code"]) == (422, "validation"), response.text


def test_adding_waits_while_the_tail_is_long_and_the_tail_is_asked_once_a_second(
    client: Client, index: Index, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressure = (257, 1000)
    asked = []

    def tail(self: Index) -> tuple[int, int]:
        asked.append(clock.now)
        return pressure

    monkeypatch.setattr(Index, "pressure", tail)
    for request in (
        lambda: client.put("/v1/images/cat", content=CAT),
        lambda: client.post("/v1/images", files={"file": ("cat", CAT)}),
        lambda: client.delete("/v1/images/cat"),
    ):
        refused = request()
        assert refused.status_code == 429
        assert problem(refused)["code"] == "tail-too-long"
        assert int(refused.headers["retry-after"]) > 0
    assert len(asked) == 1
    clock.now += 0.9
    pressure = (256, 32 << 20)
    assert client.put("/v1/images/cat", content=CAT).status_code == 429
    clock.now += 0.1
    assert client.put("/v1/images/cat", content=CAT).status_code == 201
    clock.now += 1
    pressure = (1, (32 << 20) + 1)
    assert client.put("/v1/images/cat", content=CAT).status_code == 429
    assert client.get("/v1/images/cat").status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "code"), [(Conflict("taken"), 409, "conflict"), (Undecided("gone"), 503, "store-undecided")]
)
def test_a_store_that_fails_is_said_to_be_worth_another_try(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    def write(self: Index, records: object) -> None:
        raise error

    monkeypatch.setattr(Index, "write", write)
    response = client.put("/v1/images/cat", content=CAT)
    assert (response.status_code, problem(response)["code"]) == (status, code)
    assert response.headers["retry-after"] == "1"


def test_head_is_answered_as_get_without_a_body(client: Client) -> None:
    client.put("/v1/images/cat", content=CAT)
    for where in ("/v1/images/cat", "/v1/images", "/v1/images/cat/thumbnail", "/v1/stats", "/v1/images/nobody"):
        got, head = client.get(where), client.request("HEAD", where)
        assert head.status_code == got.status_code
        assert head.content == b""
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.headers["content-length"] == got.headers["content-length"]
    assert client.request("HEAD", "/v1/compare").status_code == 405


def test_bytes_that_a_client_should_have_encoded_are_taken_as_what_they_are(client: Client, index: Index) -> None:
    add(index, "кот", CAT)
    raw = "/v1/images/кот"
    scope = {"type": "http", "method": "GET", "path": raw, "raw_path": raw.encode(), "root_path": ""}
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])

    anyio.run(KeysInPaths(app), scope, None, None)
    assert seen == ["/v1/images/%D0%BA%D0%BE%D1%82"]
    assert client.get(seen[0]).json()["key"] == "кот"


@pytest.mark.parametrize(
    ("root", "raw", "path"),
    [
        ("", b"/v1/images/a/b", "/v1/images/a%2Fb"),
        ("/pictures", b"/pictures/v1/images/a/b/content", "/pictures/v1/images/a%2Fb/content"),
        ("", b"/v1/images/a%2Fcontent", "/v1/images/a%2Fcontent"),
        ("", b"/v1/images/content", "/v1/images/content"),
        ("", b"/v1/images//content/content?v=1", "/v1/images/%2Fcontent/content"),
        ("", None, "/v1/images/decoded%2Fpath%3F"),
        ("", b"/v1/imagesx/a", "/v1/images/decoded/path?"),
    ],
)
def test_a_key_in_a_path_is_one_segment_of_it(root: str, raw: bytes | None, path: str) -> None:
    decoded = "/v1/images/decoded/path?"
    scope = {"type": "http", "method": "GET", "path": decoded, "raw_path": raw, "root_path": root}
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])

    anyio.run(KeysInPaths(app), scope, None, None)
    assert seen == [path]


@pytest.mark.parametrize("key", ["cat", "zoo/cat", "a%20b", "a b+c", "кот", "a?b#c", "a//b/", "../a", "content"])
def test_a_key_may_be_in_the_query(client: Client, index: Index, key: str) -> None:
    add(index, key, CAT)
    asked = urlencode({"key": key})
    found = client.get(f"/v1/images?{asked}")
    assert found.json() == client.get(f"/v1/images/{quote(key, safe='')}").json()
    assert found.json()["key"] == key
    assert client.request("HEAD", f"/v1/images?{asked}").status_code == 200
    sha256 = found.json()["sha256"]
    assert client.get(f"/v1/images/thumbnail?v={sha256}&{asked}").headers["content-type"] == "image/webp"
    # the file is not where it was added from, for it was added from nowhere
    redirect = client.get(f"/v1/images/content?{asked}&fallback=thumbnail")
    assert redirect.status_code == 307
    assert client.get(f"/v1/images/{redirect.headers['location']}").headers["content-type"] == "image/webp"
    replaced = client.put(
        f"/v1/images?{asked}&meta=%7B%22a%22%3A1%7D", content=CAT, headers={"Content-Type": "image/jpeg"}
    )
    assert (replaced.status_code, replaced.json()["key"], replaced.json()["meta"]) == (200, key, {"a": 1})
    assert client.delete(f"/v1/images?{asked}").status_code == 204
    assert client.get(f"/v1/images?{asked}").status_code == 404


@pytest.mark.parametrize("query", ["key=", "key=a&key=b", "key=a&prefix=b"])
def test_a_query_without_exactly_one_key_asks_for_none(client: Client, query: str) -> None:
    assert client.get(f"/v1/images?{query}").status_code in (404, 422)
