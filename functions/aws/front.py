"""The way from API Gateway to the app: tokens are looked up, and answers that are too large to send are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast
from urllib.parse import quote

from fastapi import FastAPI
from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.aws.addresses import BucketContents, BucketUploads
from functions.aws.bucket import BucketOriginals
from functions.aws.events import Context, HttpRequest, HttpResponse
from functions.aws.image_folder import ImageFolder
from functions.aws.paths import path_of, with_path
from functions.aws.settings import Settings
from functions.aws.tokens import SecretTokens, is_closed
from lookalike.index import Index
from lookalike.signatures.async_pool import AsyncPool
from lookalike.web import WebSettings, create_app
from lookalike.web.api import lines
from lookalike.web.http import problems
from lookalike.web.http.access import CHALLENGE, Tokens
from lookalike.web.http.problems import Problem

ANSWER_BYTES = 6 << 20
"""Limit of Lambda on what a function sends: the answer's document, in which the body is a text."""

STREAMED = 4000
"""Hits of one answer in lines: with a kilobyte of key and metadata each, it is well below that limit."""

TEXT = [*DEFAULT_TEXT_MIME_TYPES, problems.MEDIA_TYPE, lines.MEDIA_TYPE]
"""Media types that are sent unchanged. All others are base64 on their way."""

OPEN = frozenset({"/healthz"})
"""Paths that are answered even while nobody may ask."""


class Closed:
    """An app that refuses everything, the page and the description of the API too: for while there are no tokens."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        problem = Problem(
            401,
            "closed",
            "Nobody may ask yet",
            "this service was given no tokens",
            help="Whoever deployed it puts lines 'TOKEN SCOPE NAME' into its secret in Secrets Manager, or deploys it "
            "with public: true.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
        await problems.response(problem)(scope, receive, send)


class Front:
    """Answers the events of an HTTP API. `build` makes the app for these tokens, anew whenever they change."""

    def __init__(self, tokens: SecretTokens, build: Callable[[Tokens], ASGIApp]) -> None:
        self._tokens = tokens
        self._build = build
        self._known = tokens.current()
        self._adapter = self._adapted(self._known)

    def __call__(self, event: HttpRequest, context: Context) -> HttpResponse:
        tokens = self._tokens.current()
        if tokens != self._known:
            self._known, self._adapter = tokens, self._adapted(tokens)
        # half a character, which JSON can hold and no key has, asks for what is not there
        asked = with_path(event, quote(path_of(event), errors="replace"))
        answer = cast(HttpResponse, self._adapter(cast(dict[str, object], asked), context))  # type: ignore[arg-type]
        size = sent_bytes(answer)
        return answer if size <= ANSWER_BYTES else _too_large(size)

    def _adapted(self, tokens: Tokens) -> Mangum:
        app = self._build(tokens)
        return Mangum(Closed(app) if is_closed(tokens) else app, lifespan="off", text_mime_types=TEXT)  # type: ignore[arg-type]


def sent_bytes(answer: HttpResponse) -> int:
    """Return the bytes of an answer on its way: its body is JSON within JSON, so each quotation mark counts twice.

    Written as the runtime of Python 3.12 and later does, in UTF-8.
    """
    return len(json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def app_builder(
    index: Index, pool: AsyncPool, bucket: BucketOriginals, folder: ImageFolder, settings: Settings
) -> Callable[[Tokens], FastAPI]:
    """Return what makes the app for given tokens."""

    def build(tokens: Tokens) -> FastAPI:
        web = WebSettings(
            reviews=False,
            tokens=tokens,
            cors_origins=settings.cors_origins,
            picture_origins=(bucket.origin,),
            urls=settings.urls,
            url_seconds=settings.answer_seconds,
            max_body=settings.max_body,
            picture_seconds=settings.answer_seconds,
            max_streamed=STREAMED,
            # a function answers one request at a time
            concurrency=1,
        )
        return create_app(
            index,
            web,
            pool=pool,
            uploads=BucketUploads(bucket, folder, index.settings.pictures.max_bytes, settings.address_seconds),
            contents=BucketContents(bucket, settings.max_content, settings.address_seconds),
        )

    return build


def _too_large(size: int) -> HttpResponse:
    problem = Problem(
        422,
        "answer-too-large",
        "The answer is too large",
        f"it has {size:,} bytes as it is sent, and {ANSWER_BYTES:,} can be",
        help="Ask for fewer at once: a smaller limit, or fewer questions.",
    )
    headers = {"content-type": problems.MEDIA_TYPE, "cache-control": "no-store"}
    return {
        "statusCode": problem.status,
        "headers": headers,
        "body": json.dumps(problem.document()),
        "isBase64Encoded": False,
    }
