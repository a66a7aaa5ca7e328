"""Requests to the service: forms, JSON, pictures, paths and queries, as bytes on a wire would say them.

An input is a request as HTTP/1.1 writes it. Whatever it asks, it gets an answer that is none of "something went wrong",
and JSON where JSON is announced.
"""

from __future__ import annotations

import asyncio
import atexit
import json
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from fastapi import FastAPI

from lookalike import Index
from lookalike.web import WebSettings, create_app
from lookalike.web.http.problems import Problem
from lookalike.web.remote.fetching import Fetched
from shards.storage.memory import MemoryStore
from tests.torture.corruption.crafting import changed
from tests.torture.corruption.scene import picture
from tests.torture.fuzzing.target import Mutation, Target
from tests.world import FakeWorld

RECORDED = Path(__file__).parents[2] / "requests"

OURS = {"host", "content-length", "transfer-encoding", "connection"}
"""Headers that the server in front of the app decides."""

REFUSING = {501, 502, 503}
"""Statuses above 500 that are no accident."""


class Nowhere:
    """A fetcher without a network."""

    async def fetch(self, url: str, *, caller: str, seconds: float) -> Fetched:
        raise Problem(502, "url-failed", "The address gave no picture", "there is no network", url)


class App:
    """An app over an index of two images, which is the same again before each request."""

    def __init__(self) -> None:
        self._store = MemoryStore(clock=lambda: 1.8e9)
        index = Index.create(self._store, effects=FakeWorld())
        index.add("cat.png", picture(1), {"n": 1})
        index.add("1", picture(2))
        self._objects = dict(self._store._objects)
        self._app: FastAPI = create_app(index, WebSettings(picture_seconds=60), fetcher=Nowhere())
        self._runner = asyncio.Runner()
        atexit.register(self._runner.close)

    def answer(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, Any, bytes]:
        """Return status, headers and body of the answer. Raises what the app does not catch."""
        self._store._objects = dict(self._objects)
        path, _, query = target.partition(b"?")
        sent: list[MutableMapping[str, Any]] = []
        pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)] or [b""]

        async def receive() -> MutableMapping[str, Any]:
            if not pieces:
                # the client waits for its answer
                await asyncio.Event().wait()
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquoted(path),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [*headers, (b"host", b"127.0.0.1"), (b"content-length", b"%d" % len(body))],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        self._runner.run(self._app(scope, receive, send))
        start = sent[0]
        return start["status"], dict(start["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


def unquoted(path: bytes) -> str:
    """Return the path as a server hands it on: with its escapes resolved."""
    from urllib.parse import unquote

    return unquote(path.decode("latin-1"))


@lru_cache
def app() -> App:
    return App()


def check(data: bytes) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    method, _, target = line.partition(b" ")
    target = target.partition(b" ")[0]
    # what llhttp and httptools refuse never reaches the app
    if not method.isalpha() or not target.startswith(b"/") or any(byte <= 32 or byte == 127 for byte in target):
        return
    headers = []
    for header in lines:
        name, colon, value = header.partition(b":")
        if colon and name.replace(b"-", b"").isalnum() and name.lower() not in OURS and b"\n" not in value:
            headers.append((name.lower(), value.strip().replace(b"\0", b"").replace(b"\r", b"")))
    status, answered, content = app().answer(method.decode().upper(), target, headers, body)
    assert status < 500 or status in REFUSING, f"{status}: {content[:500]!r}"
    kind = answered.get(b"content-type", b"")
    if b"json" in kind and content:
        for document in content.splitlines() if b"ndjson" in kind else (content,):
            json.loads(document, parse_constant=not_json)


def not_json(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def seeds() -> Sequence[bytes]:
    """What real clients sent, and a request for every route of ours."""
    found = [path.read_bytes() for path in sorted(RECORDED.glob("*/*.http"))]
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n%s\r\n'
        b'--x\r\nContent-Disposition: form-data; name="meta"\r\n\r\n{"album": "zoo", "n": 1.5}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\ncat.png\r\n--x--\r\n' % picture(1)
    )
    multipart = b"Content-Type: multipart/form-data; boundary=x"
    as_json = b"Content-Type: application/json"
    questions: list[dict[str, Any]] = [
        {"questions": [{"key": "cat.png"}, {"signature": "b6b2725949494e4c"}], "family": "dhash", "limit": 3},
        {"key": "cat.png", "family": "haar", "min_score": 10.5, "orientations": False, "negatives": True},
        {"key": "cat.png", "filter": {"n": 1}, "max_distance": 3, "family": "phash"},
        {"key": "1", "filter": {"$or": [{"a.b": {"$in": [1, "x"]}}, {"t": {"$elemMatch": {"$gte": 2}}}]}},
        {"url": "http://pictures.example/a.png", "limit": 1},
        {"a": {"key": "cat.png"}, "b": {"key": "1"}},
        {"images": [{"key": "new", "url": "http://pictures.example/a.png", "meta": {"a": [1, None]}}]},
        {"key": "later.jpg", "size": 1000, "type": "image/jpeg", "meta": {}},
    ]
    bodies = [json.dumps(question).encode() for question in questions]
    for route in (b"POST /v1/search", b"POST /v1/compare", b"POST /v1/images", b"POST /v1/uploads"):
        found += [_request(route, as_json, body) for body in bodies]
        found.append(_request(route, multipart, form))
        found.append(
            _request(route, b"Content-Type: application/x-www-form-urlencoded", b"key=cat.png&limit=2&family=haar")
        )
    found.append(_request(b"GET /v1/search?key=1&family=dhash&max_distance=64", b"Accept: application/x-ndjson", b""))
    found.append(_request(b"POST /v1/search?family=dhash&limit=2", b"Content-Type: image/png", picture(1)))
    found.append(_request(b"PUT /v1/images/new%2Fcat.png", b"Content-Type: image/png", picture(2)))
    found.append(_request(b"PUT /v1/images/new", multipart, form))
    found += [
        _request(line, b"Accept: */*", b"")
        for line in (
            b"GET /v1/images?limit=1&prefix=c&after=1", b"GET /v1/images/cat.png", b"DELETE /v1/images/cat.png",
            b"GET /v1/images/cat.png/thumbnail", b"GET /v1/images/cat.png/content", b"GET /v1/duplicates?family=dhash",
            b"GET /v1/stats", b"GET /metrics", b"GET /openapi.json", b"GET /", b"HEAD /readyz",
            b"GET /query?hash=iqdb_00", b"GET /v1/search?family=dhash&hash=-1&max_distance=64&limit=1",
            b"GET /v1/search?key=1&family=dhash&after=QFhAAAAAAAAAAAAAAAAAATE&hash_form=bits",
        )
    ]  # fmt: skip
    return found


def _request(line: bytes, header: bytes, body: bytes) -> bytes:
    return line + b" HTTP/1.1\r\n" + header + b"\r\n\r\n" + body


def mutate(data: bytes, plain: Mutation, random: Random) -> bytes:
    """Change the head or the body alone; of a JSON body mostly a value."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if random.random() < 0.3:
        return plain(head) + blank + body
    if body[:1] in (b"{", b"[") and random.random() < 0.7:
        try:
            return head + blank + json.dumps(changed(json.loads(body), random)).encode()
        except (ValueError, RecursionError):
            pass
    return head + blank + plain(body)


TOKENS = (
    b"&", b"=", b"%00", b"%ed%a0%80", b"\\ud800", b"boundary=", b"filename*=utf-8''",
    b"application/x-www-form-urlencoded",
    b'"questions"', b'"signature"', b"data:image/png;base64,", b"NaN", b"1e400", b"limit=", b"after=", b"filter=",
    b'"$not"', b'"$and"', b'"$contains"', b'"$exists"', b'"$$"',
)  # fmt: skip

TARGET = Target(check, seeds, TOKENS, mutate)
