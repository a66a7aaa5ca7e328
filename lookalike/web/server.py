"""The app under uvicorn in this process, until SIGINT or SIGTERM."""

from __future__ import annotations

import errno
import logging
import resource
import socket
import time
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from lookalike.web.http.connections import Connection
from lookalike.web.http.crowd import BY_PEER, Crowd
from lookalike.web.http.users import Users
from shards.errors import LookalikeError

GRACE_SECONDS = 10
"""Time for requests under way once the server is told to stop; container engines kill after 10 or 30 s."""

BACKLOG = 2048
"""Connections that wait to be accepted: uvicorn's own number."""

CONNECTIONS = 4096
"""Connections at most, however many descriptors there may be: each takes 30 KB or so."""

OTHER_DESCRIPTORS = 256
"""Descriptors that no connection uses: files of the index, processes that decode, addresses that are fetched."""

RARELY_SECONDS = 10.0
"""Time for which uvicorn does not repeat a line, such as that a request is not valid HTTP."""

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
"""Addresses that mean all of this machine's, and what is shown for each."""


class ListenError(LookalikeError):
    """An error in listening at an address."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that accepts connections from now on; port 0 takes a free one. Raises ListenError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        where = f"{host} port {port}"
        if error.errno == errno.EADDRINUSE:
            raise ListenError(f"{where}: something listens there already; choose another with --port") from error
        raise ListenError(f"{where}: cannot listen there: {error.strerror or error}") from error


def url_of(listening: socket.socket) -> str:
    """Return the address at which a browser on this machine finds the server."""
    host, port = listening.getsockname()[:2]
    shown = WILDCARDS.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def run(
    app: ASGIApp,
    listening: socket.socket,
    *,
    started: Callable[[], bool],
    root_path: str,
    access_log: bool,
    by_peer: int = BY_PEER,
    users: Users | None = None,
) -> None:
    """Serve until a signal comes, then finish the requests under way. Closes the socket.

    `started` is called once requests are answered, and returns whether to go on. `by_peer`: connections of one peer.
    `users`: the users of this machine who may use the service, `None` for all. At the end the signal is raised again
    for a handler outside.
    """
    if access_log:
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").addFilter(Rarely())
    crowd = Crowd(max_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]), by_peer)
    config = configured(app, root_path=root_path, access_log=access_log, crowd=crowd, users=users)
    _Server(config, started).run([listening])


def max_connections(descriptors: int) -> int:
    """Return how many connections may be open where a process may have so many descriptors; -1 stands for any number.

    Each may have a file open that it is sent, and the service needs some for other things.
    """
    if descriptors < 0:
        return CONNECTIONS
    return min(max(descriptors // 4, (descriptors - OTHER_DESCRIPTORS) // 2), CONNECTIONS)


def configured(
    app: ASGIApp,
    *,
    root_path: str = "",
    access_log: bool = False,
    crowd: Crowd | None = None,
    users: Users | None = None,
) -> uvicorn.Config:
    """Return uvicorn's configuration for this app."""
    return uvicorn.Config(
        app,
        http=type("Connection", (Connection,), {"crowd": crowd, "users": users}),
        root_path=root_path,
        access_log=access_log,
        # the command that runs this process configures logging
        log_config=None,
        log_level=None,
        # create_app sets everything up
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class Rarely(logging.Filter):
    """A filter that lets each line pass once in a while: strangers must not be able to fill the log.

    `clock` gives seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this line was not said lately."""
        now = self._clock()
        line = str(record.msg)
        if now - self._last.get(line, -RARELY_SECONDS) < RARELY_SECONDS:
            return False
        self._last[line] = now
        return True


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], bool]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self._started():
            self.should_exit = True
