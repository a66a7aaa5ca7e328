"""What fetching does to the network: looking a name up, and connecting to an address that was checked."""

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
"""From a name and a port to all addresses of the name; OSError where there are none."""

LOOKUPS = 32
"""Names looked up at once, each in a thread that a slow name server may hold for half a minute."""

ADDRESSES = 4
"""Of one name that are tried; it could name thousands."""

CONNECT_SECONDS = 5.0
"""For one address, so that one which does not answer leaves time for the next."""


class SystemNames:
    """The names that the system knows. A lookup that is cancelled is left to itself."""

    def __init__(self) -> None:
        self._threads = anyio.CapacityLimiter(LOOKUPS)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        found = await to_thread.run_sync(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
            abandon_on_cancel=True,
            limiter=self._threads,
        )
        return list(dict.fromkeys(ip_address(address[0]) for *_, address in found))


class Pinned(httpcore.AsyncNetworkBackend):
    """Connects to these addresses, the first that answers, whatever the name may mean by now."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, addresses: Sequence[Address]) -> None:
        self._network = network
        self._addresses = addresses[:ADDRESSES]

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - was looked up and checked
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
