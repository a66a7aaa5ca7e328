"""Answers in lines, and pages by cursor: together they are every hit, once, in order."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from lookalike import Answer, Index, Key, Record, StorageError
from lookalike.links import LinkTemplate
from lookalike.web import WebSettings
from lookalike.web.api import lines
from shards.testing.samples import scene
from tests.lookalike.web.conftest import CAT, Client, problem

LINES = {"Accept": "application/x-ndjson"}

COUNT = 40


@pytest.fixture
def settings() -> WebSettings:
    return WebSettings(link=LinkTemplate.of("https://en.wikipedia.org/wiki/{url}"))


@pytest.fixture
def index() -> Index:
    index = Index.create("memory://", families=["dhash"], thumbnails=0)
    (kind,) = index.families
    index.write(
        [
            Record(f"{n:02}", index.next_order(), meta={"url": f"Page {n}"}, rows={"dhash": kind.compute(scene(n % 7))})
            for n in range(COUNT)
        ]
    )
    return index


def expected(index: Index, limit: int = 1000, **options: Any) -> list[tuple[int, str, float]]:
    hits = index.search(Key("00"), limit=limit, **options).hits
    return [(rank, hit.key, hit.score) for rank, hit in enumerate(hits, 1)]


def read(response: httpx.Response) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the hits of an answer in lines, and its last line."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["cache-control"] == "no-store"
    assert response.text.endswith("\n")
    *hits, end = [json.loads(line) for line in response.text.splitlines()]
    assert end["end"] is True
    assert end["hits"] == len(hits)
    return hits, end


def shown(hits: list[dict[str, Any]]) -> list[tuple[int, str, float]]:
    return [(hit["rank"], hit["key"], hit["score"]) for hit in hits]


@pytest.mark.parametrize("page", [1, 7, COUNT, 2000])
def test_lines_are_all_hits_up_to_a_distance(
    client: Client, index: Index, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(lines, "PAGE", page)
    for radius in (0, 30, 64):
        response = client.post("/v1/search", headers=LINES, json={"key": "00", "max_distance": radius})
        hits, end = read(response)
        assert shown(hits) == expected(index, max_distance=radius)
        assert end == {"end": True, "hits": len(hits), "searched": COUNT, "next": None}


def test_a_hash_within_a_distance_is_one_call(client: Client, index: Index) -> None:
    text = index.get("00").signatures["dhash"]
    number = int(text, 16)
    signed = str(number - (1 << 64) if number >> 63 else number)
    questions = ({"signature": text}, {"hash": text}, {"hash": signed, "hash_form": "signed"})
    for response in (
        *(client.post("/v1/search", headers=LINES, json={**question, "max_distance": 3}) for question in questions),
        *(client.post("/v1/search", headers=LINES, data={**question, "max_distance": "3"}) for question in questions),
        *(client.get("/v1/search", headers=LINES, params={**question, "max_distance": 3}) for question in questions),
    ):
        hits, _ = read(response)
        assert shown(hits) == expected(index, max_distance=3)
        assert {hit["link"] for hit in hits} == {
            f"https://en.wikipedia.org/wiki/Page%20{int(hit['key'])}" for hit in hits
        }
    negative = index.get("00").signatures["dhash"] if number >> 63 else "ffffffffffffff00"
    asked = {"signature": str(int(negative, 16) - (1 << 64)), "signatures": True}
    assert client.post("/v1/search", json=asked).json()["answers"][0]["signature"] == negative


def test_lines_may_be_limited_and_go_on_by_their_cursor(client: Client, index: Index) -> None:
    seen: list[tuple[int, str, float]] = []
    after: dict[str, str] = {}
    while True:
        hits, end = read(client.post("/v1/search", headers=LINES, params={"limit": 17, **after}, json={"key": "00"}))
        seen += shown(hits)
        if end["next"] is None:
            break
        assert end["hits"] == 17
        after = {"after": end["next"]}
    assert seen == expected(index)


def test_documents_go_on_by_their_cursor(client: Client, index: Index) -> None:
    seen: list[tuple[int, str, float]] = []
    question: dict[str, Any] = {"key": "00", "limit": 9, "max_distance": 64}
    while True:
        (answer,) = client.post("/v1/search", json=question).json()["answers"]
        seen += shown(answer["hits"])
        if answer["next"] is None:
            break
        question["after"] = answer["next"]
    assert seen == expected(index)


def test_what_needs_no_picture_may_be_asked_by_an_address_alone(client: Client, index: Index) -> None:
    asked = {"key": "00", "max_distance": 30, "filter": '{"url": {"$ne": "Page 7"}}', "signatures": True}
    by_address, by_body = client.get("/v1/search", params=asked), client.post("/v1/search", data=asked)
    assert by_address.json()["answers"] == by_body.json()["answers"]
    several = client.get("/v1/search", params={"key": ["00", "01"], "hash": "0" * 16}).json()["answers"]
    assert [answer["question"]["kind"] for answer in several] == ["key", "key", "signature"]
    for wrong in ({}, {"url": "https://example.org/a.jpg"}, {"key": "00", "limit": 0}):
        refused = client.get("/v1/search", params=wrong)
        assert (refused.status_code, problem(refused)["code"]) == (422, "validation")


def test_a_picture_may_be_the_question(client: Client, index: Index) -> None:
    hits, _ = read(client.post("/v1/search?max_distance=64", headers=LINES, files={"file": CAT}))
    assert [hit["key"] for hit in hits] == [hit.key for hit in index.search(CAT, limit=1000).hits]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {"key": "00"}}, 422, "validation"),
        ({"json": {"key": ["00", "01"], "max_distance": 3}}, 422, "validation"),
        ({"json": {"key": "nobody", "max_distance": 3}}, 404, "key-not-found"),
        ({"json": {"signature": "x", "max_distance": 3}}, 422, "signature-invalid"),
        ({"json": {"signature": "0", "hash_form": "octal", "max_distance": 3}}, 422, "validation"),
        ({"json": {"key": "00", "max_distance": 3, "after": "x"}}, 422, "query-invalid"),
        ({"json": {"key": "00", "max_distance": 3, "limit": 1001}}, 422, "validation"),
        ({"content": b"no picture", "params": {"max_distance": 3}}, 415, "picture-not-an-image"),
    ],
)
def test_what_is_wrong_with_a_question_is_told_before_the_first_line(
    client: Client, sent: dict[str, Any], status: int, code: str
) -> None:
    response = client.post("/v1/search", headers=LINES, **sent)
    assert (response.status_code, problem(response)["code"]) == (status, code), response.text


def test_a_cursor_is_for_one_question(client: Client, index: Index) -> None:
    cursor = str(index.search(Key("00"), limit=1).next)
    response = client.post("/v1/search", json={"key": ["00", "01"], "after": cursor})
    assert (response.status_code, problem(response)["code"]) == (422, "query-invalid")


def test_a_store_that_fails_on_the_way_is_told_in_the_last_line(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "PAGE", 10)
    ask = Index.ask
    asked = []

    def failing(self: Index, *args: Any) -> Any:
        asked.append(args)
        if len(asked) == 3:
            raise StorageError("the disk is on fire")
        return ask(self, *args)

    monkeypatch.setattr(Index, "ask", failing)
    hits, end = read(client.post("/v1/search", headers=LINES, json={"key": "00", "max_distance": 64}))
    assert len(hits) == 20
    assert (end["error"]["status"], end["error"]["code"]) == (503, "store-failed")
    assert "fire" not in json.dumps(end)
    # what was sent is good: the rest can be asked for
    rest, end = read(
        client.post("/v1/search", headers=LINES, json={"key": "00", "max_distance": 64, "after": end["next"]})
    )
    assert ([hit["rank"] for hit in hits + rest], "error" in end) == (list(range(1, COUNT + 1)), False)


def test_what_could_not_be_searched_is_named_in_the_last_line(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PAGE", 10)
    ask = Index.ask

    def partly(self: Index, *args: Any) -> Any:
        (answer,) = ask(self, *args)
        assert isinstance(answer, Answer)
        name = f"segments/{answer.hits[0].key}" if answer.hits else ""
        return [Answer(answer.family, answer.hits, answer.searched, True, (name,), answer.next)]

    monkeypatch.setattr(Index, "ask", partly)
    hits, end = read(client.post("/v1/search", headers=LINES, json={"key": "00", "max_distance": 64}))
    assert end["partial"] is True
    assert end["missing"] == sorted({"", *(f"segments/{hit['key']}" for hit in hits[::10])})


class TestWhereAnAnswerHasALimit:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(max_streamed=12)

    def test_lines_end_there_with_a_cursor(self, client: Client, index: Index) -> None:
        hits, end = read(client.post("/v1/search", headers=LINES, json={"key": "00", "max_distance": 64}))
        assert (len(hits), "link" in hits[0]) == (12, False)
        rest, end = read(
            client.post("/v1/search", headers=LINES, json={"key": "00", "limit": 900, "after": end["next"]})
        )
        assert shown(hits + rest) == expected(index)[:24]
        assert end["next"] is not None


def test_without_asking_for_lines_there_are_none(client: Client) -> None:
    for accept in ("*/*", "application/json", "application/x-ndjsonx"):
        response = client.post("/v1/search", headers={"Accept": accept}, json={"key": "00"})
        assert response.headers["content-type"] == "application/json"
        assert len(response.json()["answers"][0]["hits"]) == 10
    accepted = "text/html, Application/X-NDJSON;q=0.9"
    assert read(client.post("/v1/search", headers={"Accept": accepted}, json={"key": "00", "limit": 1}))[1]["hits"] == 1
