"""Envelopes of the dialects: refusals in the form that clients of that API expect.

Handlers of a dialect raise the same errors as all others, and `problems` turns them into problem documents. At the edge
of the app, a problem document that answers a path of a dialect is rewritten into the dialect's envelope. This also
covers requests that never reach a handler, such as those with a missing token or a body that is too large.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.web.api import openapi
from lookalike.web.http import problems

Envelope: TypeAlias = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""A function from the first part of the path and a problem document to the document that the dialect sends."""

CLIENTS_FAULT = 400
"""The status that the dialects send where this API has a more precise one."""

PRECISER = frozenset({415, 422})


def refusals(model: type, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a dialect's route: each status with the envelope that `model` describes."""
    return {
        status: {"model": model, "description": openapi.REFUSALS[status]}
        for status in sorted({CLIENTS_FAULT if status in PRECISER else status for status in statuses})
    }


class Envelopes:
    """Middleware that puts problem documents for a dialect's paths into the dialect's envelope.

    `envelopes` are given by the first part of the path.
    """

    def __init__(self, app: ASGIApp, *, envelopes: Mapping[str, Envelope]) -> None:
        self._app = app
        self._envelopes = envelopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _first_part(scope) if scope["type"] == "http" else ""
        if name in self._envelopes:
            send = _Sender(name, self._envelopes[name], send)
        await self._app(scope, receive, send)


class _Sender:
    """A `send` that passes messages on, but holds a problem document back until it is complete."""

    def __init__(self, name: str, envelope: Envelope, send: Send) -> None:
        self._name = name
        self._envelope = envelope
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = json.dumps(self._envelope(self._name, json.loads(self._body))).encode()
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        status = CLIENTS_FAULT if start["status"] in PRECISER else start["status"]
        await self._send({**start, "status": status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _first_part(scope: Scope) -> str:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path.lstrip("/").partition("/")[0]


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(problems.MEDIA_TYPE)
