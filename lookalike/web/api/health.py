"""`/healthz`, `/readyz` and `/v1/stats`: is it well, and what is there."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

import anyio
import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field, with_config
from starlette.responses import Response
from typing_extensions import TypedDict

import lookalike
from lookalike.web.api import documents
from lookalike.web.api.openapi import ASKED, refusals
from lookalike.web.api.uploads import Uploads, uploads_of
from lookalike.web.http import problems
from lookalike.web.http.access import Caller, needs
from lookalike.web.http.problems import Problem
from lookalike.web.service import Service, Serving
from shards.errors import LookalikeError
from shards.families import Family
from shards.families.hashes.hamming import HammingFamily

router = APIRouter()


class HealthDocument(TypedDict):
    status: Literal["ok"]


@with_config(ConfigDict(title="Family"))
class FamilyDocument(TypedDict):
    name: Annotated[str, Field(examples=["dhash"])]
    match_score: Annotated[float, Field(description="From this score on it is usually the same picture.")]
    unit: Annotated[Literal["bits", "distance"] | None, Field(description="Of its distances; null: scores only.")]
    negatives: Annotated[bool, Field(description="Whether it finds negatives.")]


@with_config(ConfigDict(title="Limits"))
class LimitsDocument(TypedDict):
    bytes: Annotated[int, Field(description="Of a picture.")]
    pixels: Annotated[int, Field(description="Width × height of a picture.")]
    body: Annotated[int, Field(description="Bytes of a request.")]
    upload: Annotated[int, Field(description="Bytes of a picture that is put to an address of POST /v1/uploads.")]
    urls: Annotated[bool, Field(description="Whether pictures may be given by their address.")]
    batch: Annotated[int, Field(description="Images in one POST /v1/images.")]
    questions: Annotated[int, Field(description="Questions in one search.")]


@with_config(ConfigDict(title="Caller"))
class CallerDocument(TypedDict):
    name: str | None
    scopes: list[str]


@with_config(ConfigDict(title="Stats"))
class StatsDocument(TypedDict):
    version: Annotated[str, Field(description="Of lookalike.", examples=["1.2.0"])]
    index: NotRequired[Annotated[str, Field(description="Where the index is; for admins only.")]]
    images: int
    shards: int
    segments: int
    wide: Annotated[int, Field(description="Segments that a resharding under way has not split yet; else 0.")]
    dead: Annotated[int, Field(description="Rows of segments that do not count any more.")]
    tail: Annotated[int, Field(description="Log objects that are not folded yet.")]
    tail_images: int
    size: Annotated[int, Field(description="Bytes of the segments.")]
    columns: Annotated[dict[str, int], Field(description="Bytes of the segments, by column.")]
    bytes_by_family: dict[str, int]
    manifest_version: int
    last_fold: Annotated[str | None, Field(description="When the segments last changed; null if never.")]
    thumbnails: Annotated[int, Field(description="Pixels of a thumbnail's longer side; 0: none are kept.")]
    families: Annotated[list[FamilyDocument], Field(description="The first is searched unless another is named.")]
    limits: LimitsDocument
    caller: Annotated[CallerDocument, Field(description="Who asks, and what they may do.")]


@router.get(
    "/healthz",
    summary="Is the service alive",
    response_model=HealthDocument,
    responses=refusals(403),
    tags=["service"],
)
async def healthz() -> Response:
    return documents.respond({"status": "ok"})


@router.get(
    "/readyz",
    summary="Does the index answer",
    response_model=HealthDocument,
    responses=refusals(403, 503),
    tags=["service"],
)
async def readyz(service: Serving) -> Response:
    try:
        with anyio.fail_after(service.settings.ready_seconds):
            # given up where it takes longer: a store that hangs must not hold this up
            await to_thread.run_sync(service.index.count, abandon_on_cancel=True)
    except (TimeoutError, LookalikeError) as error:
        problems.log.warning("not ready: %s", error or "the store does not answer")
        headers = {"Retry-After": "5"}
        raise Problem(503, "store-failed", "Not ready", "the index does not answer", headers=headers) from error
    return documents.respond({"status": "ok"})


@router.get(
    "/v1/stats",
    summary="Numbers of the index, and what may be asked of it",
    response_model=StatsDocument,
    responses=refusals(*ASKED),
    tags=["service"],
)
async def stats(
    service: Serving,
    caller: Annotated[Caller, needs("read")],
    uploads: Annotated[Uploads, Depends(uploads_of)],
) -> Response:
    return documents.respond(await service.call(_stats, service, caller, uploads))


def _stats(service: Service, caller: Caller, uploads: Uploads) -> StatsDocument:
    index, settings = service.index, service.settings
    found = index.stats()
    names = [family.name for family in index.families]
    by_family = dict.fromkeys(names, 0)
    for column, size in found.columns.items():
        family = column.partition(".")[0]
        if family in by_family:
            by_family[family] += size
    document: StatsDocument = {
        "version": lookalike.__version__,
        "images": found.images,
        "shards": found.shards,
        "segments": found.segments,
        "wide": found.wide,
        "dead": found.dead,
        "tail": found.tail,
        "tail_images": found.tail_images,
        "size": found.size,
        "columns": dict(found.columns),
        "bytes_by_family": by_family,
        "manifest_version": found.version,
        "last_fold": None if found.committed is None else documents.time(found.committed * 10**6),
        "thumbnails": index.settings.thumbnails,
        "families": [_family(family) for family in index.families],
        "limits": {
            "bytes": index.settings.pictures.max_bytes,
            "pixels": index.settings.pictures.max_pixels,
            "body": settings.max_body,
            "upload": uploads.max_bytes,
            "urls": settings.urls,
            "batch": settings.max_batch,
            "questions": settings.max_questions,
        },
        "caller": {"name": caller.name, "scopes": sorted(caller.scopes)},
    }
    if "admin" in caller.scopes:
        document["index"] = index.url
    return document


def _family(family: Family) -> FamilyDocument:
    unit: Literal["bits", "distance"] | None = None
    if isinstance(family, HammingFamily):
        unit = "bits"
    elif family.distance_at(100) is not None:
        unit = "distance"
    any_row = np.zeros(1, family.dtype)[0]
    return {
        "name": family.name,
        "match_score": family.match_score,
        "unit": unit,
        "negatives": family.invert(any_row) is not None,
    }
