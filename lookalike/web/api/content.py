"""`/v1/images/{key}/content` and `/v1/images/{key}/thumbnail`: the pictures themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from lookalike.web.api.openapi import ASKED, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from lookalike.web.http.callers import CALLER
from lookalike.web.http.problems import Problem
from lookalike.web.http.routing import KEY_IN_QUERY, ImageKey, is_head
from lookalike.web.service import Service
from shards.pictures import containers
from shards.storage.originals import OpenOriginal
from shards.table.read.snapshot import Image

router = APIRouter(prefix="/v1/images", tags=["pictures"])

DRAWN = 256
"""Pixels of the longer side of a thumbnail that is drawn because the index keeps none."""

PIECE = 1 << 18
"""Bytes of a file that are read at a time."""

Version = Annotated[
    str | None, Query(description="The image's sha256, which lets the client cache the answer for ever.", max_length=64)
]
Fallback = Annotated[
    Literal["thumbnail"] | None, Query(description="Redirects to the thumbnail where the file is not available.")
]
Known = Annotated[str | None, Header(alias="If-None-Match", description="ETags of copies that the client has.")]


BINARY = {"schema": {"type": "string", "format": "binary"}}
UNCHANGED = {304: {"description": "The client has this version (If-None-Match)."}}
REDIRECTED = {
    307: {
        "description": "The file is large: fetch it from Location within a few minutes. Or, with `fallback`, it is not"
        " available: Location is the thumbnail."
    }
}


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
    request: Request,
    service: Serving,
    _: Annotated[Caller, needs("read")],
    v: Version = None,
    fallback: Fallback = None,
    if_none_match: Known = None,
) -> Response:
    image = (await service.call(service.index.get, key)).image
    headers = _headers(image, v)
    if _is_known(image, if_none_match):
        return Response(status_code=304, headers=headers)
    address = await service.call(service.contents.address, image) if service.contents is not None else None
    if address is not None:
        return _redirect(address)
    original = await service.open(image)
    if original is None:
        if fallback is None:
            raise _missing(key)
        # relative, which is right behind every proxy; a page that shows the thumbnail already has it at this address
        fields = {"key": key} if KEY_IN_QUERY in request.scope else {}
        query = urlencode(fields | ({"v": image.sha256} if image.sha256 else {}))
        return _redirect(f"thumbnail?{query}" if query else "thumbnail")
    try:
        head = await service.call(original.read, PIECE)
        headers |= _kind(head) | {"Content-Length": str(original.size)}
    except BaseException:
        original.close()
        raise
    if is_head(request.scope):
        original.close()
        return Response(headers=headers)
    return _Download(_pieces(service, original, head), original, headers)


def _redirect(address: str) -> Response:
    """Return a redirect that is good for this once, without the picture's ETag."""
    return Response(status_code=307, headers={"Location": address, "Cache-Control": "no-store"})


class _Download(StreamingResponse):
    """An answer that closes the file when it is sent, or when the client has gone."""

    def __init__(self, pieces: AsyncIterator[bytes], original: OpenOriginal, headers: Mapping[str, str]) -> None:
        super().__init__(pieces, headers=headers)
        self._original = original

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._original:
            await super().__call__(scope, receive, send)


async def _pieces(service: Service, original: OpenOriginal, head: bytes) -> AsyncIterator[bytes]:
    """Yield the file piece by piece: the next one is read when the client has taken the last."""
    piece = head
    while piece:
        yield piece
        piece = await service.read(original.read, PIECE)


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
    image = (await service.call(service.index.get, key)).image
    headers = _headers(image, v)
    if _is_known(image, if_none_match):
        return Response(status_code=304, headers=headers)
    small = await service.call(service.index.thumbnail, image) or await _drawn(service, image)
    if small is None:
        raise _missing(key)
    return Response(small, headers=headers | _kind(small))


async def _drawn(service: Service, image: Image) -> bytes | None:
    """Return a small copy that is drawn from the file; None where there is no file."""
    original = await service.open(image)
    if original is None:
        return None
    with original, service.limiter.holding(original.size, CALLER.get()):
        data = await service.call(original.read, original.size)
        return await service.pool.thumbnail(data, DRAWN)


def _headers(image: Image, version: str | None) -> dict[str, str]:
    """Return the headers of a picture; `version` is the sha256 in its address."""
    is_fixed = image.sha256 != "" and version == image.sha256
    return {
        **({"ETag": f'"{image.sha256}"'} if image.sha256 else {}),
        "Cache-Control": "private, max-age=31536000, immutable" if is_fixed else "private, no-cache",
        # a picture that is opened by itself must not load or run anything
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _is_known(image: Image, known: str | None) -> bool:
    """Return whether the client has this picture; `known` is its If-None-Match."""
    if not image.sha256:
        return False
    return known is not None and not {f'"{image.sha256}"', "*"}.isdisjoint(
        tag.strip().removeprefix("W/") for tag in known.split(",")
    )


def _kind(head: bytes) -> dict[str, str]:
    """Return the headers that say what a file is, by its first bytes."""
    media_type = containers.media_type(head)
    if media_type is None:
        return {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
    return {"Content-Type": media_type, "Content-Disposition": "inline"}


def _missing(key: str) -> Problem:
    return Problem(
        404,
        "not-found",
        "The picture is not available",
        f"the index has no copy of {key!r}, and the file it was added from is gone, changed or unknown",
        key,
    )
