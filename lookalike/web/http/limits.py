"""Limits on body size, upload time, requests at once, and the bytes that they hold.

A request counts from the moment when its whole body has arrived until its answer begins, so a client that sends or
reads slowly holds up nobody else. The bytes of its body count from the first one until its answer begins, and those of
its answer until they are sent. One caller gets half of all at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import BinaryIO, Self, cast

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.web.http import problems
from lookalike.web.http.forms import TEXT_BYTES, URLENCODED, too_large
from lookalike.web.http.problems import Problem

IN_MEMORY = 1 << 20
"""Bytes of one body that stay in memory until its request is at work; a larger body goes to a temporary file."""

HELD = 1 << 30
"""Bytes of all bodies, fetched pictures and unsent answers, in memory and in temporary files: 16 of the largest."""

SHARE = 2
"""The part of the requests and of the bytes that one caller may have: 1 / SHARE."""

PIECE = 1 << 16
"""Bytes of an answer that are sent at a time. The next ones follow when the network has taken these."""

DIGITS = 18
"""Digits of the largest length that is told from a larger one."""

ARRIVED = "lookalike.body"
"""The key in a request's scope of the body that has arrived."""

CHUNK = 1 << 18
"""Bytes of a body that a handler gets at a time."""

RETRY = {"Retry-After": "2"}
"""By then the places have changed hands a few times."""

IDLE = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json"})
IDLE_BELOW = "/page/"
"""Paths that are answered at once however busy the service is: a busy service is not a dead one."""


class Limiter:
    """The requests of a service, and the bytes that they hold."""

    def __init__(self, *, requests: int, max_body: int, body_seconds: float, max_held: int = HELD) -> None:
        self.max_body = max_body
        self.body_seconds = body_seconds
        self.requests = 0
        """Requests that have arrived, and whose answers have not begun."""
        self.held = 0
        """Bytes of bodies, fetched pictures, and unsent answers."""
        self._max_held = max_held
        self._max_requests = requests
        self._requests_of: Counter[str] = Counter()
        self._held_of: Counter[str] = Counter()

    def check_room(self, caller: str) -> None:
        """Raise Problem 429 where there are as many requests as there may be, or as many of this caller."""
        if self.requests >= self._max_requests:
            raise _busy(f"{self.requests:,} requests are at work or wait already")
        if self._requests_of[caller] >= max(1, self._max_requests // SHARE):
            raise _busy(f"{self._requests_of[caller]:,} requests of yours are at work or wait already")

    def begin(self, caller: str) -> None:
        """Count a request that has arrived. Raises Problem 429."""
        self.check_room(caller)
        self.requests += 1
        self._requests_of[caller] += 1

    def end(self, caller: str) -> None:
        """Count a request no longer."""
        self.requests -= 1
        _subtract(self._requests_of, caller, 1)

    def hold(self, size: int, caller: str) -> None:
        """Count these bytes as held. Raises Problem 429 when that would be more than the limit."""
        if self.held + size > self._max_held:
            raise _busy("the bodies of waiting requests use up the room for them")
        if self._held_of[caller] + size > self._max_held // SHARE:
            raise _busy("the bodies of your waiting requests use up your share of the room for them")
        self.keep(size, caller)

    def keep(self, size: int, caller: str) -> None:
        """Count these bytes as held, which they are already."""
        self.held += size
        self._held_of[caller] += size

    def let_go(self, size: int, caller: str) -> None:
        """Count these bytes no longer."""
        self.held -= size
        _subtract(self._held_of, caller, size)

    @contextmanager
    def holding(self, size: int, caller: str) -> Iterator[None]:
        """Hold these bytes. Raises Problem 429 when that would be more than the limit."""
        self.hold(size, caller)
        try:
            yield
        finally:
            self.let_go(size, caller)


def _subtract(counts: Counter[str], name: str, number: int) -> None:
    counts[name] -= number
    if not counts[name]:
        del counts[name]


class Limits:
    """Middleware that answers 401, 408, 413 and 429 to requests that should not reach the handlers.

    When a client goes away, its handler is cancelled unless the answer was sent. `admit` returns the name of the
    caller, and raises Problem for a request that is refused before its body is read. `refused` is called with the code
    of each refusal.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        admit: Callable[[Scope], str],
        limiter: Limiter,
        refused: Callable[[str], None],
    ) -> None:
        self._app = app
        self._admit = admit
        self._limiter = limiter
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or _is_idle(path):
            await self._app(scope, receive, send)
            return
        with _Body(self._limiter) as body:
            answer = _Answer(send, body)
            try:
                body.caller = self._admit(scope)
                self._limiter.check_room(body.caller)
                self._check_length(Headers(scope=scope))
                if await self._arrive(body, receive):
                    body.begin()
                    # not a copy: middleware further out reads the route from this scope
                    scope[ARRIVED] = body
                    await self._work(scope, body, receive, answer)
            except Problem as problem:
                if answer.has_begun:
                    raise
                self._refused(problem.code)
                await problems.response(problem)(scope, receive, send)

    def _check_length(self, headers: Headers) -> None:
        """Check the announced length; the bytes that are really sent are counted as well."""
        length = headers.get("content-length", "")
        # more digits would be refused as a number before they are as a size
        size = int(length[:DIGITS]) if length.isdecimal() else 0
        if size > self._limiter.max_body:
            raise self._too_large(f"a body of {size:,} bytes")
        if size > TEXT_BYTES and headers.get("content-type", "").lower().startswith(URLENCODED):
            raise too_large("a form without files")

    async def _arrive(self, body: _Body, receive: Receive) -> bool:
        """Read the whole body. Returns whether it arrived, which it does not when the client goes away."""
        with anyio.move_on_after(self._limiter.body_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return False
                chunk = message.get("body", b"")
                if body.size + len(chunk) > self._limiter.max_body:
                    raise self._too_large("the body")
                body.append(chunk)
                if not message.get("more_body", False):
                    return True
        raise Problem(
            408,
            "body-too-slow",
            "The request took too long to arrive",
            f"{body.size:,} bytes of the body arrived within {self._limiter.body_seconds:g} s, and it is incomplete",
            help="Send a smaller picture, or use a faster connection.",
            headers={"Connection": "close"},
        )

    def _too_large(self, what: str) -> Problem:
        return Problem(
            413,
            "body-too-large",
            "The request is too large",
            f"{what} is larger than the limit of {self._limiter.max_body:,} bytes",
            help="Send a smaller copy or fewer pictures at once; POST /v1/uploads gives an address for a large one.",
        )

    async def _work(self, scope: Scope, body: _Body, receive: Receive, answer: _Answer) -> None:
        """Run the app, until the client goes away."""
        gone = anyio.Event()
        failure: Exception | None = None

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()
            # servers also send this after the answer, when the app's background work has just begun
            if not answer.is_complete:
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            try:
                await self._app(scope, body.replay(gone), answer)
            except Exception as error:  # raised below: the group would wrap it
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure


class _Body:
    """A body, and what its request counts as: a request from `begin`, and the bytes from the first, until `end`."""

    def __init__(self, limiter: Limiter) -> None:
        self.size = 0
        self.caller = ""
        """Empty until it is known."""
        self._limiter = limiter
        self._has_begun = False
        self._file = SpooledTemporaryFile[bytes](max_size=IN_MEMORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._file.close()

    def append(self, chunk: bytes) -> None:
        self._limiter.hold(len(chunk), self.caller)
        self.size += len(chunk)
        # writing 64 KiB into the page cache is faster than a round trip to a thread
        self._file.write(chunk)

    def begin(self) -> None:
        """Count the request, now that its body is whole."""
        self._file.seek(0)
        self._limiter.begin(self.caller)
        self._has_begun = True

    def end(self) -> None:
        """Count neither the request nor its bytes any more."""
        if self._has_begun:
            self._limiter.end(self.caller)
            self._has_begun = False
        self._limiter.let_go(self.size, self.caller)
        self.size = 0

    @contextmanager
    def sending(self, size: int) -> Iterator[Callable[[int], None]]:
        """Count so many bytes of the answer as held; yields a function that counts some of them no longer."""
        left = size

        def sent(count: int) -> None:
            nonlocal left
            left -= count
            self._limiter.let_go(count, self.caller)

        self._limiter.keep(size, self.caller)
        try:
            yield sent
        finally:
            sent(left)

    def file(self) -> BinaryIO:
        """Return the whole body, to be read once, in a thread."""
        return cast(BinaryIO, self._file)

    def replay(self, gone: anyio.Event) -> Receive:
        """Return the app's `receive`: this body, then a disconnect once the client has gone."""
        is_whole = False

        async def receive() -> Message:
            nonlocal is_whole
            if is_whole:
                await gone.wait()
                return {"type": "http.disconnect"}
            chunk = self._file.read(CHUNK)
            is_whole = len(chunk) < CHUNK
            return {"type": "http.request", "body": chunk, "more_body": not is_whole}

        return receive


class _Answer:
    """The app's `send`, which sends a large answer in pieces, and knows how much of it was sent."""

    def __init__(self, send: Send, body: _Body) -> None:
        self.has_begun = False
        self.is_complete = False
        self._send = send
        self._body = body

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        if message["type"] != "http.response.body":
            self._body.end()
            await self._send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if len(body) <= PIECE:
            self.is_complete = not more
            await self._send(message)
            return
        view = memoryview(body)
        with self._body.sending(len(body)) as sent:
            for at in range(0, len(body), PIECE):
                piece = bytes(view[at : at + PIECE])
                self.is_complete = not more and at + PIECE >= len(body)
                await self._send({"type": "http.response.body", "body": piece, "more_body": not self.is_complete})
                sent(len(piece))


def arrived(scope: Scope) -> BinaryIO:
    """Return the body of a request that has come through `Limits`, to be read once, in a thread."""
    body: _Body = scope[ARRIVED]
    return body.file()


def _busy(detail: str) -> Problem:
    return Problem(
        429,
        "too-busy",
        "The service is busy",
        detail,
        help="Try again after the seconds in Retry-After.",
        headers=RETRY,
    )


def _is_idle(path: str) -> bool:
    return path in IDLE or path.startswith(IDLE_BELOW)
