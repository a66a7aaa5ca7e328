"""The IQDB dialect: what its clients send is understood, and what is wrong with it is said as they read it."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike import Index
from lookalike.web import WebSettings
from lookalike.web.http.access import Tokens
from tests.lookalike.web.conftest import CAT, PICTURES, RACCOON, Client
from tests.lookalike.web.fields import FIELDS, Sent, sent
from tests.tiers import scaled

GOLDEN = Path(__file__).parents[3] / "golden" / "iqdb"
HASHES = {
    image["id"]: image["hash"]
    for image in json.loads(gzip.decompress((GOLDEN / "golden.json.gz").read_bytes()))["images"]
}
ASTRONAUT = HASHES[1]
FLAT = {"r": [200] * 16384, "g": [30] * 16384, "b": [[30] * 128] * 128}


@pytest.fixture
def index(index: Index) -> Index:
    """Images under ids, and one under a name."""
    for n, name in enumerate(("cat", "raccoon", "astronaut"), 1):
        index.add(str(n), (PICTURES / f"{name}.jpg").read_bytes())
    index.add("holiday/cat.jpg", CAT)
    return index


def refusal(response: httpx.Response, status: int = 400) -> str:
    """Return the message that an IQDB client gets."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document.keys() == {"message", "exception"}
    return str(document["message"])


def test_an_image_is_found_by_file_hash_channels_and_id(client: Client, index: Index) -> None:
    text = index.get("1").signatures["haar"]
    for question in (
        {"files": {"file": ("a.jpg", CAT)}},
        {"data": {"hash": text}},
        {"data": {"hash": text.removeprefix("iqdb_").upper()}},
        {"json": {"hash": text}},
        {"json": {"post_id": 1}},
        {"params": {"post_id": "1"}},
    ):
        [best, *_] = client.post("/query", **question).json()
        assert best == {"hash": text, "post_id": 1, "id": 1, "score": pytest.approx(100.0)}
    assert client.get("/query", params={"hash": text, "limit": "1"}).json() == [best]


def test_an_index_without_ids_says_so_in_place_of_an_empty_answer(client: Client, index: Index) -> None:
    index.remove(["1", "2", "3"])
    for answer in (
        client.post("/query", files={"file": ("a.jpg", CAT)}),
        client.get("/query", params={"hash": ASTRONAUT, "min_score": "99"}),
    ):
        message = refusal(answer, 409)
        assert "none of 1 keys that were looked at is one" in message
        assert "--key-from number" in message
    index.add("4", CAT)
    assert [hit["id"] for hit in client.post("/query", files={"file": ("a.jpg", CAT)}).json()] == [4]
    assert client.get("/query", params={"hash": ASTRONAUT, "min_score": "99"}).json() == []
    index.remove(["4", "holiday/cat.jpg"])
    assert client.post("/query", files={"file": ("a.jpg", CAT)}).json() == []


def test_channels_may_be_flat_or_rows(client: Client) -> None:
    added = client.post("/images/77", json={"channels": FLAT}).json()
    assert client.get("/images/77").json() == added
    [best] = client.post("/query", json={"channels": FLAT, "limit": 1}).json()
    assert (best["post_id"], best["score"]) == (77, pytest.approx(100.0))


@pytest.mark.parametrize(
    "red", [[], [200] * 16383, [[200] * 128] * 127 + [[200]], [200.5] * 16384, [256] * 16384, [-1] * 16384, [[[]]] * 9]
)
def test_channels_that_are_no_picture_are_refused(client: Client, red: list[Any]) -> None:
    assert "channels.r" in refusal(client.post("/query", json={"channels": FLAT | {"r": red}}))


def test_the_signature_is_there_on_request(client: Client) -> None:
    answers = [
        client.post("/images/9?signature=1", files={"file": ("a.jpg", CAT)}).json(),
        client.get("/images/9", params={"signature": "true"}).json(),
        client.post("/query", json={"post_id": 9, "limit": 1, "signature": True}).json()[0],
    ]
    for answer in answers:
        assert [len(answer["signature"]["avglf"]), len(answer["signature"]["sig"])] == [3, 3]
        assert {len(channel) for channel in answer["signature"]["sig"]} == {40}
    assert answers[0]["signature"] == answers[1]["signature"]


def test_images_that_have_no_id_are_left_out_and_the_next_fill_the_answer(client: Client, index: Index) -> None:
    for n in range(9):
        index.add(f"copies/{n}.jpg", CAT)
        index.add(f"0{n}", CAT)  # decimal, but not as an id is written
    index.add(str(1 << 63), CAT)  # beyond the ids
    found = client.post("/query?limit=2", files={"file": ("a.jpg", CAT)}).json()
    assert [hit["post_id"] for hit in found] == [1, found[1]["post_id"]]
    assert len(found) == 2
    assert client.get("/status").json() == {"images": index.count()}


def test_hits_below_min_score_are_left_out(client: Client) -> None:
    scores = [hit["score"] for hit in client.post("/query", json={"post_id": 1}).json()]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 1
    found = client.post("/query", json={"post_id": 1, "min_score": 99}).json()
    assert [hit["post_id"] for hit in found] == [1]


def test_an_id_may_have_leading_zeros_and_is_replaced(client: Client, index: Index) -> None:
    count = index.count()
    first = client.post("/images/0001", files={"file": ("a.jpg", RACCOON)}).json()
    assert first == {"hash": index.get("1").signatures["haar"], "post_id": 1}
    assert index.count() == count
    assert client.delete("/images/1").json() == {"post_id": 1}
    assert client.delete("/images/1").json() == {"post_id": 1}
    refusal(client.get("/images/1"), 404)
    refusal(client.post("/query", json={"post_id": 1}), 404)


@pytest.mark.parametrize("post_id", [0, (1 << 63) - 1])
def test_the_first_and_the_last_id(client: Client, post_id: int) -> None:
    assert client.post(f"/images/{post_id}", files={"file": ("a.jpg", CAT)}).json()["post_id"] == post_id
    assert client.get(f"/images/{post_id}").json()["post_id"] == post_id


@pytest.mark.parametrize("post_id", ["-1", "1x", "x", "１", "1.0", str(1 << 63), "9" * 5000])
def test_other_ids_are_refused(client: Client, post_id: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert "post_id" in refusal(client.request(method, f"/images/{post_id}"))


@pytest.mark.parametrize("limit", ["0", "-1", "2x", "", "1001", "1e3", "9" * 5000])
def test_limits_that_are_none_are_refused(client: Client, limit: str) -> None:
    assert "limit" in refusal(client.post("/query", params={"limit": limit}, data={"hash": ASTRONAUT}))
    assert "limit" in refusal(client.post("/query", json={"limit": limit, "hash": ASTRONAUT}))


@pytest.mark.parametrize(
    "text", ["", "iqdb_", "iqdb_zz", ASTRONAUT[:-1], ASTRONAUT + "0", ASTRONAUT[:-1] + "g", "iqdb_" + "0" * 528, "é"]
)
def test_hashes_that_are_none_are_refused(client: Client, text: str) -> None:
    refusal(client.post("/query", data={"hash": text}))
    refusal(client.post("/images/5", data={"hash": text}))


@pytest.mark.parametrize("body", [b"{", b"[]", b"nothing", b"[" * 100_000, b'{"limit": NaN, "post_id": 1}'])
def test_bodies_that_are_no_json_object_are_refused(client: Client, body: bytes) -> None:
    refusal(client.post("/query", content=body, headers={"Content-Type": "application/json"}))


def test_damaged_and_missing_pictures_are_refused(client: Client) -> None:
    refusal(client.post("/images/5", files={"file": ("a.jpg", CAT[:2000])}))
    refusal(client.post("/images/5", files={"file": ("a.jpg", b"")}))
    refusal(client.post("/images/5", files={"other": ("a.jpg", CAT)}))
    refusal(client.post("/images/5"))
    refusal(client.post("/query"))
    refusal(client.get("/images/5"), 404)


def test_paths_and_methods_that_are_not_there_are_told_alike(client: Client) -> None:
    refusal(client.post("/images"), 404)
    refusal(client.put("/images/5"), 405)
    refusal(client.delete("/query"), 405)
    refusal(client.get("/query/file"), 404)


class TestOtherIndexes:
    @pytest.fixture
    def index(self, request: pytest.FixtureRequest) -> Index:
        return Index.create("memory://", families=request.param)

    @pytest.mark.parametrize("index", [("haar",)], indirect=True)
    def test_where_haar_is_all_there_is_a_hash_is_enough_to_add(self, client: Client, index: Index) -> None:
        for post_id, text in HASHES.items():
            assert client.post(f"/images/{post_id}", data={"hash": text}).json() == {"hash": text, "post_id": post_id}
        found = client.post("/query", json={"hash": ASTRONAUT, "limit": 1000}).json()
        assert found[0]["post_id"] == 1
        assert {hit["post_id"]: hit["hash"] for hit in found} == HASHES
        assert index.verify().is_clean

    @pytest.mark.parametrize("index", [("haar", "dhash")], indirect=True)
    def test_where_there_is_more_it_is_not(self, client: Client, index: Index) -> None:
        assert "dhash" in refusal(client.post("/images/1", data={"hash": ASTRONAUT}))
        assert index.count() == 0

    @pytest.mark.parametrize("index", [("dhash", "goldberg")], indirect=True)
    def test_an_index_without_haar_says_so(self, client: Client) -> None:
        for response in (
            client.post("/images/1", files={"file": ("a.jpg", CAT)}),
            client.post("/query", files={"file": ("a.jpg", CAT)}),
            client.get("/images/1"),
        ):
            assert "haar" in refusal(response)
        assert client.get("/status").json() == {"images": 0}


class TestWithTokens:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(tokens=Tokens.parse("reading-reading-reading read\nwriting-writing-writing write"))

    def test_scopes_count_here_too(self, client: Client) -> None:
        def ask(method: str, path: str, token: str | None = None) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return client.request(method, path, headers=headers)

        refusal(ask("GET", "/status"), 401)
        assert ask("GET", "/status", "reading-reading-reading").status_code == 200
        refusal(ask("DELETE", "/images/1", "reading-reading-reading"), 403)
        assert ask("DELETE", "/images/1", "writing-writing-writing").status_code == 200


class TestSmallBodies:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(max_body=1000)

    def test_what_never_gets_to_a_handler_is_told_alike(self, client: Client) -> None:
        refusal(client.post("/query", files={"file": ("a.jpg", CAT)}), 413)


PATHS = st.sampled_from(["/query", "/status", "/images/1", "/images/0", "/images"]) | st.builds(
    "/images/{}".format, FIELDS.map(str).filter(lambda text: text.isprintable() and not set(text) & set("?#/"))
)
NAMES = st.sampled_from(["hash", "limit", "min_score", "post_id", "file", "channels", "signature", "id"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=scaled(150))
@given(PATHS, sent(NAMES))
def test_whatever_is_sent_is_answered_in_the_envelope(client: Client, path: str, request: Sent) -> None:
    response = request.to(client, path)
    assert response.status_code < 500, response.text
    if response.status_code != 200:
        refusal(response, response.status_code)


def test_an_answer_that_would_miss_images_is_refused(fresh: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dialect has no word for it, and a moderator must not take a part for all."""
    ask = Index.ask

    def partly(self: Index, *asked: Any) -> list[Any]:
        return [replace(answer, partial=True, missing=("segments/0000/x.npz",)) for answer in ask(self, *asked)]

    monkeypatch.setattr(Index, "ask", partly)
    answer = fresh.get("/query", params={"post_id": "1"})
    assert "segments that were not searched in time: 1" in refusal(answer, 503)
    assert answer.headers["Retry-After"] == "1"
