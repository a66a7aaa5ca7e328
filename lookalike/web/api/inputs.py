"""Pictures and questions from the body of a request, whatever form it has."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.requests import Request

from lookalike.questions import Key, Question, Signature
from lookalike.signatures.computed import ComputedPicture, Signed
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service

Kind: TypeAlias = Literal["file", "url", "key", "signature", "image"]

PICTURES: frozenset[Kind] = frozenset({"file", "url", "image"})
"""Kinds whose signatures are computed; the others are keys of the index, or signatures."""

QUESTIONS: frozenset[Kind] = PICTURES | {"key", "signature"}

SHOWN = 64
"""Characters of a signature or an address by which an answer names its question."""

PART_BYTES = 8 << 20
"""Maximum size of a form's text field: the metadata of a thousand images."""

FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Given:
    """A picture, a key or a signature that a client sent."""

    kind: Kind
    content: bytes | str | UploadFile = field(repr=False)
    """Bytes or a form's file for `file`, base64 for `image`, otherwise the address, key or signature."""
    file_name: str = ""

    @property
    def name(self) -> str | None:
        """The name by which an answer refers to this."""
        if self.kind in ("file", "image"):
            return self.file_name or None
        text = str(self.content)
        return text if self.kind == "key" or len(text) <= SHOWN else f"{text[:SHOWN]}…"


@dataclass(frozen=True, slots=True)
class Form:
    """A form."""

    given: Sequence[Given]
    """In the order of the form's parts."""
    fields: Mapping[str, str]
    """The other fields."""


Body: TypeAlias = Form | Given | bytes | None
"""A form, a picture that is the whole body, a JSON document not yet parsed, or nothing."""


@asynccontextmanager
async def body(request: Request, service: Service, *, kinds: frozenset[Kind] = QUESTIONS) -> AsyncIterator[Body]:
    """Read the body of this request. Its files are closed at the end.

    `kinds` are the fields of a form that become `Given`. Raises Problem where the body is malformed, or 415 where it is
    of another media type.
    """
    media_type = media_type_of(request)
    if media_type in FORMS:
        limits = service.settings
        async with request.form(
            max_files=max(limits.max_batch, limits.max_questions), max_part_size=PART_BYTES
        ) as parts:
            yield _form(parts.multi_items(), kinds)
        return
    data = await request.body()
    if media_type == "application/json" or media_type.endswith("+json"):
        yield data
    elif not data:
        yield None
    elif media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
        yield Given("file", data)
    else:
        raise Problem(
            415,
            "unsupported-content-type",
            "Unsupported kind of body",
            f"Content-Type is {media_type}",
            media_type,
            "Send a picture itself (image/… or application/octet-stream), multipart/form-data, or application/json.",
        )


def media_type_of(request: Request) -> str:
    """Return the media type of the body without parameters, in lower case; empty where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _form(parts: Sequence[tuple[str, UploadFile | str]], kinds: frozenset[Kind]) -> Form:
    given: list[Given] = []
    fields: dict[str, str] = {}
    for name, value in parts:
        if isinstance(value, UploadFile):
            if name != "file":
                raise validation(f"{name}: send pictures in parts named file, and other fields as text", name)
            if value.filename or value.size:
                # a browser sends a file field that was left empty as a nameless file of 0 bytes
                given.append(Given("file", value, value.filename or ""))
        elif name == "file":
            raise validation("file: this is text; give the part a filename to send a file", value)
        elif name in kinds:
            given.append(Given(name, value))
        elif name in fields:
            raise validation(f"{name}: given twice", value)
        else:
            fields[name] = value
    return Form(given, fields)


async def parse(service: Service, model: type[Model], data: bytes) -> Model:
    """Parse the JSON document strictly: `"10"` is not a number. Raises pydantic's ValidationError."""
    return await service.call(model.model_validate_json, data, strict=True)


async def picture(given: Given, service: Service) -> bytes:
    """Return the bytes of a picture that is given as a file, an address or base64. Raises Problem."""
    if given.kind == "url":
        return (await service.fetcher.fetch(str(given.content))).data
    if isinstance(given.content, UploadFile):
        return await given.content.read()
    if isinstance(given.content, bytes):
        return given.content
    return await service.call(_decoded, given.content)


def _decoded(text: str) -> bytes:
    """Decode base64, or a `data:` URL with base64."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise validation(f"image: invalid base64 ({error})", text) from error


async def question(
    given: Given, service: Service, *, orientations: bool = False
) -> tuple[Question, ComputedPicture | None]:
    """Return the question for the index, and the computed picture if there is one. Raises Problem, PictureError."""
    if given.kind == "signature":
        return Signature(str(given.content)), None
    if given.kind == "key":
        key = str(given.content)
        return await _turned(key, service) if orientations else Key(key), None
    computed = await service.pool.compute(await picture(given, service), orientations=orientations)
    return computed.question(), computed


async def _turned(key: str, service: Service) -> Question:
    """Return a question with all orientations of the image of this key.

    The index knows the signatures of one orientation only; the others are computed from the image's file or thumbnail.
    Where both are missing, the question is the key alone, and the index answers that it cannot be turned.
    """
    stored = await service.call(service.index.get, key)
    data = await service.call(service.index.content, stored.image)
    data = data or await service.call(service.index.thumbnail, stored.image)
    if data is None:
        return Key(key)
    computed = await service.pool.compute(data, orientations=True)
    # a thumbnail differs a little from the picture itself, whose signatures are known
    as_is = {family.name: family.parse(stored.signatures[family.name]) for family in service.index.families}
    return Signed((as_is, *computed.orientations[1:]))
