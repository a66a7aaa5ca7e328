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
from lookalike.signatures.compute import compute_picture
from lookalike.signatures.computed import ComputedPicture
from lookalike.web import WebSettings, create_app
from lookalike.web.dependencies import provide, service_of
from lookalike.web.http.problems import Problem
from lookalike.web.remote.fetching import Fetched
from lookalike.web.service import Service
from shards.table.format.settings import IndexSettings
from tests.lookalike.web.threads import Threads
from tests.lookalike.web.unhurried import unhurried
from tests.shards.table.synthetic import make_store
from tests.world import FakeWorld

PICTURES = Path(__file__).parents[3] / "demo" / "pictures"

CAT = (PICTURES / "cat.jpg").read_bytes()
RACCOON = (PICTURES / "raccoon.jpg").read_bytes()


FAMILIES = ("haar", "goldberg", "dhash", "phash")


@lru_cache
def _computed(data: bytes, families: tuple[str, ...]) -> ComputedPicture:
    settings = IndexSettings(families)
    return compute_picture(data, settings.load_families(), settings.pictures, thumbnail=settings.thumbnails)


def add(index: Index, key: str, data: bytes, meta: Mapping[str, Any] | None = None, path: Path | None = None) -> None:
    """Add this picture to an index. Its signatures are computed once in all tests together."""
    source = None if path is None else {"path": str(path)}
    if path is not None:
        index.trust_originals(path)
    index.write([_computed(data, index.settings.families).record(key, index.next_order(), meta, source)])


class Client:
    """A client that sends requests to an app in its own event loop. An error of the app is raised here."""

    def __init__(self, app: FastAPI, portal: BlockingPortal, *, raises: bool = True) -> None:
        self.app = app
        self._portal = portal
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=raises)

    @property
    def service(self) -> Service:
        return service_of(self.app)

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
    """A fetcher with pictures of other sites by address, which records the addresses that were fetched."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str, *, caller: str, seconds: float) -> Fetched:
        self.asked.append(url)
        if url not in self.pictures:
            raise Problem(502, "url-failed", "The address gave no picture", f"{url} answered 404", url)
        return Fetched(self.pictures[url], "image/jpeg", url)


@dataclass
class Clock:
    """A clock that moves when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def index(world: FakeWorld) -> Index:
    """Empty; with families that are computed in a millisecond."""
    return Index.create(make_store(world), families=FAMILIES, effects=world)


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
    """The settings of `client`; a module that needs others overrides this fixture. `unhurried` widens its limits."""
    return WebSettings()


@lru_cache
def _routes(settings: WebSettings) -> FastAPI:
    """Return an app for all tests with these settings: building the routes takes a tenth of a second."""
    return create_app(Index.create("memory://", families=FAMILIES), settings)


@pytest.fixture
def client(
    index: Index, settings: WebSettings, elsewhere: Elsewhere, clock: Clock, portal: BlockingPortal
) -> Iterator[Client]:
    """A client of an app with a service of its own. The middleware and its metrics are shared; `fresh` has its own."""
    app = _routes(unhurried(settings))
    app_of_index = create_app(index, unhurried(settings), pool=Threads(index.settings), fetcher=elsewhere)
    service = service_of(app_of_index)
    service.clock = clock
    provide(app, service)
    yield Client(app, portal)
    service.pool.close()


@pytest.fixture
def fresh(index: Index, settings: WebSettings, portal: BlockingPortal) -> Iterator[Client]:
    """A client of an app that shares nothing. An error of the app is answered, not raised."""
    app = create_app(index, unhurried(settings), pool=Threads(index.settings))
    yield Client(app, portal, raises=False)
    service_of(app).pool.close()


def problem(response: httpx.Response) -> Mapping[str, Any]:
    """Return the problem document of a refusal."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document: Mapping[str, Any] = response.json()
    assert document["status"] == response.status_code
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    return document
