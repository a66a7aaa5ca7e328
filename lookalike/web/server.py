"""Running the app in this process with uvicorn, until SIGINT or SIGTERM."""

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
"""How long requests under way may go on once it is to stop; container engines kill after 10 s, or 30."""

BACKLOG = 2048
"""Connections that the system accepts before we do: uvicorn's own number."""

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
"""All addresses of this machine, and the one to show of them."""


class ListenError(LookalikeError):
    """An address that cannot be listened at."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on; port 0 is any that is free. Raises ListenError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        where = f"{host} port {port}"
        if error.errno == errno.EADDRINUSE:
            raise ListenError(f"{where}: something listens there already; choose another with --port") from error
        raise ListenError(f"{where}: cannot listen there: {error.strerror or error}") from error


def url_of(listening: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listening.getsockname()[:2]
    shown = WILDCARDS.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def run(
    app: ASGIApp, listening: socket.socket, *, started: Callable[[], bool], root_path: str, access_log: bool
) -> None:
    """Serve until a signal comes, then finish what is under way. Closes the socket.

    `started` is called once requests are answered, and says whether to go on. When all is done the signal is raised
    again, for whoever handles it outside.
    """
    if access_log:
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    _Server(configured(app, root_path=root_path, access_log=access_log), started).run([listening])


def configured(app: ASGIApp, *, root_path: str = "", access_log: bool = False) -> uvicorn.Config:
    """How uvicorn is to serve this app."""
    return uvicorn.Config(
        app,
        http=Connection,
        root_path=root_path,
        access_log=access_log,
        # the logging of this process is not ours to configure
        log_config=None,
        log_level=None,
        # what has to be set up is set up in create_app
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
