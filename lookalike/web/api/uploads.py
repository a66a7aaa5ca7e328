"""`/v1/uploads`: addresses to which one picture each may be put, by whoever has the address.

For clients that are given no token. Here the address leads back to this service; where requests must be small (a
function takes 4.5 MB), another `Uploads` in `app.state.uploads` makes addresses that lead past it, into a bucket.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, with_config
from starlette.responses import Response
from typing_extensions import TypedDict

from lookalike.index import Index
from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.documents import PutDocument
from lookalike.web.api.images import put_response
from lookalike.web.api.inputs import Given
from lookalike.web.api.metadata import Meta
from lookalike.web.api.openapi import SENT, refusals
from lookalike.web.http.access import Caller, needs
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Serving
from lookalike.web.settings import WebSettings
from shards.errors import PictureError
from shards.table.format import names

router = APIRouter(prefix="/v1/uploads", tags=["images"])

BELOW = "/v1/uploads/"
"""Where the paths are tokens themselves."""

PICTURE = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in openapi.PICTURES}
"""The content of a body that is a picture, for OpenAPI."""

TOKEN_CHARACTERS = 6000
"""A request line of 8 KB is what proxies take; so much is left for the key and the metadata."""

BEARER = Caller("upload", frozenset())
"""Whoever puts a picture: the address is all that is known of them."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One picture that may be put: under this key, of so many bytes at most, until `expires` (seconds since 1970).

    `size`: what it was said to have, where it was said.
    """

    key: str
    meta: Mapping[str, Any]
    max_bytes: int
    expires: int
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a picture is put, by which method, and what headers it needs."""

    url: str
    method: str = "PUT"
    headers: Mapping[str, str] = field(default_factory=dict)


class Uploads(Protocol):
    """Where pictures are put. `max_bytes`: of one; `seconds`: how long an address is good."""

    max_bytes: int
    seconds: int

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    def address(self, upload: Upload, here: Callable[[str], str]) -> Address:
        """Where this one is put. `here`: from a token to its address at this service. Raises Problem."""
        ...

    def opened(self, token: str) -> Upload:
        """What a token allows at this service. Raises Problem where it is none of ours, or too old."""
        ...


class TokenUploads:
    """Pictures come back to this service, with a token that says what may be put, sealed by HMAC-SHA256 (RFC 2104).

    Nothing is kept of a token: every process with the same secret knows it, and one that is used twice adds the same
    key again. It is good for this index only, whatever else has the secret.
    """

    def __init__(self, index: Index, settings: WebSettings, now: Callable[[], float] = time.time) -> None:
        self.max_bytes = min(index.settings.pictures.max_bytes, settings.max_body)
        self.seconds = settings.upload_seconds
        self.now = now
        self._secret = settings.upload_secret or secrets.token_bytes(32)
        self._context = f"lookalike upload 1\n{index.url}\n".encode()

    def address(self, upload: Upload, here: Callable[[str], str]) -> Address:
        # a nonce, so that nobody who has one address can tell whether another is for the same picture
        fields = [upload.key, upload.meta, upload.max_bytes, upload.expires, secrets.token_hex(8)]
        said = _text(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode())
        token = f"{said}.{_text(self._seal(said))}"
        if len(token) > TOKEN_CHARACTERS:
            raise validation(
                f"the key and the metadata make an address of {len(token):,} characters, {TOKEN_CHARACTERS:,} at most",
                help="Leave out the metadata, or add the picture with PUT /v1/images/{key}.",
            )
        return Address(here(token))

    def opened(self, token: str) -> Upload:
        said, _, seal = token.partition(".")
        try:
            is_ours = hmac.compare_digest(self._seal(said), _data(seal))
        except ValueError:
            is_ours = False
        if not is_ours:
            raise Problem(
                403,
                "upload-unknown",
                "That is no address for uploads",
                "this service did not make the address, or it was changed",
                help="Use the url of POST /v1/uploads as it is.",
            )
        key, meta, max_bytes, expires, _ = json.loads(_data(said))
        if self.now() >= expires:
            raise Problem(
                403,
                "upload-expired",
                "The address has expired",
                f"it was good until {documents.time(expires * 10**9)}",
                help="Ask for a new one with POST /v1/uploads.",
            )
        return Upload(key, meta, max_bytes, expires)

    def _seal(self, said: str) -> bytes:
        return hmac.digest(self._secret, self._context + said.encode(), "sha256")


def _text(data: bytes) -> str:
    """base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _data(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def uploads_of(request: Request) -> Uploads:
    """What this app hands out addresses with."""
    uploads: Uploads = request.app.state.uploads
    return uploads


class UploadBody(BaseModel):
    """The picture that will be put."""

    model_config = ConfigDict(
        title="UploadBody",
        extra="forbid",
        json_schema_extra={"examples": [{"key": "holiday/cat.jpg", "meta": {"album": "zoo"}, "bytes": 20_000_000}]},
    )

    key: Annotated[str, Field(description="Of the image, when it is there.", min_length=1)]
    meta: Meta = {}
    bytes: Annotated[int | None, Field(description="How large it is, to know at once whether it may be.", ge=1)] = None


@with_config(ConfigDict(title="Upload"))
class UploadDocument(TypedDict):
    method: Annotated[str, Field(examples=["PUT"])]
    url: Annotated[str, Field(description="Good for one picture; whoever has it needs no token.")]
    headers: Annotated[dict[str, str], Field(description="To be sent with the picture.", examples=[{}])]
    expires: Annotated[str, Field(description="RFC 3339, UTC.", examples=["2025-03-09T14:18:02.000Z"])]
    max_bytes: Annotated[int, Field(description="Of the picture.", examples=[33554432])]


@router.post(
    "",
    summary="An address to which a large picture is put without a token",
    status_code=201,
    response_model=UploadDocument,
    responses=refusals(*SENT),
    openapi_extra=openapi.takes(UploadBody),
)
async def offer(
    request: Request,
    service: Serving,
    _: Annotated[Caller, needs("write")],
    uploads: Annotated[Uploads, Depends(uploads_of)],
) -> Response:
    async with inputs.body(request, service, kinds=frozenset()) as body:
        if not isinstance(body, bytes):
            raise validation("send a JSON object with the key of the picture", inputs.media_type_of(request))
        asked = await inputs.parse(service, UploadBody, body)
    names.key_bytes(asked.key)
    if asked.bytes is not None and asked.bytes > uploads.max_bytes:
        raise too_large(asked.bytes, uploads.max_bytes)
    expires = int(uploads.now()) + uploads.seconds
    upload = Upload(asked.key, asked.meta, asked.bytes or uploads.max_bytes, expires, asked.bytes)
    address = uploads.address(upload, lambda token: str(request.url_for("put_upload", token=token)))
    document: UploadDocument = {
        "method": address.method,
        "url": address.url,
        "headers": dict(address.headers),
        "expires": documents.time(upload.expires * 10**9),
        "max_bytes": upload.max_bytes,
    }
    return documents.respond(document, 201)


@router.put(
    "/{token}",
    name="put_upload",
    summary="Add the picture that an address was made for",
    description="Answers as PUT /v1/images/{key} does, and needs no token: the address is one.",
    status_code=201,
    response_model=PutDocument,
    responses=refusals(*SENT, 409) | {200: {"model": PutDocument, "description": "Replaced."}},
    openapi_extra={"requestBody": {"required": True, "content": PICTURE}},
)
async def put_upload(
    token: Annotated[str, Path(description="Of the address.", examples=["eyJ…"])],
    request: Request,
    service: Serving,
    uploads: Annotated[Uploads, Depends(uploads_of)],
) -> Response:
    upload = uploads.opened(token)
    await service.make_room()
    async with inputs.body(request, service) as body:
        if not isinstance(body, Given):
            raise validation("the body is no picture: send the file itself", inputs.media_type_of(request))
        data = await inputs.picture(body, service)
    if len(data) > upload.max_bytes:
        raise too_large(len(data), upload.max_bytes)
    signed = await service.signer.sign(data)
    record = signed.record(upload.key, service.index.next_order(), upload.meta)
    replaced = await service.call(service.write, [record])
    return put_response(service, record, BEARER, is_replaced=bool(replaced))


def too_large(size: int, most: int) -> PictureError:
    """What is wrong with a picture of so many bytes that is put to an address for fewer."""
    return PictureError("too_large_bytes", f"{size:,} bytes, and this address takes {most:,} at most")
