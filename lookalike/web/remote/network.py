"""The network effects of fetching: name lookups, and connections to addresses that were checked."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import TypeAlias

import anyio
import httpcore
from anyio import to_thread

from lookalike.web.remote.addresses import Address

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
"""A function from a name and a port to all addresses of the name. Raises OSError where there are none."""

LOOKUPS = 32
"""Concurrent lookups, each in a thread that a slow name server may hold for half a minute."""

ADDRESSES = 4
"""Addresses of one name that are tried; a name can have thousands."""

CONNECT_SECONDS = 5.0
"""Time for one address, so that one which does not answer leaves time for the next."""


class SystemNames:
    """Name lookup by the operating system. A cancelled lookup goes on in its thread, unheard."""

    def __init__(self) -> None:
        self._threads = anyio.CapacityLimiter(LOOKUPS)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        entries = await to_thread.run_sync(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
            abandon_on_cancel=True,
            limiter=self._threads,
        )
        return list(dict.fromkeys(ip_address(address[0]) for *_, address in entries))


class Pinned(httpcore.AsyncNetworkBackend):
    """A network that connects to the first of these addresses that answers, whatever the name means by now."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, addresses: Sequence[Address]) -> None:
        self._network = network
        self._addresses = addresses[:ADDRESSES]

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - already looked up and checked
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the contract of httpcore
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            try:
                return await self._network.connect_tcp(
                    str(address), port, CONNECT_SECONDS, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error  # the next one may answer
        raise failure
