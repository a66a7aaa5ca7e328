"""`/v1/images/{key}/content` and `/thumbnail`: the pictures themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from lookalike.web.api.openapi import ASKED, refusals
from lookalike.web.http.access import Caller, needs
from lookalike.web.http.problems import Problem
from lookalike.web.http.routing import ImageKey
from lookalike.web.service import Service, Serving
from shards.pictures import decoding
from shards.pictures.decoding import PictureSettings
from shards.table.read.snapshot import Image

router = APIRouter(prefix="/v1/images", tags=["pictures"])

INLINE = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp", "image/heic", "image/tiff"}
)
"""What a browser shows as a picture and cannot run. Anything else is only to be saved."""

DRAWN = 256
"""Pixels of the longer side of a thumbnail that is drawn because none is kept."""

Version = Annotated[
    str | None, Query(description="The image's sha256: then the answer may be kept for ever.", max_length=64)
]
Known = Annotated[str | None, Header(alias="If-None-Match", description="ETags of what the client has.")]


class Elsewhere(Protocol):
    """Where pictures are that this service does not send itself."""

    def address(self, image: Image) -> str | None:
        """Where whoever has this address may read the file for a while; None where the service sends it."""
        ...


class Nowhere:
    """The service sends everything itself. Another `Elsewhere` may be put into `app.state.elsewhere`."""

    def address(self, image: Image) -> str | None:  # noqa: ARG002
        return None


def elsewhere_of(request: Request) -> Elsewhere:
    """Where this app has pictures that it does not send."""
    elsewhere: Elsewhere = request.app.state.elsewhere
    return elsewhere


BINARY = {"schema": {"type": "string", "format": "binary"}}
UNCHANGED = {304: {"description": "The client has it already (If-None-Match)."}}
REDIRECTED = {307: {"description": "The file is large; it is at the address in Location, for a few minutes."}}


@router.get(
    "/{key}/content",
    summary="The file that was added",
    description="Read from where it was added, as long as it is there and unchanged.",
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
    elsewhere: Annotated[Elsewhere, Depends(elsewhere_of)],
    v: Version = None,
    if_none_match: Known = None,
) -> Response:
    async def read(image: Image) -> bytes | None:
        return await service.call(service.index.content, image)

    return await _picture(service, key, v, if_none_match, read, elsewhere)


@router.get(
    "/{key}/thumbnail",
    summary="A small copy of an image",
    description="WebP. Where the index keeps none, it is drawn from the file.",
    response_class=Response,
    responses=refusals(*ASKED, 404, 422)
    | UNCHANGED
    | {200: {"description": "A picture.", "content": {"image/webp": BINARY}}},
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
        async with service.drawing:
            data = await service.call(service.index.content, image)
            return None if data is None else await service.call(_draw, data, service.index.settings.pictures)

    return await _picture(service, key, v, if_none_match, draw)


def _draw(data: bytes, settings: PictureSettings) -> bytes:
    return decoding.thumbnail(decoding.decode(data, settings), DRAWN)


async def _picture(
    service: Service,
    key: str,
    version: str | None,
    known: str | None,
    read: Callable[[Image], Awaitable[bytes | None]],
    elsewhere: Elsewhere | None = None,
) -> Response:
    image = (await service.call(service.index.get, key)).image
    etag = f'"{image.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": ("private, max-age=31536000, immutable" if version == image.sha256 else "private, no-cache"),
        "X-Content-Type-Options": "nosniff",
        # a picture that is opened by itself may load and run nothing
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if known is not None and {tag.strip().removeprefix("W/") for tag in known.split(",")} & {etag, "*"}:
        return Response(status_code=304, headers=headers)
    address = await service.call(elsewhere.address, image) if elsewhere is not None else None
    if address is not None:
        # the address is good for a few minutes, and the picture's ETag is not that of the redirection
        return Response(status_code=307, headers={"Location": address, "Cache-Control": "no-store"})
    data = await read(image)
    if data is None:
        raise Problem(
            404,
            "not-found",
            "The picture is not kept",
            f"the index has no copy of {key!r}, and where it was added from it is gone, changed, or not known",
            key,
        )
    media_type = await service.call(decoding.media_type, data)
    if media_type not in INLINE:
        return Response(data, 200, headers | {"Content-Disposition": "attachment"}, "application/octet-stream")
    return Response(data, 200, headers | {"Content-Disposition": "inline"}, media_type)
