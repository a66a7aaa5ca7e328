"""Fields of a request from the query, a form, or a JSON object.

The dialects take all three, as the original servers do. Where a field is in the query and in the body, the body's
counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from lookalike.web.api.inputs import Given, form, media_type_of
from lookalike.web.http import encoded
from lookalike.web.http.encoded import Encoded
from lookalike.web.http.forms import MULTIPART, URLENCODED, File
from lookalike.web.http.limits import arrived
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service

MAX_FILES = 8
"""Files in one form; a comparison has two."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a request."""

    values: Mapping[str, Any]
    """Text from the query or a form, or values of any JSON type."""
    files: Mapping[str, File]
    """The files of a form, by field."""

    def read(self, model: type[Model]) -> Model:
        """Parse the values as this model; numbers may be text. Raises pydantic's ValidationError."""
        return model.model_validate(self.values)

    def picture(self, file: str, url: str | None = None) -> Given | None:
        """Return the picture at the address in the field `url`, otherwise that in `file`: a form's file, or base64."""
        if url is not None and self.values.get(url):
            return Given("url", _text(url, self.values[url]))
        if file in self.files:
            part = self.files[file]
            return Given("file", part.data, part.name)
        if value := self.values.get(file):
            return Given("image", value if isinstance(value, Encoded) else _text(file, value))
        return None


@asynccontextmanager
async def fields(request: Request, service: Service) -> AsyncIterator[Fields]:
    """Read the fields of this request. Files are closed at the end. Raises Problem where the body is malformed."""
    query = dict(request.query_params)
    with service.fetching():
        if media_type_of(request) in (MULTIPART, URLENCODED):
            sent = await form(request, service, max_files=MAX_FILES)
            texts = {name: value for name, value in sent if isinstance(value, str)}
            # a browser sends a file field that was left empty as a nameless file of 0 bytes
            files = {name: value for name, value in sent if isinstance(value, File) and (value.name or value.data)}
            yield Fields(query | texts, files)
        else:
            # clients of these servers often send JSON with another media type
            data = await service.parse(arrived(request.scope).read)
            yield Fields(query | (await service.parse(_object, data) if data else {}), {})


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = encoded.read(data)
    except Problem as problem:
        problem.help = "Send multipart/form-data, application/x-www-form-urlencoded or application/json."
        raise
    if not isinstance(document, dict):
        raise validation("the body is JSON, but not an object", document)
    return document


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise validation(f"{name}: is not text", value)
    return value
