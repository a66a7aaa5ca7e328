"""Attacks on a service by one client with little: `python -m benchmarks.attacks NAME HOST PORT SECONDS`.

Each is bounded in connections and in time, and goes to loopback addresses only.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from io import BytesIO
from ipaddress import ip_address

from PIL import Image

Address = tuple[str, int]
Attack = Callable[[Address, float], Awaitable[None]]

LARGE = "large.ppm"
"""The key of an image whose file has LARGE_BYTES."""

LARGE_BYTES = 20_000_000

RECEIVED = 4096
"""Bytes that a client which reads nothing has room for."""

PAUSE = 0.05
"""Seconds before a client that was hung up on comes back."""

PUT_OFF = 2.0
"""The same for hundreds of clients that are told to come back later: sooner, they would be another attack, a flood."""


async def _unread(address: Address, request: bytes, until: float) -> None:
    """Send a request again and again, and never read an answer."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        with suppress(OSError), socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
            client.setblocking(False)
            await loop.sock_connect(client, address)
            await loop.sock_sendall(client, request)
            while loop.time() < until and not _is_broken(client):
                await asyncio.sleep(0.5)
        await asyncio.sleep(PAUSE)


def _is_broken(client: socket.socket) -> bool:
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


async def _posted(
    address: Address, heads_and_bodies: Iterable[tuple[bytes, bytes]], until: float, pause: float = PAUSE
) -> None:
    """Send requests in turn, each on a connection of its own, and wait for the end of each answer."""
    requests = list(heads_and_bodies)
    loop = asyncio.get_running_loop()
    number = 0
    while loop.time() < until:
        head, body = requests[number % len(requests)]
        number += 1
        with suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection(*address)
            try:
                async with asyncio.timeout(max(0.1, until - loop.time())):
                    writer.write(head)
                    for at in range(0, len(body), 1 << 16):
                        writer.write(body[at : at + (1 << 16)])
                        await writer.drain()
                    await reader.read()
            finally:
                writer.transport.abort()
        await asyncio.sleep(pause)


async def _slowly(address: Address, until: float) -> None:
    """Send a head, a byte a second."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(b"GET /v1/stats HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
                while loop.time() < until and not reader.at_eof():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(1)
            finally:
                writer.transport.abort()
        await asyncio.sleep(PAUSE * 10)


async def _together(clients: int, client: Callable[[float], Awaitable[None]], seconds: float) -> None:
    until = asyncio.get_running_loop().time() + seconds
    await asyncio.gather(*(client(until) for _ in range(clients)))


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _post(path: str, media_type: str, body: bytes) -> tuple[bytes, bytes]:
    lines = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\n"
    return f"{lines}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode(), body


async def pipelined(address: Address, seconds: float) -> None:
    requests = _get("/v1/images?limit=100") * 60
    await _together(64, lambda until: _unread(address, requests, until), seconds)


async def downloads(address: Address, seconds: float) -> None:
    request = _get(f"/v1/images/{LARGE}/content")
    await _together(80, lambda until: _unread(address, request, until), seconds)


async def form(address: Address, seconds: float) -> None:
    requests = [_post("/v1/search", "application/x-www-form-urlencoded", b"&" * (63 << 20))]
    await _together(2, lambda until: _posted(address, requests, until), seconds)


async def documents(address: Address, seconds: float) -> None:
    names = b"{" + b",".join(b'"%d":1' % number for number in range((16 << 20) // 12)) + b"}"
    empty = b'{"key":[' + b'"",' * ((16 << 20) // 3) + b'""]}'
    # as large as they may be, too
    small = b'{"key":[' + b'"",' * ((1 << 20) // 3 - 9) + b'""]}'
    requests = [_post("/v1/search", "application/json", body) for body in (names, empty, small)]
    await _together(4, lambda until: _posted(address, requests, until), seconds)


async def pictures(address: Address, seconds: float) -> None:
    scans, flat = _many_scans(), _flat_avif()
    jpegs = [_post("/v1/search", "image/jpeg", scans)]
    avifs = [_post("/v1/search", "image/avif", flat)]
    await asyncio.gather(
        _together(64, lambda until: _posted(address, jpegs, until, PUT_OFF), seconds),
        _together(16, lambda until: _posted(address, avifs, until, PUT_OFF), seconds),
    )


def _many_scans() -> bytes:
    """Return a progressive JPEG of 125 KB whose last scan comes again and again."""
    buffer = BytesIO()
    Image.radial_gradient("L").resize((3000, 3000)).save(buffer, "JPEG", progressive=True, quality=30)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    return data[:-2] + scan * max(1, (125_000 - len(data)) // len(scan)) + data[-2:]


def _flat_avif() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (9000, 9000), (200, 30, 30)).save(buffer, "AVIF", speed=10)
    return buffer.getvalue()


async def addresses(address: Address, seconds: float) -> None:
    """Give the address of a site that takes its time, which is served here."""
    ends = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ends.wait()
        writer.transport.abort()

    site = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = site.sockets[0].getsockname()[1]
    body = json.dumps({"url": f"http://127.0.0.1:{port}/cat.jpg"}).encode()
    requests = [_post("/v1/search", "application/json", body)]
    await _together(300, lambda until: _posted(address, requests, until, PUT_OFF), seconds)
    ends.set()
    site.close()


async def slow_connections(address: Address, seconds: float) -> None:
    await _together(1100, lambda until: _slowly(address, until), seconds)


ATTACKS: dict[str, tuple[str, Attack]] = {
    "pipelined": ("64 connections with 60 requests each, answers not read", pipelined),
    "downloads": ("80 downloads of 20 MB, not read", downloads),
    "form": ("forms of 63 MiB of &", form),
    "documents": ("JSON of unknown names and empty strings", documents),
    "pictures": ("64 JPEGs of hundreds of scans, 16 AVIF of 81 megapixels", pictures),
    "addresses": ("300 addresses of a slow site", addresses),
    "slow_connections": ("1,100 connections that send a byte a second", slow_connections),
}
"""What each does, and the function that does it."""


def main(name: str, host: str, port: str, seconds: str) -> None:
    if not ip_address(host).is_loopback:
        raise SystemExit(f"{host}: attacks go to this machine only")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(partial(ATTACKS[name][1], (host, int(port)), float(seconds))())  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
