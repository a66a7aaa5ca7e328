"""Pictures and questions from the body of a request, whatever form it has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from lookalike.questions import Key, Question, Signature
from lookalike.signatures.computed import ComputedPicture, Signed
from lookalike.web.http import encoded, forms
from lookalike.web.http.callers import CALLER
from lookalike.web.http.encoded import Encoded
from lookalike.web.http.forms import MULTIPART, URLENCODED, File
from lookalike.web.http.limits import arrived
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service
from shards.families import Family

Kind: TypeAlias = Literal["file", "url", "key", "signature", "image"]

PICTURES: frozenset[Kind] = frozenset({"file", "url", "image"})
"""Kinds whose signatures are computed; the others are keys of the index, or signatures."""

QUESTIONS: frozenset[Kind] = PICTURES | {"key", "signature"}

ALIASES: Mapping[str, Kind] = {"hash": "signature"}
"""Other names of kinds, in a form."""

SHOWN = 64
"""Characters of a signature or an address by which an answer names its question."""

LISTED = 10_000
"""Items of a list in a JSON document: more than are worked on in one request."""

Model = TypeVar("Model", bound=BaseModel)


def _string(value: Any) -> str | Encoded:
    if isinstance(value, str | Encoded):
        return value
    raise PydanticCustomError("string_type", "Input should be a valid string")


Base64: TypeAlias = Annotated[str | Encoded, PlainValidator(_string), WithJsonSchema({"type": "string"})]
"""A picture in a JSON document."""


class StrictBody(BaseModel):
    """A JSON document in which the first unknown field ends the reading: there may be a hundred thousand of them."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, document: Any) -> Any:
        if isinstance(document, dict):
            for name in document:
                if name not in cls.model_fields:
                    raise validation(f"{name[:SHOWN]}: there is no such field", document[name])
        return document


@dataclass(frozen=True, slots=True)
class Given:
    """A picture, a key or a signature that a client sent."""

    kind: Kind
    content: bytes | str | Encoded = field(repr=False)
    """Bytes for `file`, base64 for `image`, otherwise the address, key or signature."""
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
    with service.fetching():
        if media_type in (MULTIPART, URLENCODED):
            most = max(service.settings.max_batch, service.settings.max_questions)
            yield _form(await form(request, service, max_files=most), kinds)
            return
        data = await service.parse(arrived(request.scope).read)
        if media_type == "application/json" or media_type.endswith("+json"):
            yield data
        elif not data:
            yield None
        elif media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
            yield Given("file", data)
        else:
            raise unsupported(media_type)


async def form(request: Request, service: Service, *, max_files: int) -> forms.Fields:
    """Return the fields of the form that is the body of this request. Raises Problem."""
    body = arrived(request.scope)
    if media_type_of(request) == URLENCODED:
        return await service.parse(forms.read_urlencoded, body)
    return await service.parse(forms.read_multipart, body, request.headers["content-type"], max_files=max_files)


def unsupported(media_type: str) -> Problem:
    """Return the problem of a body of another kind."""
    return Problem(
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


def _form(parts: forms.Fields, kinds: frozenset[Kind]) -> Form:
    given: list[Given] = []
    fields: dict[str, str] = {}
    for name, value in parts:
        if isinstance(value, File):
            if name != "file":
                raise validation(f"{name}: send pictures in parts named file, and other fields as text", name)
            if value.name or value.data:
                # a browser sends a file field that was left empty as a nameless file of 0 bytes
                given.append(Given("file", value.data, value.name))
        elif name == "file":
            raise validation("file: this is text; give the part a filename to send a file", value)
        elif (kind := ALIASES.get(name, name)) in kinds:
            given.append(Given(kind, value))
        elif name in fields:
            raise validation(f"{name}: given twice", value)
        else:
            fields[name] = value
    return Form(given, fields)


async def document(request: Request, service: Service, model: type[Model]) -> Model:
    """Return the JSON document that is the body of this request; no body is an empty one. Raises Problem."""
    async with body(request, service, kinds=frozenset()) as sent:
        if sent is None:
            return await parse(service, model, b"{}")
        if not isinstance(sent, bytes):
            raise unsupported(media_type_of(request))
        return await parse(service, model, sent)


async def parse(service: Service, model: type[Model], data: bytes) -> Model:
    """Parse the JSON document strictly: `"10"` is not a number. Raises Problem and pydantic's ValidationError."""
    return await service.parse(_parsed, model, data)


def _parsed(model: type[Model], data: bytes) -> Model:
    return model.model_validate(encoded.read(data), strict=True)


@asynccontextmanager
async def picture(given: Given, service: Service) -> AsyncIterator[bytes]:
    """Yield the bytes of a picture that is given as a file, an address or base64. Raises Problem.

    Bytes that are no part of the body count as held while they are used.
    """
    if isinstance(given.content, bytes):
        yield given.content
        return
    if given.kind == "url":
        data = await service.fetch(str(given.content))
    else:
        data = await service.parse(encoded.decoded, given.content)
    with service.limiter.holding(len(data), CALLER.get()):
        yield data


async def question(
    given: Given, service: Service, families: Sequence[Family], *, orientations: bool = False
) -> tuple[Question, ComputedPicture | None]:
    """Return the question to these families of the index, and the computed picture if there is one.

    Raises Problem, PictureError.
    """
    if given.kind == "signature":
        return Signature(str(given.content)), None
    if given.kind == "key":
        key = str(given.content)
        return await _turned(key, service, families) if orientations else Key(key), None
    async with picture(given, service) as data:
        computed = await service.pool.compute(data, asked=_names(families), orientations=orientations)
    return computed.question(), computed


def _names(families: Sequence[Family]) -> list[str]:
    return [family.name for family in families]


async def _turned(key: str, service: Service, families: Sequence[Family]) -> Question:
    """Return a question with all orientations of the image of this key.

    The index knows the signatures of one orientation only; the others are computed from the image's file or thumbnail.
    Where both are missing, the question is the key alone, and the index answers that it cannot be turned.
    """
    stored = await service.call(service.index.get, key)
    original = await service.open(stored.image)
    if original is not None:
        with original, service.limiter.holding(original.size, CALLER.get()):
            data = await service.call(original.read, original.size)
            computed = await service.pool.compute(data, asked=_names(families), orientations=True)
    else:
        thumbnail = await service.call(service.index.thumbnail, stored.image)
        if thumbnail is None:
            return Key(key)
        computed = await service.pool.compute(thumbnail, asked=_names(families), orientations=True)
    # a thumbnail differs a little from the picture itself, whose signatures are known
    as_is = {family.name: family.parse(stored.signatures[family.name]) for family in families}
    return Signed(
        (as_is, *computed.orientations[1:]), as_is, sha256=bytes.fromhex(stored.image.sha256), key=stored.image.key
    )
