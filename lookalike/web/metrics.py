"""Metrics of a running service for Prometheus, and the wrappers that feed them.

Names and units follow Prometheus' conventions: base units, and `_total` for counters. A label never holds text from a
client: routes are templates, methods the known ones, reasons and codes our own words.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import lookalike
from lookalike.index import Index
from lookalike.signatures.async_pool import AsyncPool
from lookalike.signatures.computed import ComputedPicture
from lookalike.stats import Stats
from lookalike.web.http.callers import CALLER
from lookalike.web.http.limits import Limiter
from lookalike.web.http.places import Places
from shards.errors import PictureError

log = logging.getLogger("lookalike")

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
"""Buckets from the search of a small index to the longest time that anything may take."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})

GONE = "499"
"""The status of a request whose client left before the answer, as nginx writes it."""

GAUGES: tuple[tuple[str, str, Callable[[Stats], int]], ...] = (
    ("lookalike_images", "Images in the index.", lambda stats: stats.images),
    ("lookalike_segments", "Segments of the index.", lambda stats: stats.segments),
    ("lookalike_wide_segments", "Segments that a resharding has not split yet.", lambda stats: stats.wide),
    ("lookalike_segment_bytes", "Bytes of all segments.", lambda stats: stats.size),
    ("lookalike_dead_rows", "Rows of segments that were replaced or deleted.", lambda stats: stats.dead),
    ("lookalike_tail_objects", "Log objects that are not folded yet.", lambda stats: stats.tail),
    ("lookalike_tail_images", "Images in log objects that are not folded yet.", lambda stats: stats.tail_images),
    ("lookalike_manifest_version", "Version of the newest manifest.", lambda stats: stats.version),
)


class Metrics:
    """The metrics of one app. Safe to use from several threads.

    `clock` gives seconds that only rise.
    """

    def __init__(
        self, index: Index, limiter: Limiter, places: Places, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
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
            "Time of a search, without computing the question's signatures.",
            ("family",),
            buckets=SECONDS,
            registry=registry,
        )
        self._computing = Histogram(
            "lookalike_signing_duration_seconds",
            "Time from a picture's bytes to its signatures.",
            buckets=SECONDS,
            registry=registry,
        )
        self._not_computed = Counter(
            "lookalike_signing_failures",
            "Pictures without signatures, by reason.",
            ("reason",),
            registry=registry,
        )
        gauges: tuple[tuple[str, str, Callable[[], int]], ...] = (
            ("lookalike_requests_working", "Requests that arrived and are not answered.", lambda: limiter.requests),
            ("lookalike_requests_waiting", "Calls of the index that wait for a place.", lambda: places.waiting),
            ("lookalike_body_bytes", "Bytes of bodies, fetched pictures, unsent answers.", lambda: limiter.held),
        )
        for name, text, value in gauges:
            Gauge(name, text, registry=registry).set_function(value)
        Gauge("lookalike_info", "The version that runs.", ("version",), registry=registry).labels(
            lookalike.__version__
        ).set(1)
        registry.register(_IndexGauges(index))
        ProcessCollector(registry=registry)

    def refused(self, code: str) -> None:
        """Count a request that was refused with this code before it reached a handler."""
        self._refused.labels(code).inc()

    def added(self, *, is_replaced: bool) -> None:
        """Count an image that was added, or that replaced another one of its key."""
        self._changes.labels("replaced" if is_replaced else "added").inc()

    def removed(self, images: int = 1) -> None:
        """Count removed images."""
        self._changes.labels("removed").inc(images)

    def searched(self, family: str, seconds: float, questions: int = 1) -> None:
        """Count a search, its questions, and its time."""
        self._questions.labels(family).inc(questions)
        self._search.labels(family).observe(seconds)

    def computed(self, seconds: float) -> None:
        """Count a picture whose signatures took so long to compute."""
        self._computing.observe(seconds)

    def not_computed(self, reason: str) -> None:
        """Count a picture whose signatures could not be computed, by the reason of its PictureError."""
        self._not_computed.labels(reason).inc()

    @contextmanager
    def request(self) -> Iterator[_Seen]:
        """Time a request. At the end it is counted by what the caller has written into the yielded object."""
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
        """Return all metrics in the requested format, and its media type. Asks the store: call it in a thread."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type


class _Seen:
    """Labels of a request, as known at its end."""

    __slots__ = ("method", "route", "status")

    def __init__(self) -> None:
        self.route = "none"
        self.method = "other"
        self.status = GONE


class Measured:
    """Middleware that counts the requests of an app.

    It belongs outside of everything that may refuse a request, and inside of everything that rewrites paths: it reads
    the route from the scope that it passes on.
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
                    seen.status = "500"  # sent by the server, further out
                raise
            finally:
                seen.route = getattr(scope.get("route"), "path", "none")


class TimedPool:
    """A pool that counts the work of another pool, and tells it who asks: the caller of the request.

    It counts how long a picture took, or why it failed.
    """

    def __init__(self, pool: AsyncPool, metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics

    async def compute(
        self, data: bytes, *, asked: Sequence[str] = (), orientations: bool = False, caller: str = ""
    ) -> ComputedPicture:
        started = self._metrics.clock()
        with self._counting_errors():
            computed = await self._pool.compute(
                data, asked=asked, orientations=orientations, caller=caller or CALLER.get()
            )
        self._metrics.computed(self._metrics.clock() - started)
        return computed

    async def thumbnail(self, data: bytes, side: int, *, caller: str = "") -> bytes:
        with self._counting_errors():
            return await self._pool.thumbnail(data, side, caller=caller or CALLER.get())

    @contextmanager
    def _counting_errors(self) -> Iterator[None]:
        try:
            yield
        except PictureError as error:
            self._metrics.not_computed(error.reason)
            raise

    def close(self) -> None:
        self._pool.close()


class _IndexGauges(Collector):
    """Gauges of the index itself, read when they are asked for; left out where the index does not answer."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges without values, so that registering them does not ask the store."""
        return [GaugeMetricFamily(name, text) for name, text, _ in GAUGES]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        up = GaugeMetricFamily("lookalike_index_up", "Whether the index answers.")
        try:
            stats = self._index.stats()
        except Exception as error:  # metrics of the service itself are needed most when its store is down
            log.warning("no metrics of the index: %s", error)
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *(GaugeMetricFamily(name, text, value=value(stats)) for name, text, value in GAUGES)]
