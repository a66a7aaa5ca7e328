"""`/v1/images`: adding, looking up, listing and deleting images."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.documents import ListDocument, PutDocument, StoredDocument
from lookalike.web.api.filtering import FilterText
from lookalike.web.api.inputs import Base64, Form, Given, StrictBody
from lookalike.web.api.metadata import Meta, MetaText
from lookalike.web.api.openapi import ASKED, FETCHED, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import validation
from lookalike.web.http.routing import ImageKey
from lookalike.web.service import Service
from shards.errors import KeyNotFound
from shards.search.filters import Filter
from shards.table.format.records import UNDATED, Record
from shards.table.read.snapshot import Image

router = APIRouter(prefix="/v1/images", tags=["images"])

LOOKED_AT = 20_000
"""Keys that a page with a text looks at: the text may be in none of them, and a request has to end."""


class PutBody(StrictBody):
    """The picture to add: `url` or `image`."""

    model_config = ConfigDict(
        title="PutBody",
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.org/cat.jpg", "meta": {"album": "zoo"}}]},
    )

    url: Annotated[str | None, Field(description="An address for the server to fetch.")] = None
    image: Annotated[Base64 | None, Field(description="A file in base64.")] = None
    meta: Meta = Field(default_factory=dict)

    def given(self) -> Given:
        """Return the picture. Raises Problem unless there is exactly one."""
        if (self.url is None) == (self.image is None):
            raise validation("give either url or image")
        return Given("url", self.url) if self.url is not None else Given("image", self.image or "")


class PutParameters(BaseModel):
    """Options of adding an image, in the query or in the fields of a form."""

    model_config = ConfigDict(extra="forbid")

    meta: Annotated[
        MetaText | None, Field(description="Metadata: a JSON object, as text.", examples=['{"album": "zoo"}'])
    ] = None


@router.put(
    "/{key}",
    summary="Add an image, or replace the image with this key",
    description="When the answer comes, the image is stored durably, and every later search finds it.",
    status_code=201,
    response_model=PutDocument,
    responses=refusals(*FETCHED, 409, 412) | {200: {"model": PutDocument, "description": "Replaced."}},
    openapi_extra=openapi.takes(
        PutBody, form={"file": openapi.FILE, "meta": openapi.json_text("Metadata: a JSON object.")}, picture=True
    ),
)
async def put(
    key: ImageKey,
    request: Request,
    service: Serving,
    caller: Annotated[Caller, needs("write")],
    parameters: Annotated[PutParameters, Query()],
    if_none_match: Annotated[str | None, Header(description="`*`: add the image only if the key is new.")] = None,
) -> Response:
    if if_none_match not in (None, "*"):
        raise validation("If-None-Match: only * is supported", if_none_match)
    await service.make_room()
    async with inputs.body(request, service, kinds=inputs.PICTURES) as body:
        given, meta = await _picture(service, body)
        if parameters.meta is not None:
            meta = {**parameters.meta, **meta}
        async with inputs.picture(given, service) as data:
            computed = await service.pool.compute(data)
    record = computed.record(key, UNDATED, meta)
    if if_none_match == "*":
        record = await service.write_new(record)
        return put_response(service, record, caller, is_replaced=False)
    written, replaced = await service.call(service.write, [record])
    return put_response(service, written[0], caller, is_replaced=bool(replaced))


def put_response(service: Service, record: Record, caller: Caller, *, is_replaced: bool) -> Response:
    """Return the answer to the caller that added this image."""
    document: PutDocument = {
        **documents.stored_document(
            documents.image_of(record), documents.signatures_of(record, service.index.families), caller
        ),
        "replaced": is_replaced,
    }
    return documents.respond(document, 200 if is_replaced else 201)


async def _picture(service: Service, body: inputs.Body) -> tuple[Given, Mapping[str, Any]]:
    """Return the picture of a body, and its metadata. Raises Problem unless there is exactly one."""
    if isinstance(body, Given):
        return body, {}
    if isinstance(body, bytes):
        document = await inputs.parse(service, PutBody, body)
        return document.given(), document.meta
    if isinstance(body, Form):
        parameters = await service.parse(PutParameters.model_validate, body.fields)
        if len(body.given) == 1:
            return body.given[0], parameters.meta or {}
        raise validation(f"{len(body.given)} pictures: send exactly one")
    raise validation("there is no picture: send it as the body, as the file of a form, or its url as JSON")


@router.get(
    "/{key}",
    summary="Get an image's metadata and signatures",
    response_model=StoredDocument,
    responses=refusals(*ASKED, 404, 422),
)
async def get(key: ImageKey, service: Serving, caller: Annotated[Caller, needs("read")]) -> Response:
    stored = await service.call(service.index.get, key)
    return documents.respond(documents.stored_document(stored.image, stored.signatures, caller))


@router.delete(
    "/{key}",
    summary="Delete an image from the index",
    description="The file that it was added from is not touched.",
    status_code=204,
    responses=refusals(*ASKED, 404, 409, 422),
)
async def delete(key: ImageKey, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    await service.make_room()
    if not await service.call(service.remove, [key]):
        raise KeyNotFound(key, service.index.url)
    return Response(status_code=204)


class ListParameters(BaseModel):
    """The images to list."""

    model_config = ConfigDict(extra="forbid")

    prefix: Annotated[str, Field(description="Only images whose key begins with this.", max_length=1024)] = ""
    contains: Annotated[
        str,
        Field(
            description="Only images whose key has this text anywhere, in upper or lower case. A page of them may be"
            " short, or empty, and have a `next`: 20,000 keys are looked at for each.",
            max_length=1024,
        ),
    ] = ""
    filter: FilterText = None
    after: Annotated[str | None, Field(description="The `next` of the previous page.", max_length=2048)] = None
    limit: Annotated[int, Field(description="Maximum number of images.", ge=1, le=1000)] = 100


@router.get(
    "",
    summary="List the images, page by page",
    description="The order is the index's own, and stays the same while images are added and deleted.",
    response_model=ListDocument,
    responses=refusals(*ASKED, 422),
)
async def list_images(
    service: Serving, caller: Annotated[Caller, needs("read")], parameters: Annotated[ListParameters, Query()]
) -> Response:
    after = _key_of(parameters.after) if parameters.after is not None else None
    where = Filter.of(parameters.filter)

    wanted = parameters.contains.casefold()
    looked_at = LOOKED_AT if wanted else parameters.limit

    def page() -> Response:
        shown: list[Image] = []
        last = None
        images = service.index.list(after=after, limit=looked_at + 1, prefix=parameters.prefix, where=where)
        for n, image in enumerate(images):
            if n == looked_at or len(shown) == parameters.limit:
                break
            last = image.key
            if wanted in image.key.casefold():
                shown.append(image)
        else:
            last = None
        document: ListDocument = {
            "images": [documents.image_document(image, caller) for image in shown],
            "next": None if last is None else _cursor(last),
        }
        return documents.respond(document)

    return await service.call(page)


def _cursor(key: str) -> str:
    """Return a token for the page after this key, opaque to clients."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _key_of(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise validation("after: this is not the next of a page; leave it out to start again", cursor) from error
