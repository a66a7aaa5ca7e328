"""`POST /v1/search`: the answers are those of the library, however the question comes."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from PIL import Image

from lookalike import Index, Key, Signature
from lookalike.web import WebSettings
from tests.lookalike.web.conftest import CAT, PICTURES, RACCOON, Client, Elsewhere, add, problem

CAT_URL = "https://example.org/cat.jpg"


def turned(data: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).transpose(Image.Transpose.ROTATE_90).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def index(index: Index) -> Index:
    for n, path in enumerate(sorted(PICTURES.glob("*.jpg"))[:6]):
        add(index, path.stem, path.read_bytes(), {"n": n}, path)
    assert index.has(["cat"])
    return index


@pytest.fixture
def elsewhere(elsewhere: Elsewhere) -> Elsewhere:
    elsewhere.pictures[CAT_URL] = CAT
    return elsewhere


def questions(signature: str) -> dict[str, dict[str, Any]]:
    encoded = base64.b64encode(CAT).decode()
    return {
        "body": {"content": CAT, "headers": {"Content-Type": "image/jpeg"}},
        "octets": {"content": CAT, "headers": {"Content-Type": "application/octet-stream"}},
        "file": {"files": {"file": ("cat.jpg", CAT)}},
        "form url": {"data": {"url": CAT_URL}},
        "form key": {"data": {"key": "cat"}},
        "form signature": {"data": {"signature": signature}},
        "image": {"json": {"image": encoded}},
        "url": {"json": {"url": CAT_URL}},
        "key": {"json": {"key": "cat"}},
        "signature": {"json": {"signature": [signature]}},
    }


@pytest.mark.parametrize("form", list(questions("")))
def test_every_form_of_a_question_has_the_library_s_answer(client: Client, index: Index, form: str) -> None:
    sent_text = index.get("cat").signatures["haar"]
    sent = questions(sent_text)[form]
    response = client.post("/v1/search", **sent)
    assert response.status_code == 200, response.text
    document = response.json()
    assert document["family"] == "auto"
    (answer,) = document["answers"]
    expected = index.search(Signature(sent_text)) if "signature" in form else index.search(CAT)
    assert answer["searched"] == expected.searched
    assert [(hit["rank"], hit["key"], hit["score"], hit["orientation"]) for hit in answer["hits"]] == [
        (rank, hit.key, hit.score, hit.variant) for rank, hit in enumerate(expected.hits, 1)
    ]
    assert answer["hits"][0]["sha256"] == sha256(CAT).hexdigest()
    assert answer["question"]["kind"] == {"body": "file", "octets": "file"}.get(form, form.split()[-1])


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"family": "dhash"}, {"family": "dhash"}),
        ({"family": "dhash", "max_distance": 20}, {"family": "dhash", "max_distance": 20}),
        ({"family": "haar", "min_score": 50.5}, {"family": "haar", "min_score": 50.5}),
        ({"family": "auto", "thorough": True, "min_share": 0.2}, {"thorough": True, "min_share": 0.2}),
        ({"limit": 2}, {"limit": 2}),
        ({"family": "goldberg", "negatives": True}, {"family": "goldberg", "negatives": True}),
        ({"orientations": True}, {"orientations": True}),
        ({"filter": {"n": 2}}, {"where": {"n": 2}}),
        ({"filter": {"n": {"$gte": 2, "$lt": 4}}}, {"where": {"n": {"$in": [2, 3]}}}),
    ],
)
def test_options_are_given_as_json_as_form_fields_or_in_the_query(
    client: Client, index: Index, options: dict[str, Any], same: dict[str, Any]
) -> None:
    expected = [(hit.key, hit.score, hit.distance, hit.variant) for hit in index.search(turned(CAT), **same).hits]
    texts = {name: str(value).lower().replace("'", '"') for name, value in options.items()}
    encoded = base64.b64encode(turned(CAT)).decode()
    for sent in (
        {"json": {"image": encoded, **options}},
        {"files": {"file": turned(CAT)}, "data": texts},
        {"content": turned(CAT), "params": texts},
        {"json": {"image": encoded}, "params": texts},
    ):
        response = client.post("/v1/search", **sent)
        assert response.status_code == 200, response.text
        hits = response.json()["answers"][0]["hits"]
        assert [(hit["key"], hit["score"], hit["distance"], hit["orientation"]) for hit in hits] == expected


def test_the_body_s_option_wins_over_the_query_s(client: Client) -> None:
    response = client.post("/v1/search?limit=1&family=haar", json={"key": "cat", "limit": 2, "family": "phash"})
    assert response.json()["family"] == "phash"
    assert len(response.json()["answers"][0]["hits"]) == 2


def test_several_questions_are_answered_in_order_each_with_its_own_error(client: Client) -> None:
    response = client.post(
        "/v1/search?limit=1",
        files=[
            ("url", (None, CAT_URL)),
            ("file", ("r.jpg", RACCOON)),
            ("key", (None, "nobody")),
            ("file", ("bad.jpg", b"no")),
            ("signature", (None, "xyz")),
            ("key", (None, "cat")),
        ],
    )
    assert response.status_code == 200, response.text
    answers = response.json()["answers"]
    assert [(answer["question"]["kind"], answer["question"]["name"]) for answer in answers] == [
        ("url", CAT_URL),
        ("file", "r.jpg"),
        ("key", "nobody"),
        ("file", "bad.jpg"),
        ("signature", "xyz"),
        ("key", "cat"),
    ]
    codes = [answer.get("error", {}).get("code") for answer in answers]
    assert codes == [None, None, "key-not-found", "picture-not-an-image", "signature-invalid", None]
    assert [len(answer["hits"]) for answer in answers] == [1, 1, 0, 0, 0, 1]
    assert answers[0]["hits"][0]["key"] == "cat"


def test_json_asks_several_of_each_kind(client: Client, index: Index) -> None:
    signature = index.get("cat").signatures["haar"]
    response = client.post("/v1/search", json={"key": ["cat", "nobody"], "signature": signature, "url": [CAT_URL]})
    kinds = [answer["question"]["kind"] for answer in response.json()["answers"]]
    assert kinds == ["url", "key", "key", "signature"]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {"key": "nobody"}}, 404, "key-not-found"),
        ({"json": {"key": "x" * 1025}}, 422, "key-invalid"),
        ({"json": {"key": ""}}, 422, "key-invalid"),
        ({"json": {"signature": "xyz"}}, 422, "signature-invalid"),
        ({"json": {"url": "https://example.org/gone"}}, 502, "url-failed"),
        ({"json": {"image": "%%%"}}, 422, "validation"),
        ({"content": b"no"}, 415, "picture-not-an-image"),
        ({"content": CAT[:5000]}, 422, "picture-truncated"),
        ({"json": {"key": "cat", "family": "nope"}}, 422, "query-invalid"),
        ({"json": {"key": "cat", "family": "whash"}}, 422, "query-invalid"),
        ({"json": {"key": "cat", "family": "dhash", "negatives": True}}, 422, "query-invalid"),
        ({"json": {"key": "cat", "max_distance": 3}}, 422, "query-invalid"),
        ({"json": {"signature": "0" * 16, "family": "dhash", "orientations": True}}, 422, "query-invalid"),
        ({"json": {"key": "cat", "min_score": 1, "max_distance": 3}}, 422, "validation"),
        ({"json": {"key": "cat", "min_score": 1}, "params": {"max_distance": 3}}, 422, "validation"),
        ({"json": {"key": "cat", "min_score": 101}}, 422, "validation"),
        ({"json": {"key": "cat", "limit": 0}}, 422, "validation"),
        ({"json": {"key": "cat", "limit": 1001}}, 422, "validation"),
        ({"json": {"key": "cat", "limit": "10"}}, 422, "validation"),
        ({"json": {"key": "cat", "limit": True}}, 422, "validation"),
        ({"json": {"key": "cat", "filter": "{}"}}, 422, "validation"),
        ({"json": {"key": "cat"}, "params": {"filter": "[1]"}}, 422, "validation"),
        ({"json": {"key": "cat", "filter": {"n": {"$near": 1}}}}, 422, "query-invalid"),
        ({"json": {"key": "cat"}, "params": {"min_score": "nan"}}, 422, "validation"),
        ({"json": {"key": "cat", "limt": 3}}, 422, "validation"),
        ({"json": {"key": ["cat"] * 65}}, 422, "validation"),
        ({"json": {}}, 422, "validation"),
        ({"data": {"limit": "3"}}, 422, "validation"),
        ({"data": {"key": "cat", "limit": ["1", "2"]}}, 422, "validation"),
        ({"content": CAT, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 422, "validation"),
        ({}, 422, "validation"),
        ({"content": b"{}", "headers": {"Content-Type": "text/html"}}, 415, "unsupported-content-type"),
        ({"content": b'{"key": "\xff"}', "headers": {"Content-Type": "application/json"}}, 400, "bad-request"),
        ({"content": b'{"key": "\\ud800"}', "headers": {"Content-Type": "application/json"}}, 400, "bad-request"),
        (
            {"content": b'{"limit": 1' + b"0" * 99 + b"}", "headers": {"Content-Type": "application/json"}},
            422,
            "validation",
        ),
    ],
)
def test_the_error_of_a_single_question_is_that_of_the_request(
    client: Client, sent: dict[str, Any], status: int, code: str
) -> None:
    response = client.post("/v1/search", **sent)
    assert response.status_code == status, response.text
    assert problem(response)["code"] == code


def test_a_wrong_family_says_which_there_are_and_not_where_the_index_is(client: Client, index: Index) -> None:
    for family in ("whash", "nope"):
        document = problem(client.post("/v1/search", json={"key": "cat", "family": family}))
        assert document["help"] == "Use one of: haar, goldberg, dhash, phash."
        assert index.url not in str(document)


def test_the_question_s_own_signature_is_answered_on_request(client: Client, index: Index) -> None:
    signature = index.get("cat").signatures["phash"]
    for sent in ({"key": "cat"}, {"signature": signature.upper()}, {"image": base64.b64encode(CAT).decode()}):
        response = client.post("/v1/search", json={**sent, "family": "phash", "signatures": True})
        assert response.json()["answers"][0]["signature"] == signature
    assert "signature" not in client.post("/v1/search", json={"key": "cat"}).json()["answers"][0]


def test_a_picture_that_was_asked_for_is_described_and_shown_on_request(client: Client) -> None:
    question = client.post("/v1/search", json={"url": CAT_URL, "preview": True}).json()["answers"][0]["question"]
    assert (question["width"], question["height"], question["sha256"]) == (451, 300, sha256(CAT).hexdigest())
    kind, _, data = question["preview"].partition(",")
    assert kind == "data:image/webp;base64"
    assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) == 256
    plain = client.post("/v1/search", json={"url": CAT_URL}).json()["answers"][0]["question"]
    assert "preview" not in plain
    assert client.post("/v1/search", json={"key": "cat"}).json()["answers"][0]["question"] == {
        "kind": "key",
        "name": "cat",
    }


def test_a_key_is_turned_by_the_picture_or_the_small_copy_that_is_kept_of_it(client: Client, index: Index) -> None:
    client.put("/v1/images/turned", content=turned(CAT))
    client.put("/v1/images/uploaded", content=CAT)  # no file to read again, only a thumbnail
    for key in ("cat", "uploaded"):
        response = client.post("/v1/search", json={"key": key, "orientations": True, "family": "phash"})
        hits = {hit["key"]: hit for hit in response.json()["answers"][0]["hits"]}
        assert hits[key]["score"] == 100
        assert hits["turned"]["score"] > 90
        assert hits["turned"]["orientation"] == "rotated 270"
    assert problem(client.post("/v1/search", json={"key": "nobody", "orientations": True}))["code"] == "key-not-found"


def test_a_file_field_that_a_browser_left_empty_is_no_question(client: Client) -> None:
    empty = 'Content-Disposition: form-data; name="file"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'
    key = 'Content-Disposition: form-data; name="key"\r\n\r\ncat'
    body = f"--b\r\n{empty}\r\n--b\r\n{key}\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post("/v1/search", content=body, headers=headers)
    assert [answer["question"]["kind"] for answer in response.json()["answers"]] == ["key"]


class TestOfFewQuestions:
    @pytest.fixture
    def settings(self) -> WebSettings:
        return WebSettings(max_questions=2)

    def test_more_questions_than_allowed_are_refused(self, client: Client) -> None:
        assert client.post("/v1/search", json={"key": ["cat", "cat"]}).status_code == 200
        refused = client.post("/v1/search", json={"key": ["cat", "cat", "cat"]})
        assert "1 to 2" in problem(refused)["detail"]


def test_an_index_without_images_answers_with_no_hits(client: Client, index: Index) -> None:
    index.remove([image.key for image in index.list()])
    answer = client.post("/v1/search", content=CAT).json()["answers"][0]
    assert (answer["searched"], answer["hits"]) == (0, [])


def test_a_hit_says_where_it_was_read_from(client: Client, index: Index) -> None:
    hit = client.post("/v1/search", json={"key": "cat"}).json()["answers"][0]["hits"][0]
    assert hit["source"] == index.search(Key("cat")).hits[0].image.source


def test_an_answer_that_is_not_whole_says_what_is_missing(
    client: Client, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = client.post("/v1/search", json={"key": "cat"}).json()["answers"][0]
    assert not {"partial", "missing"} & whole.keys()

    def ask(self: Index, *asked: Any) -> list[Any]:
        return [replace(answer, partial=True, missing=("segments/0001/a.npz",)) for answer in given]

    given = index.search_many([Key("cat")])
    monkeypatch.setattr(Index, "ask", ask)
    answer = client.post("/v1/search", json={"key": "cat"}).json()["answers"][0]
    assert answer == whole | {"partial": True, "missing": ["segments/0001/a.npz"]}
