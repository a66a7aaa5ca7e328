"""Metrics for Prometheus."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Receive, Scope, Send

from lookalike import Index
from lookalike.web.api import metrics
from lookalike.web.dependencies import provide
from lookalike.web.http.access import Tokens
from lookalike.web.http.limits import Limiter
from lookalike.web.http.places import Places
from lookalike.web.http.problems import Problem, of, response
from lookalike.web.metrics import Measured, Metrics
from shards.errors import StorageError
from tests.lookalike.web.conftest import CAT, Clock

ADMIN, READER = "admin-admin-admin", "reader-reader-reader"


class Service:
    """A small app that counts, and asks itself."""

    def __init__(self, index: Any, tokens: Tokens | None = None) -> None:
        self.clock = Clock()
        self.limiter = Limiter(requests=2, max_body=1, body_seconds=1)
        self.places = Places(1)
        self.metrics = Metrics(index, self.limiter, self.places, clock=self.clock)
        self.app = FastAPI()
        settings = SimpleNamespace(tokens=tokens or Tokens.none())
        provide(self.app, SimpleNamespace(settings=settings, metrics=self.metrics))  # type: ignore[arg-type] # what it reads
        self.app.include_router(metrics.router)
        self.app.include_router(self._router())
        self.app.add_exception_handler(Problem, lambda _, error: response(of(error)))
        self.app.add_middleware(Measured, metrics=self.metrics)

    def _router(self) -> APIRouter:
        router = APIRouter(prefix="/v1")

        @router.get("/images/{key}")
        async def show(key: str) -> str:
            self.clock.now += 0.2
            if key == "none":
                raise Problem(404, "key-not-found", "No such image", "none")
            if key == "wrong":
                raise ZeroDivisionError
            return key

        return router

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(send())

    def numbers(self) -> dict[str, float]:
        """Each sample of /metrics by its name and labels."""
        answer = self.ask("GET", "/metrics")
        assert answer.status_code == 200, answer.text
        return {
            sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }


@pytest.fixture
def service(index: Index) -> Service:
    return Service(index)


def test_requests_are_counted_by_route_not_by_what_was_asked_for(service: Service) -> None:
    for path in ("/v1/images/a", "/v1/images/b", "/v1/images/none", "/nowhere/1", "/nowhere/2"):
        service.ask("GET", path)
    service.ask("DELETE", "/v1/images/a")
    service.ask("BREW", "/v1/images/a")
    numbers = service.numbers()
    counted = {
        name.removeprefix("lookalike_requests_total "): value
        for name, value in numbers.items()
        if name.startswith("lookalike_requests_total")
    }
    assert counted == {
        "method=GET route=/v1/images/{key} status=200": 2,
        "method=GET route=/v1/images/{key} status=404": 1,
        "method=GET route=none status=404": 2,
        "method=DELETE route=/v1/images/{key} status=405": 1,
        "method=other route=/v1/images/{key} status=405": 1,
    }


def test_how_long_requests_take_is_told_in_seconds(service: Service) -> None:
    service.ask("GET", "/v1/images/a")
    numbers = service.numbers()
    name, labels = "lookalike_request_duration_seconds", "method=GET route=/v1/images/{key}"
    assert numbers[f"{name}_sum {labels}"] == pytest.approx(0.2)
    assert numbers[f"{name}_bucket le=0.1 {labels}"] == 0
    assert numbers[f"{name}_bucket le=0.25 {labels}"] == 1


def test_an_error_of_ours_is_counted_as_what_it_is(service: Service) -> None:
    assert service.ask("GET", "/v1/images/wrong").status_code == 500
    assert service.numbers()["lookalike_requests_total method=GET route=/v1/images/{key} status=500"] == 1


def test_a_client_that_did_not_wait_is_counted_as_gone(service: Service) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    asyncio.run(Measured(silent, metrics=service.metrics)({"type": "http", "method": "GET"}, None, None))  # type: ignore[arg-type]
    assert service.numbers()["lookalike_requests_total method=GET route=none status=499"] == 1


def test_requests_in_flight_are_those_not_answered_yet(service: Service) -> None:
    assert service.numbers()["lookalike_requests_in_flight"] == 1  # the one that asks
    with service.metrics.request():
        assert service.numbers()["lookalike_requests_in_flight"] == 2
    assert service.numbers()["lookalike_requests_in_flight"] == 1


def test_what_the_handlers_tell_is_counted(service: Service) -> None:
    told = service.metrics
    told.added(is_replaced=False)
    told.added(is_replaced=True)
    told.added(is_replaced=True)
    told.removed(3)
    told.searched("haar", 0.02, questions=4)
    told.computed(0.3)
    told.not_computed("truncated")
    told.refused("too-busy")
    numbers = service.numbers()
    assert numbers["lookalike_image_changes_total change=added"] == 1
    assert numbers["lookalike_image_changes_total change=replaced"] == 2
    assert numbers["lookalike_image_changes_total change=removed"] == 3
    assert numbers["lookalike_questions_total family=haar"] == 4
    assert numbers["lookalike_search_duration_seconds_count family=haar"] == 1
    assert numbers["lookalike_signing_duration_seconds_sum"] == 0.3
    assert numbers["lookalike_signing_failures_total reason=truncated"] == 1
    assert numbers["lookalike_refused_total code=too-busy"] == 1


def test_places_are_told_as_they_are_now(service: Service) -> None:
    service.limiter.requests, service.places.waiting, service.limiter.held = 3, 2, 1000
    numbers = service.numbers()
    assert numbers["lookalike_requests_working"] == 3
    assert numbers["lookalike_requests_waiting"] == 2
    assert numbers["lookalike_body_bytes"] == 1000


def test_numbers_of_the_index_are_those_of_now(service: Service, index: Index) -> None:
    assert service.numbers()["lookalike_images"] == 0
    index.add("a", CAT)
    numbers = service.numbers()
    assert (numbers["lookalike_images"], numbers["lookalike_tail_objects"]) == (1, 1)
    index.compact()
    numbers = service.numbers()
    assert (numbers["lookalike_segments"], numbers["lookalike_tail_objects"]) == (1, 0)
    assert numbers["lookalike_segment_bytes"] == index.stats().size
    assert numbers["lookalike_index_up"] == 1


def test_a_store_that_is_down_takes_only_its_own_numbers_along(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def stats(self) -> Any:
            raise StorageError("the bucket is gone")

    numbers = Service(Broken()).numbers()
    assert numbers["lookalike_index_up"] == 0
    assert "lookalike_images" not in numbers
    assert numbers["lookalike_requests_in_flight"] == 1
    assert "the bucket is gone" in caplog.text


def test_two_apps_count_apart(index: Index) -> None:
    one, other = Service(index), Service(index)
    one.metrics.computed(1)
    assert other.numbers()["lookalike_signing_duration_seconds_count"] == 0


def test_with_tokens_only_an_admin_sees_them(index: Index) -> None:
    service = Service(index, Tokens.parse(f"{ADMIN} admin\n{READER} read"))
    assert service.ask("GET", "/metrics").status_code == 401
    assert service.ask("GET", "/metrics", Authorization=f"Bearer {READER}").status_code == 403
    assert service.ask("GET", "/metrics", Authorization=f"Bearer {ADMIN}").status_code == 200


def test_the_form_is_the_one_that_is_asked_for(service: Service) -> None:
    assert service.ask("GET", "/metrics").headers["content-type"].startswith("text/plain")
    answer = service.ask("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
