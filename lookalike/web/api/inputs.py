"""What a request brings: pictures and questions out of its body, whatever form that has."""

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

from lookalike.questions import Key, Question, Signature, Signed
from lookalike.signatures.signers import SignedPicture
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service

Kind: TypeAlias = Literal["file", "url", "key", "signature", "image"]

PICTURES: frozenset[Kind] = frozenset({"file", "url", "image"})
"""Kinds that are signed; the others are known to the index, or are signatures already."""

QUESTIONS: frozenset[Kind] = PICTURES | {"key", "signature"}

SHOWN = 64
"""Characters of a signature or an address that name a question in an answer."""

PART_BYTES = 8 << 20
"""Of a form's text field: the metadata of a thousand images."""

FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Given:
    """Something to look at. `content`: bytes, a file of a form, base64 of an image, or the text of the other kinds."""

    kind: Kind
    content: bytes | str | UploadFile = field(repr=False)
    file_name: str = ""

    @property
    def name(self) -> str | None:
        """How an answer calls it."""
        if self.kind in ("file", "image"):
            return self.file_name or None
        text = str(self.content)
        return text if self.kind == "key" or len(text) <= SHOWN else f"{text[:SHOWN]}…"


@dataclass(frozen=True, slots=True)
class Form:
    """A form: `given`, in the order of its parts, and its other fields."""

    given: Sequence[Given]
    fields: Mapping[str, str]


Body: TypeAlias = Form | Given | bytes | None
"""A form, a picture that is the whole body, a JSON document not yet parsed, or nothing."""


@asynccontextmanager
async def body(request: Request, service: Service, *, kinds: frozenset[Kind] = QUESTIONS) -> AsyncIterator[Body]:
    """The body of this request; `kinds`: the fields of a form that are things given. Its files are closed at the end.

    Raises Problem where it cannot be read, 415 where it is of another media type.
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
            "That kind of body is not read here",
            f"Content-Type is {media_type}",
            media_type,
            "Send a picture itself (image/… or application/octet-stream), multipart/form-data, or application/json.",
        )


def media_type_of(request: Request) -> str:
    """What the body says it is, without parameters, in small letters; empty where it says nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _form(parts: Sequence[tuple[str, UploadFile | str]], kinds: frozenset[Kind]) -> Form:
    given: list[Given] = []
    fields: dict[str, str] = {}
    for name, value in parts:
        if isinstance(value, UploadFile):
            if name != "file":
                raise validation(f"{name}: pictures are sent in parts named file, other fields as text", name)
            if value.filename or value.size:
                # a browser sends a file field that was left empty as a nameless file of 0 bytes
                given.append(Given("file", value, value.filename or ""))
        elif name == "file":
            raise validation("file: this is text; give the part a filename, so that it is a file", value)
        elif name in kinds:
            given.append(Given(name, value))
        elif name in fields:
            raise validation(f"{name}: given twice", value)
        else:
            fields[name] = value
    return Form(given, fields)


async def parse(service: Service, model: type[Model], data: bytes) -> Model:
    """The JSON document as this model, strictly: `"10"` is no number. Raises pydantic's ValidationError."""
    return await service.call(model.model_validate_json, data, strict=True)


async def picture(given: Given, service: Service) -> bytes:
    """The bytes of a picture that is given as a file, an address or base64. Raises Problem."""
    if given.kind == "url":
        return (await service.fetcher.fetch(str(given.content))).data
    if isinstance(given.content, UploadFile):
        return await given.content.read()
    if isinstance(given.content, bytes):
        return given.content
    return await service.call(_decoded, given.content)


def _decoded(text: str) -> bytes:
    """The bytes of base64, or of a `data:` address of base64."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise validation(f"image: this is not base64 ({error})", text) from error


async def question(
    given: Given, service: Service, *, orientations: bool = False
) -> tuple[Question, SignedPicture | None]:
    """What the index is asked, and the signed picture where one was given. Raises Problem, PictureError."""
    if given.kind == "signature":
        return Signature(str(given.content)), None
    if given.kind == "key":
        key = str(given.content)
        return await _turned(key, service) if orientations else Key(key), None
    signed = await service.signer.sign(await picture(given, service), orientations=orientations)
    return signed.question(), signed


async def _turned(key: str, service: Service) -> Question:
    """The image of this key in its orientations: a key alone has one, its picture or a small copy of it has them all.

    The index is asked for the key alone where it keeps neither, and says that it cannot be turned.
    """
    stored = await service.call(service.index.get, key)
    data = await service.call(service.index.content, stored.image)
    data = data or await service.call(service.index.thumbnail, stored.image)
    if data is None:
        return Key(key)
    signed = await service.signer.sign(data, orientations=True)
    # a small copy is a little different from the picture itself, whose signatures are known
    as_is = {family.name: family.parse(stored.signatures[family.name]) for family in service.index.families}
    return Signed((as_is, *signed.orientations[1:]))
