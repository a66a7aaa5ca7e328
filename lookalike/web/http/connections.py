"""Limits on the time and the size of a request's head.

uvicorn waits for ever for a head, and takes one of any size, so a few thousand connections that send a byte now and
then hold all its sockets (slowloris). `lookalike.web.http.limits` bounds what follows the head, and uvicorn the pause
between two requests.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lookalike.web.http import problems
from lookalike.web.http.problems import Problem

HEAD_SECONDS = 10.0
"""A head is one or two packets: a slower client has lost its connection, or wants to hold ours."""

HEAD_BYTES = 64 << 10
"""An address for an upload has 6,000 characters; proxies take heads of 8 to 32 KB."""


class Connection(HttpToolsProtocol):
    """A connection that closes unless the next head is complete within `head_seconds`.

    The time counts from the opening or from the last answer, so a client that keeps sending the body of a refused
    request is cut off too. A head that has begun is answered 408, and one of more than `head_bytes` 431.
    """

    head_seconds: ClassVar[float] = HEAD_SECONDS
    head_bytes: ClassVar[int] = HEAD_BYTES

    _timer: asyncio.TimerHandle | None = None
    _is_in_head = False
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head += len(data)
        super().data_received(data)
        # the first chunk is not counted: it may hold the end of another request's body, and is one read at most
        if self._is_in_head and self._head > self.head_bytes:
            detail = f"the request's line and headers are larger than {self.head_bytes:,} bytes"
            help_ = "Send fewer cookies and a shorter address."
            self._refuse(Problem(431, "head-too-large", "The request's head is too large", detail, help=help_))

    def on_message_begin(self) -> None:
        self._is_in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # not if the next request came before this answer, and is already at work
        if self.cycle.response_complete and not self.transport.is_closing():
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self.head_seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if self._is_in_head:
            detail = f"the request's line and headers did not arrive within {self.head_seconds:g} s"
            self._refuse(Problem(408, "head-too-slow", "The request took too long to arrive", detail))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer before the app has a request to answer, and hang up."""
        answer = problems.response(problem)
        answer.headers["Connection"] = "close"
        line = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()
        lines = [line, *(name + b": " + value for name, value in answer.raw_headers), b"", bytes(answer.body)]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()
