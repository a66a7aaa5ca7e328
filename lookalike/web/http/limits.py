"""How much at once: the size of a body, the time it takes to arrive, and the requests at work.

A request comes in, its whole body arrives, it waits for a place in the order in which bodies became whole, it works.
Only then does it take a place: a client that sends slowly keeps nobody from anything.
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
from lookalike.web.settings import WebSettings

IN_MEMORY = 1 << 20
"""Bytes of one body that are held in memory until it is at work; beyond them it lies in a temporary file."""

HELD = 2 << 30
"""Bytes of all bodies that arrive or wait, in memory and in temporary files: about 32 of the largest."""

CHUNK = 1 << 18
"""Bytes that a handler gets at once of a body."""

RETRY = {"Retry-After": "2"}
"""Seconds: by then the places have changed hands a few times."""

IDLE = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json"})
IDLE_BELOW = "/page/"
"""What is answered at once, however much there is to do: a busy service is not a dead one."""


class Limiter:
    """The places of a service, and who waits for one.

    `working`, `waiting`: requests now. `held`: bytes of bodies that arrive or wait.
    """

    def __init__(self, settings: WebSettings, *, held: int = HELD) -> None:
        self.max_body = settings.max_body
        self.body_seconds = settings.body_seconds
        self.working = 0
        self.waiting = 0
        self.held = 0
        self._max_held = held
        self._most = settings.concurrency + settings.waiting
        self._places = anyio.Semaphore(settings.concurrency)

    def check_room(self) -> None:
        """Raise Problem 429 where the line is full."""
        if self.working + self.waiting >= self._most:
            raise _busy(f"{self.waiting:,} requests wait already")

    def hold(self, size: int) -> None:
        """Count these bytes as held. Raises Problem 429 where all that may be held is."""
        if self.held + size > self._max_held:
            raise _busy("the bodies of the requests that wait fill the room there is for them")
        self.held += size

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, first come, first served, and have it. Raises Problem 429 where the line is full."""
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
    """Answers 401, 408, 413 and 429 to what should not get to the handlers.

    A client that goes away leaves the line, or has its handler cancelled unless the answer was sent. `admit`:
    raises Problem for a request that is refused before its body is read. `refused`: is told the code of each refusal.
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
        """What the client says beforehand; what it really sends is counted."""
        if length.isdecimal() and int(length) > self._limiter.max_body:
            raise self._too_large(f"a body of {int(length):,} bytes")

    async def _arrive(self, body: _Body, receive: Receive) -> bool:
        """Whether all of it did; not where the client went away."""
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
            f"{body.size:,} bytes of the body came in {self._limiter.body_seconds:g} s, and it is not whole",
            help="Send a smaller picture, or send it over a faster connection.",
            headers={"Connection": "close"},
        )

    def _too_large(self, what: str) -> Problem:
        return Problem(
            413,
            "body-too-large",
            "The request is too large",
            f"{what} is larger than the {self._limiter.max_body:,} bytes that are taken",
            help="Send a smaller copy or fewer pictures at once; POST /v1/uploads gives an address for a large one.",
        )

    async def _work(self, scope: Scope, body: _Body, receive: Receive, answer: _Answer) -> None:
        """Wait for a place and run the app in it, as long as the client is there."""
        gone = anyio.Event()
        failure: Exception | None = None

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()
            # servers say so after the answer as well, when what the app does in the background has just begun
            if not answer.is_complete:
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            try:
                async with self._limiter.place():
                    await self._app(scope, body.replay(gone), answer)
            except Exception as error:  # raised below as it is: the group would wrap it
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure


class _Body:
    """A body on its way to a handler, counted as held until the handler has read it."""

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
        # 64 KiB at a time into the page cache: shorter than the way to a thread and back
        self._file.write(chunk)

    def replay(self, gone: anyio.Event) -> Receive:
        """The app's `receive`: this body, then that the client went away, when it did."""
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
    """The app's `send`, which knows how much was said."""

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
        429, "too-busy", "The service is busy", detail, help="Wait as long as Retry-After says.", headers=RETRY
    )


def _is_idle(path: str) -> bool:
    return path in IDLE or path.startswith(IDLE_BELOW)
