"""`POST /v1/compare`: two images, however each of them is given."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike import Index, Signature, compare
from lookalike.web.api import documents
from shards.pictures.decoding import Picture
from shards.testing.samples import scene
from tests.lookalike.signatures.test_comparing import encoded, ink
from tests.lookalike.web.conftest import CAT, RACCOON, Client, Elsewhere, add, problem

CAT_URL = "https://example.org/cat.jpg"


@pytest.fixture
def index(index: Index) -> Index:
    add(index, "cat", CAT)
    return index


@pytest.fixture
def elsewhere(elsewhere: Elsewhere) -> Elsewhere:
    elsewhere.pictures[CAT_URL] = CAT
    return elsewhere


def scores(index: Index, a: Any, b: Any) -> list[dict[str, Any]]:
    return [
        {
            "family": one.family,
            "score": one.score,
            "distance": one.distance,
            "is_match": one.is_match,
            "confidence": one.confidence,
            "reason": one.reason,
        }
        for one in index.compare(a, b)
    ]


@pytest.mark.parametrize(
    "a",
    [{"url": CAT_URL}, {"key": "cat"}, {"image": base64.b64encode(CAT).decode()}],
    ids=lambda side: next(iter(side)),
)
def test_each_side_is_a_url_a_key_or_an_image(client: Client, index: Index, a: dict[str, str]) -> None:
    b = {"image": base64.b64encode(RACCOON).decode()}
    there = client.post("/v1/compare", json={"a": a, "b": b})
    back = client.post("/v1/compare", json={"a": b, "b": a})
    assert there.status_code == 200, there.text
    assert there.json()["scores"] == scores(index, CAT, RACCOON)
    assert back.json()["scores"] == scores(index, RACCOON, CAT)
    assert there.json()["a"]["kind"] == next(iter(a))


def test_the_parts_of_a_form_are_compared_in_their_order(client: Client, index: Index) -> None:
    for parts in (
        [("key", (None, "cat")), ("file", ("r.jpg", RACCOON))],
        [("file", ("r.jpg", RACCOON)), ("key", (None, "cat"))],
    ):
        document = client.post("/v1/compare", files=parts).json()
        assert [document[side]["kind"] for side in "ab"] == [part[0] for part in parts]
    assert document["a"]["name"] == "r.jpg"
    assert document["scores"] == scores(index, RACCOON, CAT)


def test_a_signature_is_compared_by_the_families_that_read_it(client: Client, index: Index) -> None:
    text = index.get("cat").signatures["goldberg"]
    document = client.post("/v1/compare", json={"a": {"signature": text}, "b": {"key": "cat"}}).json()
    assert [(score["family"], score["score"]) for score in document["scores"]] == [("goldberg", 100.0)]
    hashed = index.get("cat").signatures["dhash"]
    document = client.post("/v1/compare", json={"a": {"signature": hashed}, "b": {"image": "data:," + ""}})
    assert problem(document)["code"] == "picture-empty"
    both = client.post("/v1/compare", json={"a": {"signature": hashed}, "b": {"key": "cat"}}).json()
    expected = scores(index, Signature(hashed), CAT)
    assert both["scores"] == expected
    assert {"dhash", "phash"} == {score["family"] for score in expected}


def test_a_picture_is_a_match_of_itself_to_every_family(client: Client) -> None:
    document = client.post("/v1/compare", files=[("file", CAT), ("file", CAT)]).json()
    assert all(score["is_match"] and score["score"] == 100 for score in document["scores"])
    assert len(document["scores"]) == 4


def test_logos_in_white_ink_are_compared_by_what_shows_of_them_over_black(client: Client) -> None:
    def scores_of(*logos: NDArray[np.uint8]) -> dict[str, dict[str, Any]]:
        document = client.post("/v1/compare", files=[("file", encoded(logo)) for logo in logos]).json()
        return {score["family"]: score for score in document["scores"]}

    larger = ink(3).repeat(2, axis=0).repeat(2, axis=1)
    assert any(score["is_match"] for score in scores_of(ink(3), larger).values())
    assert not any(score["is_match"] for score in scores_of(ink(3), ink(4)).values())
    white = np.full((40, 40, 3), 255, np.uint8)
    assert scores_of(white, white[1:])["dhash"]["reason"] == "both pictures are flat"


def test_what_two_pictures_have_in_common_is_told() -> None:
    whole = scene(1, 300, 400)
    part = Picture(np.ascontiguousarray(whole.rgb[:, :240]))
    (crops,) = compare(part, whole, families=("crops",))
    document = documents.score_document(crops)
    assert document["confidence"] == "certain"
    assert document["overlap"]["share"] == pytest.approx(0.6, abs=0.1)
    assert "overlap" not in documents.score_document(compare(part, scene(2, 300, 400), families=("crops",))[0])


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {"a": {"key": "cat"}, "b": {"key": "nobody"}}}, 404, "key-not-found"),
        ({"json": {"a": {"key": "cat"}, "b": {"signature": "xyz"}}}, 422, "signature-invalid"),
        ({"json": {"a": {"key": "cat"}, "b": {"url": "https://example.org/gone"}}}, 502, "url-failed"),
        ({"json": {"a": {"key": "cat"}, "b": {}}}, 422, "validation"),
        ({"json": {"a": {"key": "cat", "url": CAT_URL}, "b": {"key": "cat"}}}, 422, "validation"),
        ({"json": {"a": {"key": "cat"}}}, 422, "validation"),
        ({"json": {"a": "cat", "b": "cat"}}, 422, "validation"),
        ({"data": {"key": "cat"}}, 422, "validation"),
        ({"data": {"key": ["cat"] * 3}}, 422, "validation"),
        ({"data": {"key": ["cat", "cat"], "limit": "3"}}, 422, "validation"),
        ({"content": CAT}, 422, "validation"),
        ({"files": [("file", CAT), ("file", b"no")]}, 415, "picture-not-an-image"),
    ],
)
def test_what_are_not_two_images_is_refused(client: Client, sent: dict[str, Any], status: int, code: str) -> None:
    response = client.post("/v1/compare", **sent)
    assert (response.status_code, problem(response)["code"]) == (status, code), response.text
