"""`POST /v1/images`: many images in one request, and in one log object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, Json
from starlette.responses import Response

from lookalike.signatures.signers import SignedPicture
from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.documents import BatchDocument, BatchItemDocument
from lookalike.web.api.images import PutBody
from lookalike.web.api.inputs import Form, Given
from lookalike.web.api.metadata import Meta
from lookalike.web.api.openapi import FETCHED, refusals
from lookalike.web.http import problems
from lookalike.web.http.access import Caller, needs
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service, Serving
from shards.errors import LookalikeError
from shards.table.format import names

router = APIRouter(prefix="/v1/images", tags=["images"])


class BatchImage(PutBody):
    """One of many pictures to add: its key, and `url` or `image`."""

    model_config = ConfigDict(title="BatchImage", extra="forbid")

    key: str


class BatchBody(BaseModel):
    """Pictures to add."""

    model_config = ConfigDict(
        title="BatchBody",
        extra="forbid",
        json_schema_extra={"examples": [{"images": [{"key": "cat.jpg", "url": "https://example.org/cat.jpg"}]}]},
    )

    images: Annotated[list[BatchImage], Field(min_length=1)]


class BatchFields(BaseModel):
    """The fields of a form that adds many files."""

    model_config = ConfigDict(extra="forbid")

    keys: Json[list[str]] | None = None
    meta: Json[dict[str, Meta]] = {}


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to add. `given` is the problem where there is no picture."""

    key: str
    given: Given | Problem
    meta: Mapping[str, Any] = field(default_factory=dict)


@router.post(
    "",
    summary="Add many images at once",
    description="Each succeeds or fails alone; those that succeed are written together. The key of a file is its "
    "name, unless `keys` says otherwise. Of several images of one key the last counts.",
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
        wanted = await _wanted(service, body)
        made = await service.all(partial(_sign, service, one) for one in wanted)
    there = await service.call(_write, service, wanted, made)
    return _respond(wanted, made, there)


async def _wanted(service: Service, body: inputs.Body) -> list[Wanted]:
    """The images of a body. Raises Problem where it is not one of many images."""
    most = service.settings.max_batch
    if isinstance(body, bytes):
        images = (await inputs.parse(service, BatchBody, body)).images
        wanted = [Wanted(one.key, _given(one), one.meta) for one in images]
    elif isinstance(body, Form):
        fields = BatchFields.model_validate(body.fields)
        keys = [one.file_name for one in body.given] if fields.keys is None else fields.keys
        if len(keys) != len(body.given):
            raise validation(f"keys: {len(keys)} keys for {len(body.given)} files", keys)
        strangers = fields.meta.keys() - set(keys)
        if strangers:
            raise validation("meta: there is no file of this key", min(strangers))
        wanted = [Wanted(key, given, fields.meta.get(key, {})) for key, given in zip(keys, body.given, strict=True)]
    else:
        raise validation("many images are sent as the files of a form, or as JSON; put one to /v1/images/{key}")
    if not wanted:
        raise validation("there are no images: send at least one part named file")
    if len(wanted) > most:
        raise validation(f"{len(wanted):,} images: at most {most:,} are added at once; send several requests")
    return wanted


def _given(one: BatchImage) -> Given | Problem:
    try:
        return one.given()
    except Problem as problem:
        return problem


async def _sign(service: Service, wanted: Wanted) -> SignedPicture | Problem:
    if isinstance(wanted.given, Problem):
        return wanted.given
    try:
        names.key_bytes(wanted.key)
        return await service.signer.sign(await inputs.picture(wanted.given, service))
    except (LookalikeError, Problem) as error:
        return problems.of(error)


def _write(service: Service, wanted: list[Wanted], made: list[SignedPicture | Problem]) -> set[str]:
    """Write them all in one log object; which of their keys were there before."""
    records = [
        # the order is taken here, one after the other, so that the last of a key counts whichever was signed last
        signed.record(one.key, service.index.next_order(), one.meta)
        for one, signed in zip(wanted, made, strict=True)
        if not isinstance(signed, Problem)
    ]
    return service.write(records)


def _respond(wanted: list[Wanted], made: list[SignedPicture | Problem], there: set[str]) -> Response:
    items: list[BatchItemDocument] = []
    seen = set(there)
    for one, result in zip(wanted, made, strict=True):
        if isinstance(result, Problem):
            error: Any = result.document()
            items.append({"key": one.key, "status": "failed", "error": error})
        else:
            is_replaced = one.key in seen
            items.append({"key": one.key, "status": "replaced" if is_replaced else "added"})
            seen.add(one.key)
    statuses = [item["status"] for item in items]
    document: BatchDocument = {
        "added": statuses.count("added"),
        "replaced": statuses.count("replaced"),
        "failed": statuses.count("failed"),
        "images": items,
    }
    return documents.respond(document)
