"""`/healthz`, `/readyz` and `/v1/stats`: the state of the service and of its index."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

import anyio
import numpy as np
from anyio import to_thread
from fastapi import APIRouter
from pydantic import ConfigDict, Field, with_config
from starlette.responses import Response
from typing_extensions import TypedDict

import lookalike
from lookalike.web.api import documents
from lookalike.web.api.openapi import ASKED, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http import problems
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem
from lookalike.web.http.timestamps import rfc3339
from lookalike.web.service import Service
from shards.errors import LookalikeError
from shards.families import Family

router = APIRouter()


class HealthDocument(TypedDict):
    status: Literal["ok"]


@with_config(ConfigDict(title="Family"))
class FamilyDocument(TypedDict):
    name: Annotated[str, Field(examples=["dhash"])]
    match_score: Annotated[float, Field(description="From this score on, two images usually show the same picture.")]
    unit: Annotated[
        str | None,
        Field(description="Unit of its distances; null if it has none.", examples=["bits", "distance"]),
    ]
    negatives: Annotated[bool, Field(description="Whether it can find negatives.")]


@with_config(ConfigDict(title="Limits"))
class LimitsDocument(TypedDict):
    bytes: Annotated[int, Field(description="Maximum size of a picture.")]
    pixels: Annotated[int, Field(description="Maximum width × height of a picture.")]
    body: Annotated[int, Field(description="Maximum bytes of a request.")]
    upload: Annotated[int, Field(description="Maximum size of a picture sent to an address from POST /v1/uploads.")]
    urls: Annotated[bool, Field(description="Whether pictures may be given by address.")]
    batch: Annotated[int, Field(description="Maximum number of images in one POST /v1/images.")]
    questions: Annotated[int, Field(description="Maximum number of questions in one search.")]


@with_config(ConfigDict(title="Caller"))
class CallerDocument(TypedDict):
    name: str | None
    scopes: list[str]


@with_config(ConfigDict(title="Stats"))
class StatsDocument(TypedDict):
    version: Annotated[str, Field(description="Version of lookalike.", examples=["1.2.0"])]
    index: NotRequired[Annotated[str, Field(description="Address of the index; for admins only.")]]
    images: int
    shards: int
    segments: int
    wide: Annotated[int, Field(description="Segments that a resharding has not split yet; otherwise 0.")]
    dead: Annotated[int, Field(description="Rows of segments that were replaced or deleted.")]
    tail: Annotated[int, Field(description="Log objects that are not folded into segments yet.")]
    tail_images: int
    size: Annotated[int, Field(description="Bytes of the segments.")]
    columns: Annotated[dict[str, int], Field(description="Bytes of the segments, by column.")]
    bytes_by_family: dict[str, int]
    manifest_version: int
    last_fold: Annotated[str | None, Field(description="Time of the last change of the segments; null if none.")]
    thumbnails: Annotated[int, Field(description="Pixels of a thumbnail's longer side; 0 if none are kept.")]
    families: Annotated[list[FamilyDocument], Field(description="The first one is the default of a search.")]
    limits: LimitsDocument
    caller: Annotated[CallerDocument, Field(description="The sender of this request, and its scopes.")]


@router.get(
    "/healthz",
    summary="Check that the service is alive",
    response_model=HealthDocument,
    responses=refusals(403),
    tags=["service"],
)
async def healthz() -> Response:
    return documents.respond({"status": "ok"})


@router.get(
    "/readyz",
    summary="Check that the index answers",
    response_model=HealthDocument,
    responses=refusals(403, 503),
    tags=["service"],
)
async def readyz(service: Serving) -> Response:
    try:
        with anyio.fail_after(service.settings.ready_seconds):
            # a store that hangs must not hold this up
            await to_thread.run_sync(service.index.count, abandon_on_cancel=True)
    except (TimeoutError, LookalikeError) as error:
        problems.log.warning("not ready: %s", error or "the store does not answer")
        headers = {"Retry-After": "5"}
        raise Problem(503, "store-failed", "Not ready", "the index does not answer", headers=headers) from error
    return documents.respond({"status": "ok"})


@router.get(
    "/v1/stats",
    summary="Get the numbers of the index, its families, and the limits of the service",
    response_model=StatsDocument,
    responses=refusals(*ASKED),
    tags=["service"],
)
async def stats(service: Serving, caller: Annotated[Caller, needs("read")]) -> Response:
    return documents.respond(await service.call(_stats, service, caller))


def _stats(service: Service, caller: Caller) -> StatsDocument:
    index, settings = service.index, service.settings
    stats = index.stats()
    names = [family.name for family in index.families]
    by_family = dict.fromkeys(names, 0)
    for column, size in stats.columns.items():
        family = column.partition(".")[0]
        if family in by_family:
            by_family[family] += size
    document: StatsDocument = {
        "version": lookalike.__version__,
        "images": stats.images,
        "shards": stats.shards,
        "segments": stats.segments,
        "wide": stats.wide,
        "dead": stats.dead,
        "tail": stats.tail,
        "tail_images": stats.tail_images,
        "size": stats.size,
        "columns": dict(stats.columns),
        "bytes_by_family": by_family,
        "manifest_version": stats.version,
        "last_fold": None if stats.committed is None else rfc3339(stats.committed * 10**6),
        "thumbnails": index.settings.thumbnails,
        "families": [_family(family, index.match_score_of(family)) for family in index.families],
        "limits": {
            "bytes": index.settings.pictures.max_bytes,
            "pixels": index.settings.pictures.max_pixels,
            "body": settings.max_body,
            "upload": service.uploads.max_bytes,
            "urls": settings.urls,
            "batch": settings.max_batch,
            "questions": settings.max_questions,
        },
        "caller": {"name": caller.name, "scopes": sorted(caller.scopes)},
    }
    if "admin" in caller.scopes:
        document["index"] = index.url
    return document


def _family(family: Family, match_score: float) -> FamilyDocument:
    any_row = np.zeros(1, family.dtype)[0]
    return {
        "name": family.name,
        "match_score": match_score,
        "unit": family.unit,
        "negatives": family.invert(any_row) is not None,
    }
