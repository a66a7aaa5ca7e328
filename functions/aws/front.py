"""Between API Gateway and the app: who may ask is looked up, and what is too large to send is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.aws.events import Context, HttpRequest, HttpResponse
from functions.aws.tokens import SecretTokens, is_closed
from lookalike.web.http import problems
from lookalike.web.http.access import CHALLENGE, Tokens
from lookalike.web.http.problems import Problem

ANSWER_BYTES = 6 * 10**6
"""Of what a function may answer, 6 MiB, what is left when it is JSON inside JSON."""

TEXT = [*DEFAULT_TEXT_MIME_TYPES, problems.MEDIA_TYPE]
"""What is sent as it is. All else is base64 on its way."""

OPEN = frozenset({"/healthz"})
"""What is answered even where nobody may ask: whether there is anybody at home."""


class Closed:
    """Refuses everything, as long as there are no tokens: the page and the description of the API, too."""

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
    """Answers the events of an HTTP API. `build`: the app for these tokens, made anew when they are others."""

    def __init__(self, tokens: SecretTokens, build: Callable[[Tokens], ASGIApp]) -> None:
        self._tokens = tokens
        self._build = build
        self._known = tokens.current()
        self._adapter = self._adapted(self._known)

    def __call__(self, event: HttpRequest, context: Context) -> HttpResponse:
        tokens = self._tokens.current()
        if tokens != self._known:
            self._known, self._adapter = tokens, self._adapted(tokens)
        answer = cast(HttpResponse, self._adapter(cast(dict[str, object], event), context))  # type: ignore[arg-type]
        size = len(answer.get("body", ""))
        return answer if size <= ANSWER_BYTES else _too_large(size)

    def _adapted(self, tokens: Tokens) -> Mangum:
        app = self._build(tokens)
        return Mangum(Closed(app) if is_closed(tokens) else app, lifespan="off", text_mime_types=TEXT)  # type: ignore[arg-type]


def _too_large(size: int) -> HttpResponse:
    problem = Problem(
        422,
        "answer-too-large",
        "The answer is too large",
        f"it has {size:,} bytes, {ANSWER_BYTES:,} at most can be sent",
        help="Ask for fewer at once: a smaller limit, or fewer questions.",
    )
    headers = {"content-type": problems.MEDIA_TYPE, "cache-control": "no-store"}
    return {
        "statusCode": problem.status,
        "headers": headers,
        "body": json.dumps(problem.document()),
        "isBase64Encoded": False,
    }
