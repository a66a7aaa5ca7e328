"""An HTTP server that answers as a test tells it to, for what a real store does only on a bad day."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    byte_range: str | None
    """The Range header."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; with status 0 the connection is closed instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Script: TypeAlias = Callable[[Request], Answer]


class ScriptedServer:
    """Answers every request by `script`, and remembers it in `requests`. A context manager."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Request] = []

        class Handler(BaseHTTPRequestHandler):
            def respond(handler) -> None:  # noqa: N805 - `self` is the server
                handler.rfile.read(int(handler.headers.get("content-length", 0)))
                request = Request(handler.command, handler.path, handler.headers.get("range"))
                self.requests.append(request)
                answer = script(request)
                if answer.status:
                    handler.send_response(answer.status)
                    for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
                        handler.send_header(name, value)
                    handler.end_headers()
                    if handler.command != "HEAD":
                        handler.wfile.write(answer.body)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = respond  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Keeps the tests' output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
