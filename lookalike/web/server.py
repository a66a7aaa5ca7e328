"""The app under uvicorn in this process, until SIGINT or SIGTERM."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from lookalike.web.http.connections import Connection
from shards.errors import LookalikeError

GRACE_SECONDS = 10
"""Time for requests under way once the server is told to stop; container engines kill after 10 or 30 s."""

BACKLOG = 2048
"""Connections that wait to be accepted: uvicorn's own number."""

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
    app: ASGIApp, listening: socket.socket, *, started: Callable[[], bool], root_path: str, access_log: bool
) -> None:
    """Serve until a signal comes, then finish the requests under way. Closes the socket.

    `started` is called once requests are answered, and returns whether to go on. At the end the signal is raised again
    for a handler outside.
    """
    if access_log:
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    _Server(configured(app, root_path=root_path, access_log=access_log), started).run([listening])


def configured(app: ASGIApp, *, root_path: str = "", access_log: bool = False) -> uvicorn.Config:
    """Return uvicorn's configuration for this app."""
    return uvicorn.Config(
        app,
        http=Connection,
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


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], bool]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self._started():
            self.should_exit = True
