"""The table from errors to HTTP."""

from __future__ import annotations

import json
import logging

import pytest
from starlette.exceptions import HTTPException

import shards.errors
from lookalike.web.http import problems
from lookalike.web.http.problems import Problem
from shards.errors import (
    Conflict,
    CorruptObject,
    FormatUnsupported,
    IndexNotFound,
    IndexReplaced,
    KeyInvalid,
    KeyNotFound,
    LookalikeError,
    ObjectNotFound,
    PictureError,
    PoolBusy,
    QueryError,
    SignatureError,
    StorageError,
    StoreUnfit,
    Undecided,
    WorkerNotStarted,
)
from tests.lookalike.web.conftest import Client, problem

TABLE: list[tuple[Exception, int, str]] = [
    (PictureError("empty", "0 bytes"), 422, "picture-empty"),
    (PictureError("too_large_bytes", "9 bytes"), 413, "picture-too-large-bytes"),
    (PictureError("too_many_pixels", "9 × 9"), 413, "picture-too-many-pixels"),
    (PictureError("memory", "too little"), 413, "picture-memory"),
    (PictureError("not_an_image", "text"), 415, "picture-not-an-image"),
    (PictureError("unsupported", "HEIC"), 415, "picture-unsupported"),
    (PictureError("truncated", "half"), 422, "picture-truncated"),
    (PictureError("damaged", "bits"), 422, "picture-damaged"),
    (PictureError("timeout", "20 s"), 422, "picture-timeout"),
    (PictureError("crashed", "SIGSEGV"), 422, "picture-crashed"),
    (PictureError("too_costly", "900 scans"), 413, "picture-too-costly"),
    (PictureError("some_new_reason", "?"), 422, "picture-some-new-reason"),
    (PoolBusy("64 wait", 3, is_callers=True), 429, "too-busy"),
    (PoolBusy("256 wait", 3, is_callers=False), 503, "too-busy"),
    (WorkerNotStarted("/srv/python ended"), 503, "signing-failed"),
    (KeyNotFound("a", "/srv/index"), 404, "key-not-found"),
    (KeyInvalid("too long"), 422, "key-invalid"),
    (SignatureError("no hex"), 422, "signature-invalid"),
    (QueryError("limit"), 422, "query-invalid"),
    (Conflict("/srv/index: lost"), 409, "conflict"),
    (Undecided("/srv/index: 500"), 503, "store-undecided"),
    (CorruptObject("segments/x", "crc32"), 503, "corrupt"),
    (ObjectNotFound("segments/x", "/srv/index"), 503, "store-failed"),
    (StorageError("/srv/index: full"), 503, "store-failed"),
    (StoreUnfit("/srv/index: overwrites"), 503, "store-failed"),
    (IndexReplaced("/srv/index"), 503, "store-failed"),
    (IndexNotFound("/srv/index: gone"), 503, "store-failed"),
    (FormatUnsupported("/srv/index: format 9"), 503, "store-failed"),
    (HTTPException(400, "boundary"), 400, "bad-request"),
    (HTTPException(404), 404, "not-found"),
    (HTTPException(405, headers={"Allow": "GET"}), 405, "method-not-allowed"),
    (HTTPException(426), 426, "upgrade-required"),
    (ValueError("/srv/index: a mistake"), 500, "internal"),
]


@pytest.mark.parametrize(("error", "status", "code"), TABLE, ids=lambda value: getattr(value, "__name__", None))
def test_every_error_has_its_status_and_its_word(error: Exception, status: int, code: str) -> None:
    found = problems.of(error)
    assert (found.status, found.code) == (status, code)
    assert found.title
    assert "/srv" not in json.dumps(found.document()), "where things are on the server is not the client's business"


def test_every_error_of_the_library_is_in_the_table() -> None:
    tried = {type(error) for error, _, _ in TABLE}
    errors = {
        error for error in vars(shards.errors).values() if isinstance(error, type) and issubclass(error, LookalikeError)
    }
    # an index is made before it is served, and nothing is imported over HTTP
    assert errors - tried == {LookalikeError, shards.errors.IndexExists, shards.errors.DumpUnreadable}


@pytest.mark.parametrize("error", [Undecided("x"), Conflict("x"), StorageError("x")])
def test_what_may_be_tried_again_says_when(error: Exception) -> None:
    assert problems.of(error).headers == {"Retry-After": "1"}
    assert problems.of(CorruptObject("x", "y")).headers == {}


def test_what_concerns_whoever_runs_the_service_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lookalike"):
        for error in (Undecided("one"), CorruptObject("two", "x"), StorageError("three")):
            problems.of(error)
    assert [record.message.split(":")[0] for record in caplog.records] == ["one", "two", "three"]


def test_a_problem_is_itself() -> None:
    said = Problem(403, "a", "b", "c", "d", "e", {"X": "y"})
    assert problems.of(said) is said
    answer = problems.response(said)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x"] == "y"
    assert json.loads(bytes(answer.body)) == {
        "type": "about:blank",
        "title": "b",
        "status": 403,
        "code": "a",
        "detail": "c",
        "value": "d",
        "help": "e",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "…"),
        ("\ud800", "\ud800"),
        (7, 7),
        (True, True),
        (0.5, 0.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (1 << 60, str(1 << 60)),
        (["a"], "['a']"),
        (b"\xff", "b'\\xff'"),
    ],
)
def test_an_offending_value_is_shown_if_it_is_small(value: object, shown: object) -> None:
    document = Problem(422, "a", "b", "c", value).document()
    assert document["value"] == shown
    json.dumps(document, allow_nan=False)


def test_a_number_too_long_to_write_is_not_written() -> None:
    assert Problem(422, "a", "b", "c", 1 << 20_000).document()["value"] == "more than 2^53"


def test_a_mistake_of_ours_is_answered_without_its_details(fresh: Client) -> None:
    @fresh.app.get("/mistake")
    def mistake() -> None:
        raise RuntimeError("password is hunter2")

    response = fresh.get("/mistake")
    assert (response.status_code, problem(response)["code"]) == (500, "internal")
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/nothing", 404, "not-found", None),
        ("GET", "/v1", 404, "not-found", None),
        ("GET", "/v1/images/a/b/", 404, "key-not-found", None),
        ("GET", "/docs", 404, "not-found", None),
        ("PATCH", "/v1/images/a", 405, "method-not-allowed", "DELETE, GET, HEAD, PUT"),
        ("DELETE", "/v1/search", 405, "method-not-allowed", "GET, HEAD, POST"),
        ("DELETE", "/v1/stats", 405, "method-not-allowed", "GET, HEAD"),
        ("POST", "/healthz", 405, "method-not-allowed", "GET, HEAD"),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    client: Client, method: str, path: str, status: int, code: str, allow: str | None
) -> None:
    response = client.request(method, path)
    assert (response.status_code, problem(response)["code"]) == (status, code)
    assert response.headers.get("allow") == allow


def test_a_picture_that_is_sent_as_a_form_is_not_told_back_whole_and_help_is_given(client: Client) -> None:
    answer = client.put(
        "/v1/images/a", content=b"\x89PNG" + 5000 * b"x", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 422
    assert len(answer.content) < 1000
    assert "application/octet-stream" in answer.json()["help"]
    assert answer.json()["detail"] == "there is no such field"
