"""Additions to the OpenAPI description: the framework does not see bodies, which are read by hand, nor refusals."""

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
    400: "The body is malformed.",
    401: "A token is needed, or the token is unknown.",
    403: "Not allowed for this token, host or page.",
    404: "There is no such image, review or job, or the picture is not available.",
    408: "The body did not arrive in time.",
    409: "Others kept changing the index: send it again. Or a review is not done yet, or a plan no longer fits.",
    412: "The key exists already (If-None-Match).",
    413: "The body or the picture is too large.",
    415: "The body or the picture is of an unsupported kind.",
    422: "A field is invalid, or the picture is damaged.",
    429: "The service is busy. Try again after the seconds in Retry-After.",
    502: "The address gave no picture.",
    503: "The store failed. With Retry-After, try again after those seconds.",
    504: "The address took too long to answer.",
}

ASKED = (401, 403, 429, 503)
"""Statuses with which any request may be refused."""

SENT = (*ASKED, 400, 408, 413, 415, 422)
"""Statuses with which a request with a body may be refused."""

FETCHED = (*SENT, 502, 504)
"""Statuses with which a request may be refused whose pictures are fetched from addresses."""

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "application/octet-stream")
"""Some of the media types of a body that is a picture."""

BINARY: Schema = {"type": "string", "format": "binary"}

_bodies: dict[str, type[BaseModel]] = {}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route for these statuses: each is a problem document."""
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": REF.format(model="ProblemDocument")}}}
    responses: dict[int | str, dict[str, Any]] = {}
    for status in sorted(set(statuses)):
        responses[status] = {"description": REFUSALS[status], "content": content}
        if status in (409, 429, 503):
            responses[status]["headers"] = {
                "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
            }
    return responses


def takes(
    model: type[BaseModel],
    *,
    form: Mapping[str, Schema] | None = None,
    picture: bool = False,
    required: bool = True,
) -> Schema:
    """Return the `openapi_extra` of a route whose body is this JSON document, a form of these fields, or a picture.

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
    """Return the schema of a form's field that holds JSON."""
    return {"type": "string", "contentMediaType": "application/json", "description": description}


def describe(app: FastAPI) -> Schema:
    """Return the whole description of this app, made once."""
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
                # the framework adds its own refusal where a route does not name that status; ours look different
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        document["components"]["schemas"] = dict(sorted(schemas.items()))
        app.openapi_schema = document
    return app.openapi_schema


def methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods of a path, with HEAD for GET; none where the description lacks the path."""
    known = {method.upper() for method in describe(app)["paths"].get(path, {})}
    return sorted(known | {"HEAD"} if "GET" in known else known)
