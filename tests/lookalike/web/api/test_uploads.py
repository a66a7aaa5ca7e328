"""`/v1/uploads`: getting an address, and putting a picture to it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal

from lookalike import Index
from lookalike.web import WebSettings, create_app
from lookalike.web.http.access import Tokens
from lookalike.web.uploads import TokenUploads, UsedUploads
from shards.pictures.decoding import PictureSettings
from tests.lookalike.cli.drawing import png
from tests.lookalike.web.conftest import CAT, Client, Clock, problem
from tests.lookalike.web.threads import Threads
from tests.lookalike.web.unhurried import unhurried

NOW = 1_800_000_000
SETTINGS = WebSettings(
    upload_secret=bytes(range(32)), tokens=Tokens.parse("0123456789-writer write\n0123456789-reader read")
)
WRITER = {"Authorization": "Bearer 0123456789-writer"}
READER = {"Authorization": "Bearer 0123456789-reader"}


@pytest.fixture
def settings() -> WebSettings:
    return SETTINGS


@pytest.fixture
def moment(client: Client) -> Clock:
    moment = Clock(NOW)
    client.service.uploads = TokenUploads(client.service.index, client.service.settings, moment)
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
    assert offer["url"].startswith("/v1/uploads/")
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
def test_an_address_is_good_for_one_picture(client: Client, moment: Clock) -> None:
    path = path_of(offered(client, key="a.png"))
    assert client.put(path, content=png(1)).status_code == 201
    assert problem(client.put(path, content=png(2)))["code"] == "upload-used"
    assert client.service.index.get("a.png").image.sha256 == sha256(png(1)).hexdigest()
    moment.now += 900
    assert problem(client.put(path, content=png(1)))["code"] == "upload-expired"


@pytest.mark.usefixtures("moment")
def test_another_process_knows_that_an_address_was_used(client: Client) -> None:
    path = path_of(offered(client, key="a.png"))
    assert client.put(path, content=png(1)).status_code == 201
    client.service.used_uploads = UsedUploads(client.service.index)
    assert problem(client.put(path, content=png(2)))["code"] == "upload-used"
    other = path_of(offered(client, key="a.png"))
    assert client.put(other, content=png(2)).json()["replaced"] is True


@pytest.mark.usefixtures("moment")
def test_what_was_refused_may_be_sent_again(client: Client) -> None:
    path = path_of(offered(client, key="a.png"))
    assert problem(client.put(path, content=b"nothing"))["code"] == "picture-not-an-image"
    assert client.put(path, content=png(1)).status_code == 201


@pytest.mark.usefixtures("moment")
def test_an_address_is_not_built_from_what_the_client_calls_the_service(client: Client) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}):
        answer = client.post("/v1/uploads", json={"key": "a"}, headers=WRITER | headers)
        assert "evil" not in answer.text
    client.service.settings = replace(SETTINGS, public_url="https://pictures.example/below")
    assert offered(client, key="a")["url"].startswith("https://pictures.example/below/v1/uploads/")


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
    client = Client(create_app(index, unhurried(), pool=Threads(index.settings)), portal)
    response = client.post("/v1/uploads", json={"key": "a"})
    assert response.json()["max_bytes"] == 5000
    assert problem(client.put(path_of(response.json()), content=CAT))["code"] == "picture-too-large-bytes"
