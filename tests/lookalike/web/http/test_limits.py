"""Limits on body size, upload time, requests at once and bytes that they hold, and clients that go away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.web.http.access import Tokens, authenticate
from lookalike.web.http.forms import TEXT_BYTES
from lookalike.web.http.limits import CHUNK, IN_MEMORY, PIECE, SHARE, Limiter, Limits, arrived
from tests.lookalike.web.virtual_time import now, run, settle

TOKEN = "a-token-that-only-tests-know"


@dataclass
class Exchange:
    """One request, whose body the test sends piece by piece, and what it was answered."""

    path: str = "/v1/search"
    headers: dict[str, str] = field(default_factory=dict)
    root_path: str = ""
    sent: list[Message] = field(default_factory=list)
    received: int = 0
    task: asyncio.Task[None] | None = None
    inbox: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)

    async def receive(self) -> Message:
        self.received += 1
        return await self.inbox.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def start(self, app: ASGIApp) -> Exchange:
        scope = {
            "type": "http",
            "method": "POST",
            "path": self.path,
            "root_path": self.root_path,
            "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
            "exchange": self,
        }
        self.task = asyncio.create_task(app(scope, self.receive, self.send))  # type: ignore[arg-type]
        return self

    def body(self, *chunks: bytes, more: bool = False) -> Exchange:
        for i, chunk in enumerate(chunks or (b"",)):
            is_last = i == max(len(chunks), 1) - 1
            self.inbox.put_nowait({"type": "http.request", "body": chunk, "more_body": more or not is_last})
        return self

    def leave(self) -> None:
        self.inbox.put_nowait({"type": "http.disconnect"})

    async def end(self) -> Exchange:
        assert self.task is not None
        await self.task
        return self

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def answer(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def problem(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.answer)
        return document

    @property
    def answer_headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


async def answer(send: Send, body: bytes = b"done") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the request's body."""
    body, more = b"", True
    while more:
        message = await receive()
        assert len(message["body"]) <= CHUNK
        body += message["body"]
        more = message["more_body"]
    await answer(send, body)


def limiter_of(*, requests: int = 320, max_body: int = 1 << 26, body_seconds: float = 60, **limits: Any) -> Limiter:
    """Return a limiter with these limits, and wide ones otherwise."""
    return Limiter(requests=requests, max_body=max_body, body_seconds=body_seconds, **limits)


def caller_of(scope: Scope) -> str:
    """The caller that a request says it is; all requests are of different ones otherwise."""
    exchange: Exchange = scope["exchange"]
    return exchange.headers.get("caller", str(id(exchange)))


class Stage:
    """An app whose requests stay at work until the test lets them go, and the limits around it."""

    def __init__(self, **limits: Any) -> None:
        self.limiter = limiter_of(**limits)
        self.refused: list[str] = []
        self.working: list[Exchange] = []
        self.cancelled: list[Exchange] = []
        self._go: dict[int, asyncio.Event] = {}
        self.app = Limits(self._work, admit=caller_of, limiter=self.limiter, refused=self.refused.append)

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = scope["exchange"]
        self.working.append(exchange)
        try:
            await self._going(exchange).wait()
            await answer(send)
        except asyncio.CancelledError:
            self.cancelled.append(exchange)
            raise
        finally:
            self.working.remove(exchange)

    def _going(self, exchange: Exchange) -> asyncio.Event:
        return self._go.setdefault(id(exchange), asyncio.Event())

    def let_go(self, exchange: Exchange) -> None:
        self._going(exchange).set()

    def request(self, path: str = "/v1/search", **headers: str) -> Exchange:
        """A request without a body, on its way."""
        return Exchange(path, headers).start(self.app).body()

    def is_at_rest(self) -> bool:
        return (self.limiter.requests, self.limiter.held) == (0, 0)


def limited(app: ASGIApp, tokens: Tokens | None = None, **limits: Any) -> Limits:
    def admit(scope: Scope) -> str:
        authenticate(Headers(scope=scope).get("authorization"), tokens or Tokens.none())
        return caller_of(scope)

    return Limits(app, admit=admit, limiter=limiter_of(**limits), refused=lambda _: None)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_a_body_reaches_the_app_as_it_was_sent(chunks: Sequence[bytes]) -> None:
    async def scene() -> None:
        exchange = await Exchange().start(limited(echo)).body(*chunks).end()
        assert exchange.answer == b"".join(chunks)

    run(scene())


def test_a_body_too_large_for_memory_waits_on_disk_and_is_the_same() -> None:
    async def scene() -> None:
        body = bytes(range(256)) * (IN_MEMORY // 64)
        limiter = limiter_of()
        app = Limits(echo, admit=caller_of, limiter=limiter, refused=lambda _: None)
        exchange = Exchange().start(app).body(body[:-5], more=True)
        await settle()
        assert limiter.held == len(body) - 5
        await exchange.body(body[-5:]).end()
        assert exchange.answer == body
        assert limiter.held == 0

    run(scene())


def test_a_body_of_exactly_the_most_is_taken_and_a_byte_more_is_not() -> None:
    async def scene() -> None:
        app = limited(echo, max_body=10)
        taken = await Exchange(headers={"content-length": "10"}).start(app).body(b"0123456789").end()
        assert taken.answer == b"0123456789"
        refused = await Exchange().start(app).body(b"01234", b"56789", b"!", more=True).end()
        assert refused.status == 413
        assert refused.problem["code"] == "body-too-large"
        assert "10 bytes" in refused.problem["detail"]
        assert "/v1/uploads" in refused.problem["help"]

    run(scene())


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    async def scene() -> None:
        exchange = await Exchange(headers={"content-length": "11"}).start(limited(echo, max_body=10)).end()
        assert (exchange.status, exchange.received) == (413, 0)

    run(scene())


def test_a_body_that_says_it_is_small_is_counted_all_the_same() -> None:
    async def scene() -> None:
        app = limited(echo, max_body=10)
        exchange = await Exchange(headers={"content-length": "1"}).start(app).body(b"x" * 11).end()
        assert exchange.status == 413

    run(scene())


def test_a_body_has_to_arrive_in_time_however_often_a_piece_comes() -> None:
    async def scene() -> None:
        exchange = Exchange().start(limited(echo, body_seconds=60))

        async def trickle() -> None:
            while True:
                await asyncio.sleep(7)
                exchange.body(b"x", more=True)

        trickling = asyncio.create_task(trickle())
        await exchange.end()
        trickling.cancel()
        assert now() == pytest.approx(60)
        assert exchange.status == 408
        assert exchange.problem["code"] == "body-too-slow"
        assert exchange.problem["detail"].startswith("8 bytes")
        assert exchange.answer_headers[b"connection"] == b"close"

    run(scene())


def test_a_slow_body_takes_no_place() -> None:
    async def scene() -> None:
        app = limited(echo, requests=1)
        slow = Exchange().start(app).body(b"begin", more=True)
        await settle()
        assert (await Exchange().start(app).body(b"fast").end()).answer == b"fast"
        assert (await slow.body(b" end").end()).answer == b"begin end"

    run(scene())


def test_the_time_at_work_is_not_the_time_of_the_body() -> None:
    async def scene() -> None:
        stage = Stage(body_seconds=5)
        exchange = stage.request()
        await asyncio.sleep(100)
        stage.let_go(exchange)
        assert (await exchange.end()).status == 200

    run(scene())


def test_one_caller_has_a_part_of_the_requests() -> None:
    async def scene() -> None:
        stage = Stage(requests=2 * SHARE)
        greedy = [stage.request(caller="greedy") for _ in range(2)]
        await settle()
        refused = await stage.request(caller="greedy").end()
        assert (refused.status, refused.problem["code"]) == (429, "too-busy")
        assert "of yours" in refused.problem["detail"]
        other = stage.request(caller="other")
        for exchange in (*greedy, other):
            stage.let_go(exchange)
            assert (await exchange.end()).status == 200
        assert stage.is_at_rest()

    run(scene())


def test_one_caller_has_a_part_of_the_room_for_bodies() -> None:
    async def scene() -> None:
        stage = Stage(max_held=50 * SHARE)
        greedy = Exchange(headers={"caller": "greedy"}).start(stage.app).body(b"x" * 50, more=True)
        await settle()
        refused = await Exchange(headers={"caller": "greedy"}).start(stage.app).body(b"y").end()
        assert (refused.status, refused.problem["code"]) == (429, "too-busy")
        other = Exchange(headers={"caller": "other"}).start(stage.app).body(b"x" * 50)
        stage.let_go(other)
        assert (await other.end()).status == 200
        greedy.leave()
        await greedy.end()
        assert stage.is_at_rest()

    run(scene())


def test_an_answer_that_is_not_read_keeps_nobody_out() -> None:
    async def scene() -> None:
        app = limited(echo, requests=1)
        reading = asyncio.Event()
        unread = Exchange()

        async def send(message: Message) -> None:
            await reading.wait()

        unread.send = send  # type: ignore[method-assign]
        unread.start(app).body(b"x")
        await settle()
        assert (await Exchange().start(app).body(b"read").end()).answer == b"read"
        reading.set()
        await unread.end()

    run(scene())


def test_a_large_answer_leaves_in_pieces_and_what_is_unsent_counts() -> None:
    async def scene() -> None:
        limiter = limiter_of()
        body = bytes(range(256)) * (3 * PIECE // 256 + 1)
        held: list[int] = []
        exchange = Exchange()
        keep = exchange.send

        async def send(message: Message) -> None:
            held.append(limiter.held)
            await keep(message)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answer(send, body)

        exchange.send = send  # type: ignore[method-assign]
        around = Limits(app, admit=caller_of, limiter=limiter, refused=lambda _: None)
        await exchange.start(around).body(b"question").end()
        assert exchange.answer == body
        assert held == [0, len(body), len(body) - PIECE, len(body) - 2 * PIECE, len(body) - 3 * PIECE]
        assert [message.get("more_body") for message in exchange.sent[1:]] == [True, True, True, False]
        assert limiter.held == 0

    run(scene())


def test_a_form_without_files_is_small() -> None:
    async def scene() -> None:
        headers = {"content-type": "application/x-www-form-urlencoded", "content-length": str(TEXT_BYTES + 1)}
        exchange = await Exchange(headers=headers).start(limited(echo)).end()
        assert (exchange.status, exchange.received) == (413, 0)
        assert "Content-Type" in exchange.problem["help"]

    run(scene())


def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    async def scene() -> None:
        exchange = await Exchange(headers={"content-length": "9" * 5000}).start(limited(echo)).end()
        assert (exchange.status, exchange.received) == (413, 0)

    run(scene())


def test_a_handler_may_read_the_body_as_a_file() -> None:
    async def scene() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answer(send, arrived(scope).read())

        assert (await Exchange().start(limited(app)).body(b"one", b"two").end()).answer == b"onetwo"

    run(scene())


def test_a_full_house_answers_at_once_without_reading_the_body() -> None:
    async def scene() -> None:
        stage = Stage(requests=3)
        inside = [stage.request() for _ in range(3)]
        await settle()
        outside = await Exchange().start(stage.app).end()
        assert (outside.status, outside.received) == (429, 0)
        assert outside.problem["code"] == "too-busy"
        assert outside.answer_headers[b"retry-after"] == b"2"
        assert stage.refused == ["too-busy"]
        for exchange in inside:
            stage.let_go(exchange)
            assert (await exchange.end()).status == 200
        assert stage.is_at_rest()

    run(scene())


def test_a_house_that_filled_while_the_body_arrived_answers_so() -> None:
    async def scene() -> None:
        stage = Stage(requests=1)
        arriving = Exchange().start(stage.app).body(b"x", more=True)
        await settle()
        first = stage.request()
        await settle()
        assert (await arriving.body(b"y").end()).status == 429
        stage.let_go(first)
        await first.end()
        assert stage.is_at_rest()

    run(scene())


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/page/page.js"])
def test_a_busy_service_is_not_a_dead_one(path: str) -> None:
    async def scene() -> None:
        stage = Stage(requests=1)
        busy = stage.request()
        await settle()
        idle = stage.request(path)
        stage.let_go(idle)
        assert (await idle.end()).status == 200
        stage.let_go(busy)
        await busy.end()

    run(scene())


def test_below_another_path_the_same_holds() -> None:
    async def scene() -> None:
        app = limited(echo, tokens=Tokens.parse(f"{TOKEN} read"))
        for path, status in (("/pictures/healthz", 200), ("/pictures/v1/stats", 401)):
            exchange = Exchange(path, root_path="/pictures").start(app).body(b"x")
            assert (await exchange.end()).status == status

    run(scene())


def test_who_leaves_while_sending_leaves_nothing_behind() -> None:
    async def scene() -> None:
        stage = Stage()
        exchange = Exchange().start(stage.app).body(b"half", more=True)
        await settle()
        exchange.leave()
        await exchange.end()
        assert exchange.sent == []
        assert stage.is_at_rest()

    run(scene())


def test_who_leaves_at_work_is_worked_for_no_longer() -> None:
    async def scene() -> None:
        stage = Stage()
        first, second = stage.request(), stage.request()
        await settle()
        first.leave()
        await first.end()
        await settle()
        assert stage.cancelled == [first]
        assert stage.working == [second]
        stage.let_go(second)
        await second.end()
        assert stage.is_at_rest()

    run(scene())


def test_work_that_goes_on_after_the_answer_is_not_cut_short() -> None:
    """Servers say "disconnected" as soon as the answer is out."""

    async def scene() -> None:
        done = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answer(send)
            scope["exchange"].leave()
            await asyncio.sleep(10)
            done.append(now())

        await Exchange().start(limited(app)).body().end()
        assert done == [pytest.approx(10)]

    run(scene())


def test_an_app_that_asks_hears_that_the_client_left() -> None:
    async def scene() -> None:
        heard = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await answer(send)
            scope["exchange"].leave()
            heard.append((await receive())["type"])

        await Exchange().start(limited(app)).body(b"all").end()
        assert heard == ["http.disconnect"]

    run(scene())


def test_an_error_of_the_app_comes_out_as_it_is_and_counts_no_longer() -> None:
    async def scene() -> None:
        limiter = limiter_of(requests=1)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise ZeroDivisionError("of the app")

        around = Limits(app, admit=caller_of, limiter=limiter, refused=lambda _: None)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match="of the app"):
                await Exchange().start(around).body(b"x").end()
        assert (limiter.requests, limiter.held) == (0, 0)

    run(scene())


def test_all_bodies_together_have_bounded_room() -> None:
    async def scene() -> None:
        stage = Stage(max_held=100, max_body=60)
        slow = [Exchange().start(stage.app).body(b"x" * 50, more=True) for _ in range(2)]
        await settle()
        refused = await Exchange().start(stage.app).body(b"y").end()
        assert (refused.status, refused.problem["code"]) == (429, "too-busy")
        slow[0].leave()
        await slow[0].end()
        assert stage.limiter.held == 50
        fits = Exchange().start(stage.app).body(b"y")
        stage.let_go(fits)
        assert (await fits.end()).status == 200
        slow[1].leave()
        await slow[1].end()
        assert stage.is_at_rest()

    run(scene())


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer of-nothing-that-is-known"}])
def test_without_a_good_token_the_body_is_not_read(headers: dict[str, str]) -> None:
    async def scene() -> None:
        app = limited(echo, tokens=Tokens.parse(f"{TOKEN} read"))
        exchange = await Exchange(headers=headers).start(app).end()
        assert (exchange.status, exchange.received) == (401, 0)
        assert exchange.answer_headers[b"www-authenticate"].startswith(b"Bearer")
        good = Exchange(headers={"authorization": f"Bearer {TOKEN}"}).start(app).body(b"hello")
        assert (await good.end()).answer == b"hello"

    run(scene())


@given(st.lists(st.tuples(st.sampled_from(["come", "whole", "go", "leave"]), st.integers(0, 30)), max_size=60))
def test_whatever_happens_no_request_is_forgotten_and_none_is_made_up(events: Sequence[tuple[str, int]]) -> None:
    async def scene() -> None:
        stage = Stage(requests=5)
        everybody: list[Exchange] = []
        for event, number in events:
            if event == "come":
                everybody.append(Exchange().start(stage.app).body(b"x", more=True))
            elif everybody:
                one = everybody[number % len(everybody)]
                if event == "whole":
                    one.body(b"y")
                elif event == "go":
                    stage.let_go(one)
                else:
                    one.leave()
            await settle()
            assert len(stage.working) == stage.limiter.requests <= 5
        for one in everybody:
            one.leave()
        await settle()
        for one in everybody:
            await one.end()
            assert one.status in (None, 200, 429)
        assert stage.is_at_rest()

    run(scene())
