"""Routing: keys in paths, and HEAD wherever there is GET."""

from __future__ import annotations

from typing import Annotated, TypeAlias
from urllib.parse import quote, unquote

from fastapi import Depends, Path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.web.http.problems import validation
from shards.table.format import names

IMAGES = b"/v1/images/"

PARTS = (b"/content", b"/thumbnail")
"""Paths below an image. A key that itself ends like that is written with %2F."""

SAFE = "".join(map(chr, range(0x21, 0x7F))).replace("/", "")
"""Characters of a key in a path that stay unchanged: all that a path may have, % included.

Slashes are encoded, and so are bytes that a client should have encoded.
"""


HEAD = "lookalike.head"
"""The key in the scope of a request whose method was HEAD."""


class KeysInPaths:
    """Middleware that makes a key one segment of the path, still percent-encoded, whatever slashes it has.

    Routers match the decoded path, in which the key `a/content` and the content of `a` look the same.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "").encode()
            raw = scope.get("raw_path") or quote(scope["path"]).encode()
            path = raw.partition(b"?")[0].removeprefix(root)
            if path.startswith(IMAGES):
                key = path.removeprefix(IMAGES)
                part = next((part for part in PARTS if key.endswith(part) and len(key) > len(part)), b"")
                whole = quote(key.removesuffix(part), safe=SAFE)
                scope = {**scope, "path": (root + IMAGES).decode() + whole + part.decode()}
        await self._app(scope, receive, send)


class HeadIsGet:
    """Middleware that answers HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET", HEAD: True}, receive, send_head)


def is_head(scope: Scope) -> bool:
    """Return whether the body of the answer is not sent, so that nothing needs to be read for it."""
    return HEAD in scope


def _key(
    key: Annotated[
        str,
        Path(
            description="The image's key, percent-encoded; `/` may stay as it is. At most 1,024 bytes of UTF-8.",
            min_length=1,
            examples=["holiday%2Fcat.jpg"],
        ),
    ],
) -> str:
    try:
        decoded = unquote(key, errors="strict")
    except UnicodeDecodeError as error:
        raise validation(f"key: {key} is not percent-encoded UTF-8", key) from error
    names.key_bytes(decoded)
    return decoded


ImageKey: TypeAlias = Annotated[str, Depends(_key)]
"""The annotation of a handler's `key` parameter."""
