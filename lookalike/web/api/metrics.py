"""Numbers of a running service for Prometheus, at /metrics.

Names and units follow Prometheus' conventions: base units, `_total` on what only rises. A label never holds what a
client made up: routes are templates, methods those there are, reasons and codes our own words.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import lookalike
from lookalike.index import Index
from lookalike.stats import Stats
from lookalike.web.api import openapi
from lookalike.web.http.access import Caller, needs
from lookalike.web.http.limits import Limiter

log = logging.getLogger("lookalike")

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
"""From a search of a small index to the longest that anything may take."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})

GONE = "499"
"""The status of a request whose client did not wait for the answer, as nginx writes it."""

GAUGES: tuple[tuple[str, str, Callable[[Stats], int]], ...] = (
    ("lookalike_images", "Images in the index.", lambda stats: stats.images),
    ("lookalike_segments", "Segments of the index.", lambda stats: stats.segments),
    ("lookalike_wide_segments", "Segments that a resharding has not split yet.", lambda stats: stats.wide),
    ("lookalike_segment_bytes", "Bytes of all segments.", lambda stats: stats.size),
    ("lookalike_dead_rows", "Rows of segments that do not count any more.", lambda stats: stats.dead),
    ("lookalike_tail_objects", "Log objects that are not folded yet.", lambda stats: stats.tail),
    ("lookalike_tail_images", "Images in log objects that are not folded yet.", lambda stats: stats.tail_images),
    ("lookalike_manifest_version", "Version of the newest manifest.", lambda stats: stats.version),
)


class Metrics:
    """What one app counts. Safe to use from several threads.

    `clock`: seconds that only rise.
    """

    def __init__(self, index: Index, limiter: Limiter, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.registry = CollectorRegistry()
        self.clock = clock
        registry = self.registry
        self._requests = Counter(
            "lookalike_requests", "Requests answered.", ("route", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "lookalike_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            ("route", "method"),
            buckets=SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge("lookalike_requests_in_flight", "Requests not answered yet.", registry=registry)
        self._refused = Counter("lookalike_refused", "Requests refused before a handler.", ("code",), registry=registry)
        self._changes = Counter("lookalike_image_changes", "Images changed.", ("change",), registry=registry)
        self._questions = Counter("lookalike_questions", "Questions answered.", ("family",), registry=registry)
        self._search = Histogram(
            "lookalike_search_duration_seconds",
            "Time a search took, signing not included.",
            ("family",),
            buckets=SECONDS,
            registry=registry,
        )
        self._signing = Histogram(
            "lookalike_signing_duration_seconds",
            "Time from a picture's bytes to its signatures.",
            buckets=SECONDS,
            registry=registry,
        )
        self._unsigned = Counter(
            "lookalike_signing_failures", "Pictures that were not signed.", ("reason",), registry=registry
        )
        Gauge("lookalike_requests_working", "Requests that have a place.", registry=registry).set_function(
            lambda: limiter.working
        )
        Gauge("lookalike_requests_waiting", "Requests that wait for a place.", registry=registry).set_function(
            lambda: limiter.waiting
        )
        Gauge("lookalike_body_bytes", "Bytes of bodies that arrive or wait.", registry=registry).set_function(
            lambda: limiter.held
        )
        Gauge("lookalike_info", "The version that runs.", ("version",), registry=registry).labels(
            lookalike.__version__
        ).set(1)
        registry.register(_IndexGauges(index))
        ProcessCollector(registry=registry)

    def refused(self, code: str) -> None:
        """A request was refused with this code before it got to a handler."""
        self._refused.labels(code).inc()

    def added(self, *, is_replaced: bool) -> None:
        """An image was added, or took the place of another of its key."""
        self._changes.labels("replaced" if is_replaced else "added").inc()

    def removed(self, images: int = 1) -> None:
        """So many images were removed."""
        self._changes.labels("removed").inc(images)

    def searched(self, family: str, seconds: float, questions: int = 1) -> None:
        """A search for so many questions took so long."""
        self._questions.labels(family).inc(questions)
        self._search.labels(family).observe(seconds)

    def signed(self, seconds: float) -> None:
        """Signing a picture took so long."""
        self._signing.observe(seconds)

    def not_signed(self, reason: str) -> None:
        """A picture was not signed; the reason of its PictureError."""
        self._unsigned.labels(reason).inc()

    @contextmanager
    def request(self) -> Iterator[_Seen]:
        """Count a request from here on; what is seen of it until the end is counted then."""
        seen = _Seen()
        start = self.clock()
        self._in_flight.inc()
        try:
            yield seen
        finally:
            self._in_flight.dec()
            self._seconds.labels(seen.route, seen.method).observe(self.clock() - start)
            self._requests.labels(seen.route, seen.method, seen.status).inc()

    def page(self, accept: str) -> tuple[bytes, str]:
        """All of it in the form that is asked for, and the name of that form. Asks the store: call it in a thread."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type


class _Seen:
    """What is known of a request at its end."""

    __slots__ = ("method", "route", "status")

    def __init__(self) -> None:
        self.route = "none"
        self.method = "other"
        self.status = GONE


class Measured:
    """Counts the requests of an app. To be put outside of all that may refuse one, inside of what rewrites paths:
    the route is known from the scope that it passes on.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._metrics.request() as seen:
            seen.method = scope["method"] if scope["method"] in METHODS else "other"

            async def note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    seen.status = str(message["status"])
                await send(message)

            try:
                await self._app(scope, receive, note)
            except Exception:
                if seen.status == GONE:
                    seen.status = "500"  # which the server answers, further out
                raise
            finally:
                seen.route = getattr(scope.get("route"), "path", "none")


class _IndexGauges(Collector):
    """Numbers of the index itself, asked for when they are read: where it does not answer, there are none."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """What there will be; so that the store is not asked when this is registered."""
        return [GaugeMetricFamily(name, text) for name, text, _ in GAUGES]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        up = GaugeMetricFamily("lookalike_index_up", "Whether the index answers.")
        try:
            stats = self._index.stats()
        except Exception as error:  # numbers of the service itself are wanted most when its store is down
            log.warning("no numbers of the index: %s", error)
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *(GaugeMetricFamily(name, text, value=value(stats)) for name, text, value in GAUGES)]


router = APIRouter(tags=["service"])


@router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The numbers."},
        **openapi.refusals(401, 403),
    },
)
def show(request: Request, _: Annotated[Caller, needs("admin")]) -> Response:
    """Counters and gauges of this service and its index, in Prometheus' text form, or OpenMetrics where asked for."""
    body, media_type = request.app.state.service.metrics.page(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})
