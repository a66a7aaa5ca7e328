"""Requests that clients of IQDB and Match really sent get the answers that those clients expect."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from threading import Thread

import pytest
import uvicorn
from fastapi import FastAPI

from tests.lookalike.web.conftest import Client, Elsewhere
from tests.lookalike.web.recorded import PICTURES, recorded
from tests.patience import PATIENCE

DIALECTS = ("iqdb", "match")


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere({f"http://pictures.example/{path.name}": path.read_bytes() for path in PICTURES.glob("rocket*")})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_request_gets_the_answer_of_the_original(client: Client, dialect: str) -> None:
    for request in recorded(dialect):
        request.send(client)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_so_it_does_over_a_socket(client: Client, dialect: str) -> None:
    with served(client.app) as address:
        for request in recorded(dialect):
            with socket.create_connection(address, PATIENCE) as connection:
                connection.sendall(request.raw)
                response = HTTPResponse(connection)
                response.begin()
                request.check(response.status, response.headers["content-type"], response.read())


@contextmanager
def served(app: FastAPI) -> Iterator[tuple[str, int]]:
    """The address of a real server of this app."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_level="warning"))
        thread = Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()
        finally:
            server.should_exit = True
            thread.join()
