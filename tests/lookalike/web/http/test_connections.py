"""Connections that are held open: a pair of real sockets, and time that passes by itself when nothing else is left."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from lookalike.web.http.connections import AHEAD, HEAD_SECONDS, SEND_SECONDS, Connection
from lookalike.web.http.crowd import PATIENCE, Crowd
from lookalike.web.http.users import ESTABLISHED, End, Users
from lookalike.web.server import configured
from tests.lookalike.web.virtual_time import now, run

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nx"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"an answer"

PIECE, PIECES = 1 << 16, 200
"""The large answer: more than the buffers of two sockets hold."""


class Small(Connection):
    """A connection with a small limit on heads, so that a small head can be too large."""

    head_bytes = 1000
    around_bytes = 2000


begun: list[str] = []
"""Paths of the requests that `app` was given."""

headers: list[Headers] = []
"""The headers of the last request that `app` was given, as they are when it has the whole body."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers; a POST once its body is whole, anything else at once."""
    begun.append(scope["path"])
    if scope["path"] == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(PIECES):
            await send({"type": "http.response.body", "body": bytes(PIECE), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    while scope["method"] == "POST" and (await receive()).get("more_body"):
        pass
    headers[:] = [Headers(scope=scope)]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": BODY})


@dataclass
class Client:
    """One end of a connection; `served`: the other one."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    served: Connection

    @property
    def hangs_up_at(self) -> float | None:
        """When the next head has to be whole, by the event loop's clock; None where no head is waited for."""
        timer = self.served._timer
        return None if timer is None else timer.when()

    async def answer(self) -> bytes:
        """Return the head of the next answer. Fails where there is none."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        """Return everything until the server hangs up. Fails where it does not."""
        return await self.reader.read()

    async def is_hung_up_on(self) -> bool:
        """Return whether the connection ends without another byte, or by a reset because of unread data."""
        try:
            return await self.rest() == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def connected(kind: type[Connection] = Small) -> AsyncIterator[Client]:
    config = configured(app)
    config.load()
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    _, served = await loop.connect_accepted_socket(
        lambda: kind(config=config, server_state=ServerState(), app_state={}), theirs
    )
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Client(reader, writer, served)
    finally:
        writer.close()


def on_a_connection(scene: Callable[[Client], Awaitable[None]]) -> None:
    begun.clear()

    async def connect() -> None:
        async with connected() as client:
            await scene(client)

    run(connect())


def refusal(answer: bytes) -> tuple[str, dict[str, Any]]:
    """The status line and the problem document of a refusal."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head.lower()
    assert f"content-length: {len(body)}".encode() in head
    return head.partition(b"\r\n")[0].decode(), json.loads(body)


def test_the_service_is_run_with_it() -> None:
    config = configured(app)
    config.load()
    assert issubclass(config.http_protocol_class, Connection)


def test_who_says_nothing_is_hung_up_on() -> None:
    async def scene(client: Client) -> None:
        assert await client.rest() == b""
        assert now() == HEAD_SECONDS

    on_a_connection(scene)


def test_a_head_that_comes_byte_by_byte_has_to_be_whole_in_time() -> None:
    async def scene(client: Client) -> None:
        async def drip() -> None:
            for byte in HEAD:
                client.writer.write(bytes([byte]))
                # never at the moment of the refusal: what comes too late for it would reset the connection
                await asyncio.sleep(0.4 * HEAD_SECONDS)

        dripping = asyncio.create_task(drip())
        line, problem = refusal(await client.rest())
        dripping.cancel()
        assert now() == HEAD_SECONDS
        assert line == "HTTP/1.1 408 Request Timeout"
        assert problem["code"] == "head-too-slow"
        assert "10 s" in problem["detail"]

    on_a_connection(scene)


def test_a_head_without_end_is_not_kept() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(HEAD)
        for _ in range(3):
            await asyncio.sleep(HEAD_SECONDS / 20)
            client.writer.write(b"Cookie: " + b"x" * 500 + b"\r\n")
        line, problem = refusal(await client.rest())
        assert line == "HTTP/1.1 431 Request Header Fields Too Large"
        assert (problem["code"], "1,000 bytes" in problem["detail"]) == ("head-too-large", True)

    on_a_connection(scene)


def test_a_body_behind_a_head_is_no_head() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000)
        assert (await client.answer()).startswith(b"HTTP/1.1 200")

    on_a_connection(scene)


def test_a_body_may_take_longer_than_a_head() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.answer()).startswith(b"HTTP/1.1 100"), "the app asks for the body"
        assert client.hangs_up_at is None
        await asyncio.sleep(3 * HEAD_SECONDS)
        client.writer.write(b"x")
        assert (await client.answer()).startswith(b"HTTP/1.1 200")

    on_a_connection(scene)


def test_each_head_has_its_own_time() -> None:
    async def scene(client: Client) -> None:
        for _ in range(3):
            await asyncio.sleep(0.4 * HEAD_SECONDS)
            client.writer.write(HEAD + b"\r\n")
            assert (await client.answer()).startswith(b"HTTP/1.1 200")
            assert await client.reader.readexactly(len(BODY)) == BODY
            assert client.hangs_up_at == now() + HEAD_SECONDS
        # two at once
        await asyncio.sleep(0.4 * HEAD_SECONDS)
        client.writer.write(2 * (HEAD + b"\r\n"))
        for _ in range(2):
            assert (await client.answer()).startswith(b"HTTP/1.1 200")
            assert await client.reader.readexactly(len(BODY)) == BODY
        assert client.hangs_up_at == now() + HEAD_SECONDS

    on_a_connection(scene)


def test_what_follows_a_body_in_chunks_is_no_header() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(CHUNKED + b"1\r\nx\r\n0\r\nAuthorization: Bearer of-somebody-else\r\n\r\n")
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
        assert "authorization" not in headers[0]

    on_a_connection(scene)


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        pytest.param(b"0\r\n", b"a: b\r\n" * 200, id="trailers"),
        pytest.param(b"0\r\na: ", b"b" * 1200, id="a long trailer"),
        pytest.param(b"1;", b"x" * 1200, id="an extension of a chunk"),
        pytest.param(b"", b"1\r\nx\r\n" * 200, id="chunks of a byte"),
    ],
)
def test_what_is_around_a_body_is_not_kept_without_end(begin: bytes, more: bytes) -> None:
    async def scene(client: Client) -> None:
        client.writer.write(CHUNKED + begin)
        for _ in range(4):
            await asyncio.sleep(1)
            if not client.served.transport.is_closing():
                client.writer.write(more)
        line, problem = refusal(await client.rest())
        assert (line, problem["code"]) == ("HTTP/1.1 400 Bad Request", "body-badly-framed")

    on_a_connection(scene)


def test_a_large_body_may_come_in_small_chunks() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(CHUNKED + b"10\r\n0123456789abcdef\r\n" * 20_000 + b"0\r\n\r\n")
        assert (await client.answer()).startswith(b"HTTP/1.1 200")

    on_a_connection(scene)


def test_a_body_that_nobody_reads_any_more_ends_with_the_connection() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nx")
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
        assert await client.reader.readexactly(len(BODY)) == BODY

        async def drip() -> None:
            while True:
                client.writer.write(b"x")
                # never at the moment of the end: what comes too late for it would break the connection
                await asyncio.sleep(0.3 * HEAD_SECONDS)

        dripping = asyncio.create_task(drip())
        assert await client.is_hung_up_on()
        assert now() == pytest.approx(HEAD_SECONDS)
        dripping.cancel()

    on_a_connection(scene)


def test_a_client_that_does_not_read_its_answer_is_cut_off() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(LARGE)
        await asyncio.sleep(SEND_SECONDS / 2)
        assert not client.served.transport.is_closing()
        assert client.served.transport.get_write_buffer_size() <= 2 * PIECE, "the rest is not even made"
        await asyncio.sleep(SEND_SECONDS)
        assert client.served.transport.is_closing()

    on_a_connection(scene)


def test_a_client_that_reads_slowly_gets_its_whole_answer() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(LARGE)
        await client.answer()
        size = 0
        while size < PIECE * PIECES:
            # the buffers hold some pieces: what was sent last is taken within a few of these
            await asyncio.sleep(SEND_SECONDS / 10)
            size += len(await client.reader.read(4 * PIECE))
        assert now() > 2 * SEND_SECONDS

    on_a_connection(scene)


def test_the_next_request_begins_once_the_answer_has_left() -> None:
    async def scene(client: Client) -> None:
        client.writer.write(LARGE + HEAD + b"\r\n")
        await asyncio.sleep(SEND_SECONDS / 2)
        assert begun == ["/large"]
        read = b""
        while not read.endswith(BODY):
            read = read[-100:] + await client.reader.read(PIECE)
        assert begun == ["/large", "/"]

    on_a_connection(scene)


def test_a_few_requests_may_come_ahead_and_no_more() -> None:
    async def scene(client: Client) -> None:
        client.writer.write((1 + AHEAD) * (HEAD + b"\r\n"))
        for _ in range(1 + AHEAD):
            assert (await client.answer()).startswith(b"HTTP/1.1 200")
            assert await client.reader.readexactly(len(BODY)) == BODY
        client.writer.write(LARGE + (1 + AHEAD) * (HEAD + b"\r\n"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert client.served.transport.is_closing()
        assert begun == ["/"] * (1 + AHEAD)

    on_a_connection(scene)


def test_who_keeps_a_full_house_waiting_is_cut_for_the_next() -> None:
    class Crowded(Small):
        crowd = Crowd(most=2, by_peer=2, reserve=0)

    async def scene() -> None:
        async with connected(Crowded) as silent, connected(Crowded) as slow:
            slow.writer.write(POST)
            await asyncio.sleep(PATIENCE / 2)
            async with connected(Crowded) as third:
                assert await silent.is_hung_up_on(), "it has not even begun, and has waited longest"
                third.writer.write(HEAD + b"\r\n")
                assert (await third.answer()).startswith(b"HTTP/1.1 200")
                third.writer.write(POST)
                await asyncio.sleep(PATIENCE)
                async with connected(Crowded):
                    await asyncio.sleep(0)
                    assert [slow.served.transport.is_closing(), third.served.transport.is_closing()] == [True, False]

    run(scene())


def test_a_house_full_of_work_answers_for_its_health() -> None:
    class Full(Small):
        crowd = Crowd(most=1, by_peer=2, reserve=2)

    async def scene() -> None:
        async with connected(Full) as working:
            working.served._waits_since = None
            async with connected(Full) as asking:
                asking.writer.write(HEALTH)
                assert (await asking.answer()).startswith(b"HTTP/1.1 200")
            async with connected(Full) as searching:
                searching.writer.write(HEAD + b"\r\n")
                line, problem = refusal(await searching.rest())
                assert line == "HTTP/1.1 503 Service Unavailable"
                assert problem["code"] == "too-many-connections"

    run(scene())


def test_another_user_of_this_machine_is_told_the_state_of_the_service_and_no_more() -> None:
    async def scene() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        for uid, status in ((1001, b"403"), (1000, b"200")):
            config = configured(app, users=Users(lambda *_, uid=uid: End(ESTABLISHED, uid), own=1000))  # type: ignore[misc]
            config.load()
            server = await asyncio.get_running_loop().create_server(
                lambda config=config: config.http_protocol_class(  # type: ignore[misc]
                    config=config, server_state=ServerState(), app_state={}
                ),
                sock=listening.dup(),
            )
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(HEALTH)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(BODY)) == BODY
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 " + status)
            writer.close()
            server.close()
        listening.close()

    asyncio.run(scene())
