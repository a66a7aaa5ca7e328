"""Limits on what a connection may hold: the time and the size of a request's head, requests ahead, unsent answers.

uvicorn waits for ever for a head, and takes one of any size, so a few thousand connections that send a byte now and
then hold all its sockets (slowloris). It also waits for ever for a client that does not read its answers, takes as many
requests ahead as one read of the socket brings, and keeps all fields that follow a body in chunks (trailers), as if
they were headers of the request at work. `lookalike.web.http.limits` bounds the body itself, and uvicorn the pause
between two requests.
"""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lookalike.web.http import problems
from lookalike.web.http.crowd import PATIENCE, Crowd, Room, peer_of
from lookalike.web.http.doors import HealthOnly, UsersOnly
from lookalike.web.http.problems import Problem
from lookalike.web.http.users import Users

HEAD_SECONDS = 10.0
"""A head is one or two packets: a slower client has lost its connection, or wants to hold ours."""

RESERVE_SECONDS = 2.0
"""The same for a connection past all others, which may only ask for the service's health."""

HEAD_BYTES = 64 << 10
"""An address for an upload has 6,000 characters; proxies take heads of 8 to 32 KB."""

AROUND_BYTES = 64 << 10
"""Bytes that may come with a body in chunks and are no part of it, beside as many as the chunks have: sizes of chunks,
their extensions, which nobody sends, and trailers, which nobody reads. Five or six bytes frame a chunk."""

SEND_SECONDS = 20.0
"""Time in which a client must take what it was sent last, 64 KiB at most: 3 KiB a second, a modem of 1995."""

SEND_BUFFER = 256 << 10
"""Bytes of an answer that the system holds for a client, which Linux doubles. By itself it takes 4 MB for each."""

AHEAD = 8
"""Requests that a client may send before it has the answer to an earlier one. Browsers send none."""


class Connection(HttpToolsProtocol):
    """A connection that closes unless the next head is complete within `head_seconds`, and its client reads answers.

    The time counts from the opening or from the last answer, so a client that keeps sending the body of a refused
    request is cut off too. A head that has begun is answered 408, and one of more than `head_bytes` 431. A body in
    chunks with more than `around_bytes` around it is answered 400; trailers are dropped (RFC 9110, section 6.5.1).

    One request is worked on at a time, and the next one begins once the answer has left for the network. A client that
    does not take what it was sent within `send_seconds`, or that sends more than `ahead` requests ahead, is cut off.
    """

    head_seconds: ClassVar[float] = HEAD_SECONDS
    head_bytes: ClassVar[int] = HEAD_BYTES
    around_bytes: ClassVar[int] = AROUND_BYTES
    send_seconds: ClassVar[float] = SEND_SECONDS
    ahead: ClassVar[int] = AHEAD

    crowd: ClassVar[Crowd | None] = None
    """The connections of the server; `None` counts none."""
    users: ClassVar[Users | None] = None
    """The users of this machine who may ask for more than the service's health; `None`: all of them."""

    peer = ""
    _at_work: RequestResponseCycle | None = None
    _timer: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None
    _is_in_head = False
    _is_unsent = False
    _head = 0
    _is_in_body = False
    _around = 0
    _waits_since: float | None = None
    _is_patient = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        # writing is paused as soon as anything is unsent, and goes on when nothing is
        transport.set_write_buffer_limits(high=0)
        if (connected := transport.get_extra_info("socket")) is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.peer = peer_of(self.client)
        room = Room.YES if self.crowd is None else self.crowd.enter(self)
        if room is Room.NO:
            self.cut()
            return
        if room is Room.HEALTH:
            self.app = HealthOnly(self.app)
        elif self.users is not None:
            self.app = UsersOnly(self.app, self.users)
        self._wait_for_head(RESERVE_SECONDS if room is Room.HEALTH else self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_sending()
        if self.crowd is not None:
            self.crowd.leave(self)
        self._end_work()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head += len(data)
        if self._is_in_body:
            self._around += len(data)
        super().data_received(data)
        if self._is_in_body and self._around > self.around_bytes:
            self._refuse_body()
        # the first chunk is not counted: it may hold the end of another request's body, and is one read at most
        if self._is_in_head and self._head > self.head_bytes:
            detail = f"the request's line and headers are larger than {self.head_bytes:,} bytes"
            help_ = "Send fewer cookies and a shorter address."
            self._refuse(Problem(431, "head-too-large", "The request's head is too large", detail, help=help_))

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self.ahead:
            self.cut()
            # the parser stops; what uvicorn writes about that goes nowhere any more
            raise ConnectionAbortedError(f"more than {self.ahead} requests ahead of their answers")
        self._is_in_head, self._head = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._is_in_body, self._around = True, 0
        self._stop_waiting()
        self._keeps_waiting(is_patient=True)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        # once for its own bytes, which were counted as they came, and once for those that may be around it
        self._around = max(self._around - 2 * len(body), 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_body = False
        super().on_message_complete()
        if not self.cycle.response_complete:
            self._waits_since = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._keeps_waiting(is_patient=True)
        self._sending = self.loop.call_later(self.send_seconds, self.cut)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_sending()
        self._waits_since = None
        if self._is_unsent:
            self._is_unsent = False
            self.on_response_complete()

    def on_response_complete(self) -> None:
        if self.flow.write_paused and not self.transport.is_closing():
            self._is_unsent = True
            self.flow.pause_reading()
            return
        super().on_response_complete()
        # not if the next request came before this answer, and is already at work
        if self.cycle.response_complete and not self.transport.is_closing():
            self._wait_for_head(self.head_seconds)

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def patience(self) -> float | None:
        """Return the seconds for which the client has kept the service waiting, `None` while it must not be cut."""
        if self._waits_since is None:
            return None
        waited = self.loop.time() - self._waits_since
        return None if self._is_patient and waited < PATIENCE else waited

    def cut(self) -> None:
        """Close the connection at once, whatever is unsent."""
        self._stop_waiting()
        self._stop_sending()
        self._end_work()
        self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._at_work = cycle
        super()._start_asgi_task(cycle, app)

    def _end_work(self) -> None:
        """Tell the request at work that its client is gone; uvicorn tells the last one that came."""
        if self._at_work is not None and not self._at_work.response_complete:
            self._at_work.disconnected = True
            self._at_work.message_event.set()

    def _wait_for_head(self, seconds: float) -> None:
        self._stop_waiting()
        self._keeps_waiting(is_patient=False)
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _keeps_waiting(self, *, is_patient: bool) -> None:
        self._waits_since, self._is_patient = self.loop.time(), is_patient

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _too_slow(self) -> None:
        if self._is_in_head:
            detail = f"the request's line and headers did not arrive within {self.head_seconds:g} s"
            self._refuse(Problem(408, "head-too-slow", "The request took too long to arrive", detail))
        else:
            self.transport.close()

    def _refuse_body(self) -> None:
        if self.cycle.response_started:
            self.cut()
            return
        detail = f"more than {self.around_bytes:,} bytes came with the body that are no part of it"
        help_ = "Send the body with its Content-Length, or in larger chunks, and without trailers."
        self._refuse(Problem(400, "body-badly-framed", "The request cannot be read", detail, help=help_))

    def _refuse(self, problem: Problem) -> None:
        """Answer before the app has a request to answer, and hang up."""
        answer = problems.response(problem)
        answer.headers["Connection"] = "close"
        line = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()
        lines = [line, *(name + b": " + value for name, value in answer.raw_headers), b"", bytes(answer.body)]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()
