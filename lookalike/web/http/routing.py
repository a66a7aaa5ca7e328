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

QUERIED = frozenset({IMAGES[:-1], *(IMAGES[:-1] + part for part in PARTS)})
"""Paths below which the key may be left out, and be in the query."""

SAFE = "".join(map(chr, range(0x21, 0x7F))).replace("/", "")
"""Characters of a key in a path that stay unchanged: all that a path may have, % included.

Slashes are encoded, and so are bytes that a client should have encoded.
"""


BY_KEY = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods of requests about one image."""

KEY_IN_QUERY = "lookalike.key-in-query"
"""The key in the scope of a request that has the image's key in its query."""

HEAD = "lookalike.head"
"""The key in the scope of a request whose method was HEAD."""


class KeysInPaths:
    """Middleware that makes a key one segment of the path, still percent-encoded, whatever slashes it has.

    Routers match the decoded path, in which the key `a/content` and the content of `a` look the same.

    The key may also be in the query, as in `/v1/images/content?key=a`: some gateways decode paths, cut them at a `?`
    that was encoded, or join their slashes, and all of them leave the query as it is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "").encode()
            raw = scope.get("raw_path") or quote(scope["path"]).encode()
            path = raw.partition(b"?")[0].removeprefix(root)
            key, rest = _queried(scope, path)
            if key:
                part = path.removeprefix(IMAGES[:-1])
                scope = {**scope, "query_string": rest, KEY_IN_QUERY: True}
            elif path.startswith(IMAGES):
                key = path.removeprefix(IMAGES)
                part = next((part for part in PARTS if key.endswith(part) and len(key) > len(part)), b"")
                key = key.removesuffix(part)
            if key:
                scope = {**scope, "path": (root + IMAGES).decode() + quote(key, safe=SAFE) + part.decode()}
        await self._app(scope, receive, send)


def _queried(scope: Scope, path: bytes) -> tuple[bytes, bytes]:
    """Return the key in the query of a request about one image, percent-encoded, and the rest of the query.

    The key is empty where there is none, or more than one.
    """
    query: bytes = scope.get("query_string", b"")
    if path not in QUERIED or scope["method"] not in BY_KEY:
        return b"", query
    fields = [field.partition(b"=") for field in query.split(b"&")]
    keys = [value for name, _, value in fields if name == b"key"]
    if len(keys) != 1:
        return b"", query
    # as in a form: a plus sign is a blank
    return keys[0].replace(b"+", b"%20"), b"&".join(b"".join(field) for field in fields if field[0] != b"key")


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
            description="The image's key, percent-encoded; `/` may stay as it is. At most 1,024 bytes of UTF-8. Or the "
            "path has no key, and the query does: `/v1/images?key=…`, `/v1/images/content?key=…`.",
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
