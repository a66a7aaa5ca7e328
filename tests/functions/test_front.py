"""The front: an answer is measured as it is sent, in whatever form it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from awslambdaric.lambda_runtime_marshaller import to_json
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.aws import front
from functions.aws.events import HttpResponse
from functions.aws.front import ANSWER_BYTES, Front, sent_bytes
from lookalike.web.http import problems
from lookalike.web.http.access import Tokens
from lookalike.web.http.problems import Problem
from tests.functions.stage import Invocation, event

TOO_MUCH = 6_291_556
"""Bytes from which on Lambda refuses an answer, by its own message."""


class Open:
    """Tokens by which everybody may ask."""

    def current(self) -> Tokens:
        return Tokens(anonymous=frozenset({"read"}))


def answered(app: ASGIApp, **given: str) -> HttpResponse:
    asked: Any = event("http_get") | given
    return Front(Open(), lambda tokens: app)(asked, Invocation())  # type: ignore[arg-type]


def on_the_wire(answer: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the bytes that the client of the runtime writes."""
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    return len(to_json(answer).encode())


BODIES = {
    "plain": ("x", "application/json"),
    "quotation marks": ('"', "application/json"),
    "backslashes": ("\\", "application/x-ndjson"),
    "line ends": ("\n", "application/x-ndjson"),
    "umlauts": ("ü", "application/json"),
    "faces": ("😺", "application/json"),
    "controls": ("\x01", "text/plain"),
    "a picture": ("x", "image/webp"),
    "a problem": ('"', problems.MEDIA_TYPE),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_size_of_an_answer_is_that_of_its_document(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, kind = BODIES[name]
    answer = answered(Response((text * 1000).encode(), media_type=kind))
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] == (name == "a picture")
    assert sent_bytes(answer) == on_the_wire(answer, monkeypatch)


@pytest.mark.parametrize("name", BODIES)
def test_what_lambda_would_refuse_is_refused_here_and_what_it_takes_is_sent(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, kind = BODIES[name]
    one = on_the_wire({"body": text}, monkeypatch) - on_the_wire({"body": ""}, monkeypatch)
    each = 4 / 3 if name == "a picture" else one
    for share, is_sent in ((0.99, True), (1.01, False)):
        body = (text * round(share * ANSWER_BYTES / each)).encode()
        answer = answered(Response(body, media_type=kind))
        assert (answer["statusCode"] == 200) == is_sent, f"{len(body):,} bytes"
        assert on_the_wire(answer, monkeypatch) < TOO_MUCH


def test_hits_of_many_questions_that_fit_before_they_are_escaped_are_refused() -> None:
    """A body of 5.75 million characters, of which one in eight is a quotation mark, was sent as 6.46 MB."""
    hit = '{"key":"holiday/1.jpg","score":91.25,"family":"haar"}'
    body = "[" + ",".join([hit] * (5_750_000 // (len(hit) + 1))) + "]"
    assert len(body) < 6_000_000 < ANSWER_BYTES
    answer = answered(Response(body, media_type="application/json"))
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (422, "answer-too-large")


def test_a_problem_that_is_too_large_is_another_problem() -> None:
    problem = Problem(422, "validation", "Not valid", '"' * 4_000_000)
    answer = answered(problems.response(problem))
    assert (answer["statusCode"], len(answer["body"]) < 1000) == (422, True)
    assert "answer-too-large" in answer["body"]


def test_the_refusal_says_how_large_the_answer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "ANSWER_BYTES", 100)
    answer = answered(Response("x" * 200, media_type="application/json"))
    assert "as it is sent, and 100 can be" in answer["body"]


def test_a_path_with_half_a_character_is_answered() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(scope["path"])(scope, receive, send)

    assert answered(app, rawPath="/v1/images/\ud83d.jpg")["body"] == "/v1/images/?.jpg"
