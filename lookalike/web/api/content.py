"""`/v1/images/{key}/content` and `/v1/images/{key}/thumbnail`: the pictures themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from lookalike.web.api.openapi import ASKED, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem
from lookalike.web.http.routing import ImageKey
from lookalike.web.service import Contents, Service
from shards.pictures import containers
from shards.table.read.snapshot import Image

router = APIRouter(prefix="/v1/images", tags=["pictures"])

DRAWN = 256
"""Pixels of the longer side of a thumbnail that is drawn because the index keeps none."""

Version = Annotated[
    str | None, Query(description="The image's sha256, which lets the client cache the answer for ever.", max_length=64)
]
Known = Annotated[str | None, Header(alias="If-None-Match", description="ETags of copies that the client has.")]


BINARY = {"schema": {"type": "string", "format": "binary"}}
UNCHANGED = {304: {"description": "The client has this version (If-None-Match)."}}
REDIRECTED = {307: {"description": "The file is large: fetch it from Location within a few minutes."}}


@router.get(
    "/{key}/content",
    summary="Get the file of an image",
    description="Read from where it was added, as long as it is still there and unchanged.",
    response_class=Response,
    responses=refusals(*ASKED, 404, 422)
    | UNCHANGED
    | REDIRECTED
    | {200: {"description": "The file.", "content": {"image/*": BINARY, "application/octet-stream": BINARY}}},
)
async def content(
    key: ImageKey,
    service: Serving,
    _: Annotated[Caller, needs("read")],
    v: Version = None,
    if_none_match: Known = None,
) -> Response:
    async def read(image: Image) -> bytes | None:
        return await service.call(service.index.content, image)

    return await _picture(service, key, v, if_none_match, read, service.contents)


@router.get(
    "/{key}/thumbnail",
    summary="Get a small copy of an image",
    description="WebP. Drawn from the file where the index keeps no thumbnail.",
    response_class=Response,
    responses=refusals(*ASKED, 404, 422)
    | UNCHANGED
    | {200: {"description": "The thumbnail.", "content": {"image/webp": BINARY}}},
)
async def thumbnail(
    key: ImageKey,
    service: Serving,
    _: Annotated[Caller, needs("read")],
    v: Version = None,
    if_none_match: Known = None,
) -> Response:
    async def draw(image: Image) -> bytes | None:
        kept = await service.call(service.index.thumbnail, image)
        if kept is not None:
            return kept
        data = await service.call(service.index.content, image)
        return None if data is None else await service.pool.thumbnail(data, DRAWN)

    return await _picture(service, key, v, if_none_match, draw)


async def _picture(
    service: Service,
    key: str,
    version: str | None,
    known: str | None,
    read: Callable[[Image], Awaitable[bytes | None]],
    contents: Contents | None = None,
) -> Response:
    image = (await service.call(service.index.get, key)).image
    etag = f'"{image.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": ("private, max-age=31536000, immutable" if version == image.sha256 else "private, no-cache"),
        "X-Content-Type-Options": "nosniff",
        # a picture that is opened by itself must not load or run anything
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if known is not None and {tag.strip().removeprefix("W/") for tag in known.split(",")} & {etag, "*"}:
        return Response(status_code=304, headers=headers)
    address = await service.call(contents.address, image) if contents is not None else None
    if address is not None:
        # the address is good for a few minutes; the picture's ETag is not the redirect's
        return Response(status_code=307, headers={"Location": address, "Cache-Control": "no-store"})
    data = await read(image)
    if data is None:
        raise Problem(
            404,
            "not-found",
            "The picture is not available",
            f"the index has no copy of {key!r}, and the file it was added from is gone, changed or unknown",
            key,
        )
    media_type = containers.media_type(data)
    if media_type is None:
        return Response(data, 200, headers | {"Content-Disposition": "attachment"}, "application/octet-stream")
    return Response(data, 200, headers | {"Content-Disposition": "inline"}, media_type)
