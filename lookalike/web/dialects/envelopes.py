"""The envelopes of the dialects: a refusal is told in the form that the clients of that API read.

Handlers raise what all handlers raise, and `problems` makes of it what it makes of everything. At the edge of the
app, what a dialect's path is refused with is put into the dialect's own envelope: so that is also done to what never
reaches a handler, such as a missing token, a body too large, or a path that is not there.
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
"""From the first part of the path and a problem document to what the dialect sends instead."""

CLIENTS_FAULT = 400
"""What the dialects say where this API is more precise."""

PRECISER = frozenset({415, 422})


def refusals(model: type, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a dialect's route: each of these statuses in the envelope that `model` describes."""
    return {
        status: {"model": model, "description": openapi.REFUSALS[status]}
        for status in sorted({CLIENTS_FAULT if status in PRECISER else status for status in statuses})
    }


class Envelopes:
    """Puts the problem documents that answer a dialect's paths into the dialect's envelope.

    `envelopes`: by the first part of the path.
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
    """Passes on what is sent; a problem document is held back until it is whole."""

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
