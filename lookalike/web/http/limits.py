"""Limits on body size, upload time and concurrency.

A request takes a place only after its whole body has arrived; requests get their places in the order in which their
bodies became complete. So a client that sends slowly holds up nobody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.web.http import problems
from lookalike.web.http.problems import Problem

IN_MEMORY = 1 << 20
"""Bytes of one body that stay in memory until its request is at work; a larger body goes to a temporary file."""

HELD = 2 << 30
"""Bytes of all arriving and waiting bodies, in memory and in temporary files: about 32 of the largest."""

CHUNK = 1 << 18
"""Bytes of a body that a handler gets at a time."""

RETRY = {"Retry-After": "2"}
"""By then the places have changed hands a few times."""

IDLE = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json"})
IDLE_BELOW = "/page/"
"""Paths that are answered at once however busy the service is: a busy service is not a dead one."""


class Limiter:
    """The places of a service, and the requests that wait for one."""

    def __init__(
        self, *, concurrency: int, waiting: int, max_body: int, body_seconds: float, max_held: int = HELD
    ) -> None:
        self.max_body = max_body
        self.body_seconds = body_seconds
        self.working = 0
        """Requests that have a place."""
        self.waiting = 0
        """Requests that wait for a place."""
        self.held = 0
        """Bytes of arriving and waiting bodies."""
        self._max_held = max_held
        self._max_requests = concurrency + waiting
        self._places = anyio.Semaphore(concurrency)

    def check_room(self) -> None:
        """Raise Problem 429 when the queue is full."""
        if self.working + self.waiting >= self._max_requests:
            raise _busy(f"{self.waiting:,} requests are waiting already")

    def hold(self, size: int) -> None:
        """Count these bytes as held. Raises Problem 429 when that would be more than the limit."""
        if self.held + size > self._max_held:
            raise _busy("the bodies of waiting requests use up the room for them")
        self.held += size

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, first come, first served, and hold it. Raises Problem 429 when the queue is full."""
        self.check_room()
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        self.working += 1
        try:
            yield
        finally:
            self.working -= 1
            self._places.release()


class Limits:
    """Middleware that answers 401, 408, 413 and 429 to requests that should not reach the handlers.

    A client that goes away leaves the queue; its handler is cancelled unless the answer was sent. `admit` raises
    Problem for a request that is refused before its body is read. `refused` is called with the code of each refusal.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        admit: Callable[[Scope], None],
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
        headers = Headers(scope=scope)
        answer = _Answer(send)
        with _Body(self._limiter) as body:
            try:
                self._admit(scope)
                self._limiter.check_room()
                self._check_length(headers.get("content-length", ""))
                if await self._arrive(body, receive):
                    await self._work(scope, body, receive, answer)
            except Problem as problem:
                if answer.has_begun:
                    raise
                self._refused(problem.code)
                await problems.response(problem)(scope, receive, send)

    def _check_length(self, length: str) -> None:
        """Check the announced length; the bytes that are really sent are counted as well."""
        if length.isdecimal() and int(length) > self._limiter.max_body:
            raise self._too_large(f"a body of {int(length):,} bytes")

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
        """Wait for a place and run the app, until the client goes away."""
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
                async with self._limiter.place():
                    await self._app(scope, body.replay(gone), answer)
            except Exception as error:  # raised below: the group would wrap it
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure


class _Body:
    """A body on its way to a handler; its bytes count as held until the handler has read them."""

    def __init__(self, limiter: Limiter) -> None:
        self.size = 0
        self._limiter = limiter
        self._file = SpooledTemporaryFile[bytes](max_size=IN_MEMORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def append(self, chunk: bytes) -> None:
        self._limiter.hold(len(chunk))
        self.size += len(chunk)
        # writing 64 KiB into the page cache is faster than a round trip to a thread
        self._file.write(chunk)

    def replay(self, gone: anyio.Event) -> Receive:
        """Return the app's `receive`: this body, then a disconnect once the client has gone."""
        self._file.seek(0)
        left = self.size
        is_whole = False

        async def receive() -> Message:
            nonlocal left, is_whole
            if is_whole:
                await gone.wait()
                return {"type": "http.disconnect"}
            chunk = self._file.read(CHUNK)
            left -= len(chunk)
            is_whole = left == 0
            if is_whole:
                self._let_go()
            return {"type": "http.request", "body": chunk, "more_body": not is_whole}

        return receive

    def _let_go(self) -> None:
        self._file.close()
        self._limiter.held -= self.size
        self.size = 0


class _Answer:
    """The app's `send`, which knows how much of the answer was sent."""

    def __init__(self, send: Send) -> None:
        self.has_begun = False
        self.is_complete = False
        self._send = send

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True
        await self._send(message)


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
