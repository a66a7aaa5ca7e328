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
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from lookalike.web.http.connections import HEAD_SECONDS, Connection
from lookalike.web.server import configured
from tests.lookalike.web.virtual_time import now, run

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"an answer"


class Small(Connection):
    """A connection with a small limit on heads, so that a small head can be too large."""

    head_bytes = 1000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers; a POST once its body is whole, anything else at once."""
    while scope["method"] == "POST" and (await receive()).get("more_body"):
        pass
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
async def connected() -> AsyncIterator[Client]:
    config = configured(app)
    config.load()
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    _, served = await loop.connect_accepted_socket(
        lambda: Small(config=config, server_state=ServerState(), app_state={}), theirs
    )
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Client(reader, writer, served)
    finally:
        writer.close()


def on_a_connection(scene: Callable[[Client], Awaitable[None]]) -> None:
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
    assert config.http_protocol_class is Connection


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
