"""Uploads: an address is good for one picture, for a while, as it was made."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given
from hypothesis import strategies as st

from lookalike import Index
from lookalike.web import WebSettings, create_app
from lookalike.web.api.uploads import TOKEN_CHARACTERS, TokenUploads, Upload
from lookalike.web.http.access import Tokens
from lookalike.web.http.problems import Problem
from shards.pictures.decoding import PictureSettings
from tests.lookalike.cli.drawing import png
from tests.lookalike.web.conftest import CAT, Client, problem
from tests.lookalike.web.unhurried import unhurried

NOW = 1_800_000_000
INDEX = Index.create("memory://uploads")
SETTINGS = WebSettings(
    upload_secret=bytes(range(32)), tokens=Tokens.parse("0123456789-writer write\n0123456789-reader read")
)
UPLOAD = Upload("a.png", {"album": "zoo"}, 1000, NOW + 900)
WRITER = {"Authorization": "Bearer 0123456789-writer"}
READER = {"Authorization": "Bearer 0123456789-reader"}


class Moment:
    """A clock that is set by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def token_of(upload: Upload, uploads: TokenUploads) -> str:
    return uploads.address(upload, lambda token: token).url


def refused(token: str, uploads: TokenUploads) -> str:
    with pytest.raises(Problem) as caught:
        uploads.opened(token)
    assert caught.value.status == 403
    return caught.value.code


@given(
    key=st.text(min_size=1, max_size=40),
    meta=st.dictionaries(st.text(max_size=10), st.none() | st.integers() | st.text(max_size=20), max_size=4),
    max_bytes=st.integers(1, 1 << 40),
)
def test_a_token_says_what_it_was_made_for(key: str, meta: dict[str, Any], max_bytes: int) -> None:
    uploads = TokenUploads(INDEX, SETTINGS, Moment())
    upload = Upload(key, meta, max_bytes, NOW + 1)
    token = token_of(upload, uploads)
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert token.isascii()
    assert uploads.opened(token) == upload


def test_two_addresses_for_the_same_are_not_the_same() -> None:
    uploads = TokenUploads(INDEX, SETTINGS, Moment())
    assert token_of(UPLOAD, uploads) != token_of(UPLOAD, uploads)


def test_every_process_with_the_secret_knows_a_token_and_no_other() -> None:
    token = token_of(UPLOAD, TokenUploads(INDEX, SETTINGS, Moment()))
    assert TokenUploads(INDEX, SETTINGS, Moment()).opened(token) == UPLOAD
    assert refused(token, TokenUploads(INDEX, WebSettings(upload_secret=bytes(32)), Moment())) == "upload-unknown"
    assert refused(token, TokenUploads(INDEX, WebSettings(), Moment())) == "upload-unknown"
    assert TokenUploads(INDEX, WebSettings())._secret != TokenUploads(INDEX, WebSettings())._secret


def test_a_token_is_good_for_one_index_only() -> None:
    token = token_of(UPLOAD, TokenUploads(INDEX, SETTINGS, Moment()))
    assert refused(token, TokenUploads(Index.create("memory://others"), SETTINGS, Moment())) == "upload-unknown"


def test_a_token_expires() -> None:
    moment = Moment()
    uploads = TokenUploads(INDEX, SETTINGS, moment)
    token = token_of(UPLOAD, uploads)
    moment.now = UPLOAD.expires - 0.001
    assert uploads.opened(token) == UPLOAD
    moment.now = UPLOAD.expires
    assert refused(token, uploads) == "upload-expired"


@given(place=st.integers(0, 10_000), by=st.sampled_from(["A", "b", "-", "_", ".", "=", "%", "é", ""]))
def test_a_token_that_was_changed_anywhere_is_none(place: int, by: str) -> None:
    uploads = TokenUploads(INDEX, SETTINGS, Moment())
    token = token_of(UPLOAD, uploads)
    # the last character of each part has bits that stand for nothing
    place %= token.index(".") - 1
    changed = token[:place] + by + token[place + 1 :]
    if changed != token:
        assert refused(changed, uploads) == "upload-unknown"


@pytest.mark.parametrize("token", ["", ".", "a.b", "....", "é.é", "e30.e30", "\ud800.a"])
def test_what_is_no_token_is_none(token: str) -> None:
    assert refused(token, TokenUploads(INDEX, SETTINGS, Moment())) == "upload-unknown"


def test_an_address_is_never_longer_than_proxies_take() -> None:
    uploads = TokenUploads(INDEX, SETTINGS, Moment())
    longest = Upload("\U0001f63a" * 256, {"text": "x" * 3000}, 1 << 40, NOW)
    assert len(token_of(longest, uploads)) <= TOKEN_CHARACTERS
    with pytest.raises(Problem, match="at most") as caught:
        token_of(Upload("a", {"text": "x" * TOKEN_CHARACTERS}, 1, NOW), uploads)
    assert caught.value.status == 422


@pytest.fixture
def settings() -> WebSettings:
    return SETTINGS


@pytest.fixture
def moment(client: Client) -> Moment:
    moment = Moment()
    client.app.state.uploads = TokenUploads(client.service.index, client.service.settings, moment)
    return moment


def offered(client: Client, **asked: Any) -> dict[str, Any]:
    response = client.post("/v1/uploads", json=asked, headers=WRITER)
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.json()
    return document


def path_of(offer: dict[str, Any]) -> str:
    return str(httpx.URL(offer["url"]).raw_path.decode())


@pytest.mark.usefixtures("moment")
def test_a_picture_that_is_put_to_its_address_is_in_the_index(client: Client) -> None:
    offer = offered(client, key="holiday/cat.jpg", meta={"album": "zoo"})
    assert offer["url"].startswith("http://127.0.0.1/v1/uploads/")
    assert (offer["method"], offer["headers"]) == ("PUT", {})
    assert offer["expires"] == "2027-01-15T08:15:00.000Z"
    assert offer["max_bytes"] == client.service.index.settings.pictures.max_bytes

    response = client.put(path_of(offer), content=CAT, headers={"Content-Type": "image/jpeg"})
    assert response.status_code == 201
    answered = response.json()
    assert (answered["key"], answered["meta"], answered["replaced"]) == ("holiday/cat.jpg", {"album": "zoo"}, False)
    assert set(answered["signatures"]) == set(client.service.index.settings.families)
    assert "source" not in answered
    assert client.service.index.get("holiday/cat.jpg").image.sha256 == answered["sha256"]


@pytest.mark.usefixtures("moment")
def test_an_address_may_be_used_again_while_it_is_good(client: Client, moment: Moment) -> None:
    path = path_of(offered(client, key="a.png"))
    assert client.put(path, content=png(1)).status_code == 201
    assert client.put(path, content=png(1)).json()["replaced"] is True
    assert client.service.index.count() == 1
    moment.now += 900
    assert problem(client.put(path, content=png(1)))["code"] == "upload-expired"


@pytest.mark.usefixtures("moment")
def test_an_address_takes_no_more_than_was_said(client: Client) -> None:
    picture = png(1)
    offer = offered(client, key="a.png", bytes=len(picture))
    assert offer["max_bytes"] == len(picture)
    refusal = problem(client.put(path_of(offer), content=picture + b"\0"))
    assert (refusal["status"], refusal["code"]) == (413, "picture-too-large-bytes")
    assert client.put(path_of(offer), content=picture).status_code == 201


def test_what_can_never_be_put_is_refused_at_once(client: Client) -> None:
    most = client.service.index.settings.pictures.max_bytes
    asked = {"key": "a.png", "bytes": most + 1}
    assert problem(client.post("/v1/uploads", json=asked, headers=WRITER))["code"] == "picture-too-large-bytes"
    for wrong in (
        {},
        {"key": ""},
        {"key": 5},
        {"key": "a", "meta": []},
        {"key": "a", "bytes": 0},
        {"key": "a", "x": 1},
    ):
        assert problem(client.post("/v1/uploads", json=wrong, headers=WRITER))["code"] == "validation", wrong
    assert problem(client.post("/v1/uploads", json={"key": "a" * 1025}, headers=WRITER))["code"] == "key-invalid"
    assert problem(client.post("/v1/uploads", content=CAT, headers=WRITER))["code"] == "validation"


def test_only_who_may_write_gets_an_address(client: Client) -> None:
    assert problem(client.post("/v1/uploads", json={"key": "a.png"}))["code"] == "token-missing"
    assert problem(client.post("/v1/uploads", json={"key": "a.png"}, headers=READER))["code"] == "scope-missing"


@pytest.mark.usefixtures("moment")
@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"nothing", "image/png", "picture-not-an-image"),
        (CAT[:5000], "image/jpeg", "picture-truncated"),
        (b"", "image/png", "validation"),
        (b"{}", "application/json", "validation"),
        (b"hello", "text/plain", "unsupported-content-type"),
    ],
)
def test_what_is_no_picture_is_not_added(client: Client, content: bytes, kind: str, code: str) -> None:
    path = path_of(offered(client, key="a"))
    assert problem(client.put(path, content=content, headers={"Content-Type": kind}))["code"] == code
    assert client.service.index.count() == 0


def test_no_more_is_promised_than_a_request_may_bring(portal: BlockingPortal) -> None:
    index = Index.create("memory://", pictures=PictureSettings(max_bytes=5000))
    assert TokenUploads(index, WebSettings(max_body=4000)).max_bytes == 4000
    assert TokenUploads(index, WebSettings(max_body=6000)).max_bytes == 5000
    client = Client(create_app(index, unhurried()), portal)
    response = client.post("/v1/uploads", json={"key": "a"})
    assert response.json()["max_bytes"] == 5000
    assert problem(client.put(path_of(response.json()), content=CAT))["code"] == "picture-too-large-bytes"
