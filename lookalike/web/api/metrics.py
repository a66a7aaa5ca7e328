"""`/metrics`: metrics of a running service for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from lookalike.web.api.openapi import refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller

router = APIRouter(tags=["service"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The metrics."},
        **refusals(401, 403),
    },
)
def show(request: Request, service: Serving, _: Annotated[Caller, needs("admin")]) -> Response:
    """Counters and gauges of this service and its index, as Prometheus text, or as OpenMetrics if `Accept` says so."""
    body, media_type = service.metrics.page(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})
