"""`POST /v1/images`: many images in one request, which become one log object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, Json
from starlette.responses import Response

from lookalike.signatures.computed import ComputedPicture
from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.documents import BatchDocument, BatchItemDocument
from lookalike.web.api.images import PutBody
from lookalike.web.api.inputs import LISTED, Form, Given, StrictBody
from lookalike.web.api.metadata import Meta
from lookalike.web.api.openapi import FETCHED, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http import problems
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service
from shards.errors import LookalikeError
from shards.table.format import names
from shards.table.format.records import UNDATED

router = APIRouter(prefix="/v1/images", tags=["images"])


class BatchImage(PutBody):
    """One of many pictures to add: its key, and `url` or `image`."""

    model_config = ConfigDict(title="BatchImage", extra="forbid")

    key: str


class BatchBody(StrictBody):
    """Pictures to add."""

    model_config = ConfigDict(
        title="BatchBody",
        extra="forbid",
        json_schema_extra={"examples": [{"images": [{"key": "cat.jpg", "url": "https://example.org/cat.jpg"}]}]},
    )

    images: Annotated[list[BatchImage], Field(min_length=1, max_length=LISTED, fail_fast=True)]


class BatchFields(BaseModel):
    """The fields of a form that adds many files."""

    model_config = ConfigDict(extra="forbid")

    keys: Json[list[str]] | None = None
    meta: Json[dict[str, Meta]] = {}


@dataclass(frozen=True, slots=True)
class Addition:
    """An image to add."""

    key: str
    given: Given | Problem
    """The picture, or the reason why there is none."""
    meta: Mapping[str, Any] = field(default_factory=dict)


@router.post(
    "",
    summary="Add many images at once",
    description="Each image succeeds or fails alone; those that succeed are written together. The key of a file is its "
    "name, unless `keys` is given. Of several images with the same key the last one counts.",
    response_model=BatchDocument,
    responses=refusals(*(status for status in FETCHED if status not in (502, 504)), 409),
    openapi_extra=openapi.takes(
        BatchBody,
        form={
            "file": openapi.FILES,
            "keys": openapi.json_text("A JSON list of keys, one for each file."),
            "meta": openapi.json_text("A JSON object: metadata by key."),
        },
    ),
)
async def add(request: Request, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    await service.make_room()
    async with inputs.body(request, service, kinds=frozenset({"file"})) as body:
        additions = await _additions(service, body)
        results = await service.all(partial(_compute, service, addition) for addition in additions)
    existing = await service.call(_write, service, additions, results)
    return _respond(additions, results, existing)


async def _additions(service: Service, body: inputs.Body) -> list[Addition]:
    """Return the images of a body. Raises Problem where the body is not one of many images."""
    max_images = service.settings.max_batch
    if isinstance(body, bytes):
        images = (await inputs.parse(service, BatchBody, body)).images
        additions = [Addition(image.key, _given(image), image.meta) for image in images]
    elif isinstance(body, Form):
        fields = await service.parse(BatchFields.model_validate, body.fields)
        keys = [given.file_name for given in body.given] if fields.keys is None else fields.keys
        if len(keys) != len(body.given):
            raise validation(f"keys: {len(keys)} keys for {len(body.given)} files", keys)
        strangers = fields.meta.keys() - set(keys)
        if strangers:
            raise validation("meta: no file has this key", min(strangers))
        additions = [
            Addition(key, given, fields.meta.get(key, {})) for key, given in zip(keys, body.given, strict=True)
        ]
    else:
        raise validation("send many images as the files of a form, or as JSON; PUT a single one to /v1/images/{key}")
    if not additions:
        raise validation("there are no images: send at least one part named file")
    if len(additions) > max_images:
        raise validation(f"{len(additions):,} images: at most {max_images:,} are added at once; send several requests")
    return additions


def _given(image: BatchImage) -> Given | Problem:
    try:
        return image.given()
    except Problem as problem:
        return problem


async def _compute(service: Service, addition: Addition) -> ComputedPicture | Problem:
    if isinstance(addition.given, Problem):
        return addition.given
    try:
        names.key_bytes(addition.key)
        async with inputs.picture(addition.given, service) as data:
            return await service.pool.compute(data)
    except (LookalikeError, Problem) as error:
        return problems.of(error)


def _write(service: Service, additions: list[Addition], results: list[ComputedPicture | Problem]) -> set[str]:
    """Write all of them in one log object. Returns the keys that existed before."""
    records = [
        # in the order sent, so that the last image of a key counts whichever was ready last
        result.record(addition.key, UNDATED, addition.meta)
        for addition, result in zip(additions, results, strict=True)
        if not isinstance(result, Problem)
    ]
    _, existing = service.write(records)
    return existing


def _respond(additions: list[Addition], results: list[ComputedPicture | Problem], existing: set[str]) -> Response:
    items: list[BatchItemDocument] = []
    seen = set(existing)
    for addition, result in zip(additions, results, strict=True):
        if isinstance(result, Problem):
            error: Any = result.document()
            items.append({"key": addition.key, "status": "failed", "error": error})
        else:
            is_replaced = addition.key in seen
            items.append({"key": addition.key, "status": "replaced" if is_replaced else "added"})
            seen.add(addition.key)
    statuses = [item["status"] for item in items]
    document: BatchDocument = {
        "added": statuses.count("added"),
        "replaced": statuses.count("replaced"),
        "failed": statuses.count("failed"),
        "images": items,
    }
    return documents.respond(document)
