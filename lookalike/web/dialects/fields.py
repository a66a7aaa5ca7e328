"""Fields of a request from the query, a form, or a JSON object.

The dialects take all three, as the original servers do. Where a field is in the query and in the body, the body's
counts.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.requests import Request

from lookalike.web.api.inputs import FORMS, PART_BYTES, Given, media_type_of
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
    files: Mapping[str, UploadFile]
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
            return Given("file", part, part.filename or "")
        if self.values.get(file):
            return Given("image", _text(file, self.values[file]))
        return None


@asynccontextmanager
async def fields(request: Request, service: Service) -> AsyncIterator[Fields]:
    """Read the fields of this request. Files are closed at the end. Raises Problem where the body is malformed."""
    query = dict(request.query_params)
    if media_type_of(request) in FORMS:
        async with request.form(max_files=MAX_FILES, max_part_size=PART_BYTES) as form:
            texts = {name: value for name, value in form.items() if isinstance(value, str)}
            # a browser sends a file field that was left empty as a nameless file of 0 bytes
            files = {
                name: value
                for name, value in form.items()
                if isinstance(value, UploadFile) and (value.filename or value.size)
            }
            yield Fields(query | texts, files)
    elif data := await request.body():
        # clients of these servers often send JSON with another media type
        yield Fields(query | await service.call(_object, data), {})
    else:
        yield Fields(query, {})


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Problem(
            400,
            "bad-request",
            "The request cannot be read",
            f"the body is neither a form nor JSON ({error})",
            help="Send multipart/form-data, application/x-www-form-urlencoded or application/json.",
        ) from error
    if not isinstance(document, dict):
        raise validation("the body is JSON, but not an object", document)
    return document


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise validation(f"{name}: is not text", value)
    return value
