"""The app: its routes, its middleware, and the service behind them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

import lookalike
from lookalike.index import Index
from lookalike.signatures.async_pool import AsyncPool, AsyncProcessPool
from lookalike.web import dependencies
from lookalike.web.admission import admit
from lookalike.web.api import (
    applying,
    batches,
    compare,
    content,
    duplicates,
    health,
    images,
    marking,
    openapi,
    reviews,
    search,
)
from lookalike.web.api import metrics as api_metrics
from lookalike.web.api import uploads as api_uploads
from lookalike.web.dialects import envelopes, iqdb, match
from lookalike.web.http import problems
from lookalike.web.http.guard import Guard
from lookalike.web.http.headers import SafeHeaders
from lookalike.web.http.limits import Limiter, Limits
from lookalike.web.http.places import Places
from lookalike.web.http.problems import Problem
from lookalike.web.http.routing import HeadIsGet, KeysInPaths
from lookalike.web.metrics import Measured, Metrics, TimedPool
from lookalike.web.page import static
from lookalike.web.remote.fetching import Fetcher
from lookalike.web.service import Contents, Fetches, Service
from lookalike.web.settings import WebSettings
from lookalike.web.uploads import TokenUploads, Uploads
from shards.errors import LookalikeError

DESCRIPTION = """Reverse image search: find images that look like a given image.

Send a token as `Authorization: Bearer …`; a service without tokens answers requests from its own machine only. Every
error is a problem document (RFC 9457) with a stable word in `code`. HEAD works wherever GET does."""

ROUTES = (
    batches,
    images,
    content,
    search,
    compare,
    duplicates,
    reviews,
    marking,
    applying,
    api_uploads,
    health,
    api_metrics,
    iqdb,
    match,
)
"""Modules with a `router`. The order is that of the API's description, and of looking up a path."""


def create_app(
    index: Index,
    settings: WebSettings | None = None,
    *,
    pool: AsyncPool | None = None,
    fetcher: Fetches | None = None,
    uploads: Uploads | None = None,
    contents: Contents | None = None,
) -> FastAPI:
    """Return the app that serves this index. It is ready: nothing waits for start-up events.

    `pool` computes signatures, in processes that can be killed by default. `fetcher` fetches pictures of other sites.
    `uploads` makes the addresses of `POST /v1/uploads`; by default they lead back to this app. `contents` says which
    pictures clients read elsewhere; by default the app sends them all.
    """
    settings = settings or WebSettings()
    service = _service(
        index,
        settings,
        pool or AsyncProcessPool.shared(index.settings, settings.picture_seconds),
        fetcher or Fetcher(settings),
        uploads or TokenUploads(index, settings),
        contents,
    )
    app = FastAPI(
        title="lookalike",
        version=lookalike.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    dependencies.provide(app, service)
    for module in ROUTES:
        app.include_router(module.router)
    if settings.page:
        app.include_router(static.router)
    for kind in (Problem, LookalikeError, RequestValidationError, ValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _refuse)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign] # FastAPI's own way to extend it
    _wrap(app, service)
    return app


def _service(
    index: Index,
    settings: WebSettings,
    pool: AsyncPool,
    fetcher: Fetches,
    uploads: Uploads,
    contents: Contents | None,
) -> Service:
    limiter = Limiter(
        requests=settings.concurrency + settings.waiting,
        max_body=settings.max_body,
        body_seconds=settings.body_seconds,
    )
    places = Places(settings.concurrency)
    metrics = Metrics(index, limiter, places)
    return Service(
        index=index,
        settings=settings,
        pool=TimedPool(pool, metrics),
        fetcher=fetcher,
        limiter=limiter,
        places=places,
        metrics=metrics,
        uploads=uploads,
        contents=contents,
    )


def _wrap(app: FastAPI, service: Service) -> None:
    """Put the middleware around the app, from the inside out."""
    settings = service.settings
    app.add_middleware(Limits, admit=admit, limiter=service.limiter, refused=service.metrics.refused)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "Retry-After"],
        )
    app.add_middleware(
        Guard,
        origins=settings.cors_origins,
        checks_site=settings.tokens.is_open,
        checks_host=settings.checks_host,
        refused=service.metrics.refused,
    )
    app.add_middleware(envelopes.Envelopes, envelopes=iqdb.ENVELOPES | match.ENVELOPES)
    app.add_middleware(Measured, metrics=service.metrics)
    app.add_middleware(KeysInPaths)
    app.add_middleware(HeadIsGet)
    app.add_middleware(SafeHeaders, is_shared=bool(settings.cors_origins))


async def _refuse(request: Request, error: Exception) -> Response:
    problem = problems.of(error)
    if problem.status == 405:
        # the router lists the methods of only the first route of this path
        route = request.scope.get("route")
        methods = openapi.methods(request.app, route.path) if route is not None else []
        if methods:
            problem.headers["Allow"] = ", ".join(methods)
    return problems.response(problem)
