"""The OpenAPI description: what the framework cannot see, since bodies are read by hand and refusals are one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from lookalike.web.api.documents import ProblemDocument
from lookalike.web.http import problems

Schema = dict[str, Any]

REF = "#/components/schemas/{model}"

REFUSALS = {
    400: "The body cannot be read as what it says it is.",
    401: "A token is needed, or this one is not known.",
    403: "This token, host or page may not do that.",
    404: "There is no such image, or nothing of the kind is kept of it.",
    408: "The body did not arrive in time.",
    409: "Others changed the index at the same moment, again and again; send it again.",
    412: "There is an image of this key already (If-None-Match).",
    413: "The body or the picture is too large.",
    415: "That is no picture that is read here, or no kind of body that is.",
    422: "A field is not what it should be, or the picture is damaged.",
    429: "Too much at once; wait as long as Retry-After says.",
    502: "The address gave no picture.",
    503: "The store failed or broke off; Retry-After says whether to send it again.",
    504: "The address took too long.",
}

ASKED = (401, 403, 429, 503)
"""What any request may be refused with."""

SENT = (*ASKED, 400, 408, 413, 415, 422)
"""What a request with a body may be refused with."""

FETCHED = (*SENT, 502, 504)
"""What a request may be refused with whose pictures are fetched from addresses."""

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "application/octet-stream")
"""Some of the media types of a body that is a picture."""

BINARY: Schema = {"type": "string", "format": "binary"}

_bodies: dict[str, type[BaseModel]] = {}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for these statuses: each a problem document."""
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": REF.format(model="ProblemDocument")}}}
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted(set(statuses)):
        found[status] = {"description": REFUSALS[status], "content": content}
        if status in (409, 429, 503):
            found[status]["headers"] = {
                "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
            }
    return found


def takes(
    model: type[BaseModel],
    *,
    form: Mapping[str, Schema] | None = None,
    picture: bool = False,
    required: bool = True,
) -> Schema:
    """The `openapi_extra` of a route whose body is this JSON document, or a form of these fields, or a picture.

    A form may have other fields where the document may.
    """
    _bodies[model.__name__] = model
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": REF.format(model=model.__name__)}}}
    if form is not None:
        content["multipart/form-data"] = {
            "schema": {
                "type": "object",
                "properties": dict(form),
                "additionalProperties": model.model_config.get("extra") != "forbid",
            }
        }
    if picture:
        content |= {media_type: {"schema": BINARY} for media_type in PICTURES}
    return {"requestBody": {"required": required, "content": content}}


FILE: Schema = {**BINARY, "description": "A picture."}
FILES: Schema = {"type": "array", "items": FILE, "description": "Pictures."}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}


def json_text(description: str) -> Schema:
    """A form's field that holds JSON."""
    return {"type": "string", "contentMediaType": "application/json", "description": description}


def describe(app: FastAPI) -> Schema:
    """The whole description of this app, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        _, made = models_json_schema([(model, "validation") for model in _bodies.values()], ref_template=REF)
        schemas |= made.get("$defs", {})
        schemas.setdefault("ProblemDocument", TypeAdapter(ProblemDocument).json_schema())
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for operations in document["paths"].values():
            for operation in operations.values():
                # the framework's own refusal, where a route does not name that status: ours are others
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        document["components"]["schemas"] = dict(sorted(schemas.items()))
        app.openapi_schema = document
    return app.openapi_schema


def methods(app: FastAPI, path: str) -> list[str]:
    """The methods that the description has for this path, HEAD with GET; none where it does not have the path."""
    found = {method.upper() for method in describe(app)["paths"].get(path, {})}
    return sorted(found | {"HEAD"} if "GET" in found else found)
