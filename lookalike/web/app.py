"""The app: what answers, behind what, in which order."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

import lookalike
from lookalike.index import Index
from lookalike.signatures.signers import Signer, ThreadSigner
from lookalike.web.api import batches, compare, content, duplicates, health, images, metrics, openapi, search, uploads
from lookalike.web.api.metrics import Measured, Metrics
from lookalike.web.dialects import envelopes, iqdb, match
from lookalike.web.http import problems
from lookalike.web.http.admission import admit
from lookalike.web.http.guard import Guard
from lookalike.web.http.limits import Limiter, Limits
from lookalike.web.http.problems import Problem
from lookalike.web.http.routing import HeadIsGet, KeysInPaths
from lookalike.web.http.timed import TimedSigner
from lookalike.web.page import static
from lookalike.web.remote.fetching import Fetcher
from lookalike.web.service import Fetches, Service
from lookalike.web.settings import WebSettings
from shards.errors import LookalikeError

DESCRIPTION = """Reverse image search: find images that look like a given image.

A token goes into `Authorization: Bearer …`; a service without tokens answers its own machine only. Every refusal is a
problem document (RFC 9457) with a stable word in `code`. HEAD is answered wherever GET is."""


def create_app(
    index: Index,
    settings: WebSettings | None = None,
    *,
    signer: Signer | None = None,
    fetcher: Fetches | None = None,
) -> FastAPI:
    """The app that serves this index. Everything is set up here, nothing waits for start-up events.

    `signer`: what signs pictures, threads of this process unless given. `fetcher`: what fetches pictures.
    """
    settings = settings or WebSettings()
    limiter = Limiter(settings)
    counted = Metrics(index, limiter)
    app = FastAPI(
        title="lookalike",
        version=lookalike.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = Service(
        index=index,
        settings=settings,
        signer=TimedSigner(signer or ThreadSigner(index, settings.sign_seconds), counted),
        fetcher=fetcher or Fetcher(settings),
        limiter=limiter,
        metrics=counted,
    )
    app.state.uploads = uploads.TokenUploads(index, settings)
    app.state.elsewhere = content.Nowhere()
    for module in (batches, images, content, search, compare, duplicates, uploads, health, metrics, iqdb, match):
        app.include_router(module.router)
    if settings.page:
        app.include_router(static.router)
    for kind in (Problem, LookalikeError, RequestValidationError, ValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _refuse)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign] # FastAPI's own way to extend it
    _wrap(app, settings)
    return app


def _wrap(app: FastAPI, settings: WebSettings) -> None:
    """Put the middleware around it, from the inside out."""
    service: Service = app.state.service
    app.add_middleware(
        Limits,
        admit=partial(admit, tokens=settings.tokens),
        limiter=service.limiter,
        refused=service.metrics.refused,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "Retry-After"],
        )
    app.add_middleware(Guard, settings=settings, refused=service.metrics.refused)
    app.add_middleware(envelopes.Envelopes, envelopes=iqdb.ENVELOPES | match.ENVELOPES)
    app.add_middleware(Measured, metrics=service.metrics)
    app.add_middleware(KeysInPaths)
    app.add_middleware(HeadIsGet)


async def _refuse(request: Request, error: Exception) -> Response:
    problem = problems.of(error)
    if problem.status == 405:
        # the router names the methods of the first route of this path only
        route = request.scope.get("route")
        methods = openapi.methods(request.app, route.path) if route is not None else []
        if methods:
            problem.headers["Allow"] = ", ".join(methods)
    return problems.response(problem)
