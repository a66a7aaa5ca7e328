"""`/v1/uploads`: addresses to which one picture each may be put without a token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import ConfigDict, Field, with_config
from starlette.responses import Response
from typing_extensions import TypedDict

from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.documents import PutDocument
from lookalike.web.api.images import put_response
from lookalike.web.api.inputs import Given, StrictBody
from lookalike.web.api.metadata import Meta
from lookalike.web.api.openapi import SENT, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import validation
from lookalike.web.http.timestamps import rfc3339
from lookalike.web.uploads import BELOW, SOURCE, Upload, too_large
from shards.table.format import names
from shards.table.format.records import UNDATED

router = APIRouter(prefix="/v1/uploads", tags=["images"])

PICTURE = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in openapi.PICTURES}
"""The content of a body that is a picture, for OpenAPI."""

BEARER = Caller("upload", frozenset())
"""The caller that puts a picture: nothing is known of it but the address."""


class UploadBody(StrictBody):
    """The picture that will be uploaded."""

    model_config = ConfigDict(
        title="UploadBody",
        extra="forbid",
        json_schema_extra={"examples": [{"key": "holiday/cat.jpg", "meta": {"album": "zoo"}, "bytes": 20_000_000}]},
    )

    key: Annotated[str, Field(description="The key that the image will have.", min_length=1)]
    meta: Meta = Field(default_factory=dict)
    bytes: Annotated[int | None, Field(description="Size of the picture, which is then checked at once.", ge=1)] = None


@with_config(ConfigDict(title="Upload"))
class UploadDocument(TypedDict):
    method: Annotated[str, Field(examples=["PUT"])]
    url: Annotated[
        str,
        Field(
            description="Good for one picture, without a token. Without a host it is an address of this service.",
            examples=["/v1/uploads/eyJ…"],
        ),
    ]
    headers: Annotated[dict[str, str], Field(description="Headers to send with the picture.", examples=[{}])]
    expires: Annotated[str, Field(description="Time in RFC 3339, UTC.", examples=["2025-03-09T14:18:02.000Z"])]
    max_bytes: Annotated[int, Field(description="Maximum size of the picture.", examples=[33554432])]


@router.post(
    "",
    summary="Get an address for uploading one picture without a token",
    status_code=201,
    response_model=UploadDocument,
    responses=refusals(*SENT),
    openapi_extra=openapi.takes(UploadBody),
)
async def offer(
    request: Request,
    service: Serving,
    _: Annotated[Caller, needs("write")],
) -> Response:
    uploads = service.uploads
    async with inputs.body(request, service, kinds=frozenset()) as body:
        if not isinstance(body, bytes):
            raise validation("send a JSON object with the key of the picture", inputs.media_type_of(request))
        wanted = await inputs.parse(service, UploadBody, body)
    names.key_bytes(wanted.key)
    if wanted.bytes is not None and wanted.bytes > uploads.max_bytes:
        raise too_large(wanted.bytes, uploads.max_bytes)
    expires = int(uploads.now()) + uploads.seconds
    upload = Upload(wanted.key, wanted.meta, wanted.bytes or uploads.max_bytes, expires, wanted.bytes)
    # not built from the Host header, which the client or a proxy may have set to anything
    base = service.settings.public_url or request.scope.get("root_path", "")
    address = uploads.address(upload, lambda token: f"{base}{BELOW}{token}")
    document: UploadDocument = {
        "method": address.method,
        "url": address.url,
        "headers": dict(address.headers),
        "expires": rfc3339(upload.expires * 10**9),
        "max_bytes": upload.max_bytes,
    }
    return documents.respond(document, 201)


@router.put(
    "/{token}",
    name="put_upload",
    summary="Upload the picture that an address was made for",
    description="Answers like PUT /v1/images/{key}, and needs no token. What was refused may be sent again.",
    status_code=201,
    response_model=PutDocument,
    responses=refusals(*SENT, 409) | {200: {"model": PutDocument, "description": "Replaced."}},
    openapi_extra={"requestBody": {"required": True, "content": PICTURE}},
)
async def put_upload(
    token: Annotated[str, Path(description="The last part of the address.", examples=["eyJ…"])],
    request: Request,
    service: Serving,
) -> Response:
    upload = service.uploads.opened(token)
    await service.make_room()
    await service.call(service.used_uploads.use, upload, service.uploads.now())
    try:
        async with inputs.body(request, service) as body:
            if not isinstance(body, Given):
                raise validation("the body is not a picture: send the file itself", inputs.media_type_of(request))
            async with inputs.picture(body, service) as data:
                if len(data) > upload.max_bytes:
                    raise too_large(len(data), upload.max_bytes)
                computed = await service.pool.compute(data)
        record = computed.record(upload.key, UNDATED, upload.meta, {SOURCE: upload.id})
        written, replaced = await service.call(service.write, [record])
    except BaseException:
        service.used_uploads.give_back(upload)
        raise
    return put_response(service, written[0], BEARER, is_replaced=bool(replaced))
