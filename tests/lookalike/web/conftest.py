"""An app over a small index, and a client that asks it without a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from lookalike import Index
from lookalike.signatures.worker import Job, SignedPicture, sign
from lookalike.web import WebSettings, create_app
from lookalike.web.http.problems import Problem
from lookalike.web.remote.fetching import Fetched
from lookalike.web.service import Service
from tests.lookalike.web.unhurried import unhurried
from tests.world import FakeWorld

PICTURES = Path(__file__).parents[3] / "demo" / "pictures"

CAT = (PICTURES / "cat.jpg").read_bytes()
RACCOON = (PICTURES / "raccoon.jpg").read_bytes()


@lru_cache
def _signed(data: bytes) -> SignedPicture:
    index = Index.create("memory://")
    return sign(data, index.families, Job.of(index), orientations=False)


def add(index: Index, key: str, data: bytes, meta: Mapping[str, Any] | None = None, path: Path | None = None) -> None:
    """Add this picture to an index of the default families. Each is signed once in all tests together."""
    source = None if path is None else {"path": str(path)}
    index.write([_signed(data).record(key, index.next_order(), meta, source)])


class Client:
    """Asks an app in its own event loop, as a browser on this machine would. An error of the app is an error here."""

    def __init__(self, app: FastAPI, portal: BlockingPortal, *, raises: bool = True) -> None:
        self.app = app
        self._portal = portal
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=raises)

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **options)

        return self._portal.call(ask)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)


@dataclass
class Elsewhere:
    """The pictures of other sites: what is at an address, and what was asked for."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        if url not in self.pictures:
            raise Problem(502, "url-failed", "The address gave no picture", f"{url} answered 404", url)
        return Fetched(self.pictures[url], "image/jpeg", url)


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def index(world: FakeWorld) -> Index:
    """Empty; with the four families that an index has by default."""
    return Index.create("memory://", effects=world)


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop in a thread."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture
def settings() -> WebSettings:
    """Of the app of `client`; a test module that needs others has a fixture of this name. None of it is given up."""
    return WebSettings()


@lru_cache
def _routes(settings: WebSettings) -> FastAPI:
    """An app for all tests with these settings: what the framework makes of the routes takes a tenth of a second."""
    return create_app(Index.create("memory://"), settings)


@pytest.fixture
def client(
    index: Index, settings: WebSettings, elsewhere: Elsewhere, clock: Clock, portal: BlockingPortal
) -> Iterator[Client]:
    """Of an app with a service of its own. Its middleware, and what that counts, are shared: see `fresh`."""
    app = _routes(unhurried(settings))
    made = create_app(index, unhurried(settings), fetcher=elsewhere)
    app.state.service, app.state.uploads = made.state.service, made.state.uploads
    app.state.service.clock = clock
    yield Client(app, portal)
    app.state.service.signer.close()


@pytest.fixture
def fresh(index: Index, settings: WebSettings, portal: BlockingPortal) -> Iterator[Client]:
    """Of an app that is all its own. An error of the app is answered, not raised."""
    app = create_app(index, unhurried(settings))
    yield Client(app, portal, raises=False)
    app.state.service.signer.close()


def problem(response: httpx.Response) -> Mapping[str, Any]:
    """The problem document of a refusal."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document: Mapping[str, Any] = response.json()
    assert document["status"] == response.status_code
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    return document
