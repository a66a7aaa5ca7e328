"""`POST /v1/compare`: the similarity of two images."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.documents import CompareDocument
from lookalike.web.api.inputs import Base64, Form, Given, Kind, StrictBody
from lookalike.web.api.openapi import FETCHED, refusals
from lookalike.web.api.search import question_document
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from lookalike.web.http.encoded import Encoded
from lookalike.web.http.problems import validation
from lookalike.web.service import Service

router = APIRouter(prefix="/v1/compare", tags=["search"])


class Side(StrictBody):
    """One of the two images: exactly one of these fields."""

    model_config = ConfigDict(title="Side", extra="forbid")

    image: Annotated[Base64 | None, Field(description="A file in base64.")] = None
    url: Annotated[str | None, Field(description="An address for the server to fetch.")] = None
    key: Annotated[str | None, Field(description="The key of an image in the index.")] = None
    signature: Annotated[str | None, Field(description="A signature as text.")] = None

    def given(self, name: str) -> Given:
        kinds: dict[Kind, str | Encoded | None] = {
            "image": self.image,
            "url": self.url,
            "key": self.key,
            "signature": self.signature,
        }
        given = [Given(kind, text) for kind, text in kinds.items() if text is not None]
        if len(given) != 1:
            raise validation(f"{name}: give one of image, url, key and signature, not {len(given)}")
        return given[0]


class CompareBody(StrictBody):
    """Two images."""

    model_config = ConfigDict(
        title="CompareBody",
        extra="forbid",
        json_schema_extra={"examples": [{"a": {"key": "cat.jpg"}, "b": {"url": "https://example.org/cat.jpg"}}]},
    )

    a: Side
    b: Side


FORM = {"file": openapi.FILES, "url": openapi.TEXTS, "key": openapi.TEXTS, "signature": openapi.TEXTS}


@router.post(
    "",
    summary="Compare two images by each family",
    description="Give two of file, url, key and signature; in a form, the order of the parts counts. A signature is "
    "compared by the families that can read it.",
    response_model=CompareDocument,
    responses=refusals(*FETCHED, 404),
    openapi_extra=openapi.takes(CompareBody, form=FORM),
)
async def compare(request: Request, service: Serving, _: Annotated[Caller, needs("read")]) -> Response:
    async with inputs.body(request, service) as body:
        a, b = await _sides(service, body)
        first, first_computed = await inputs.question(a, service, service.index.families)
        second, second_computed = await inputs.question(b, service, service.index.families)
    scores = await service.call(service.index.compare, first, second)
    document: CompareDocument = {
        "a": question_document(a, first_computed),
        "b": question_document(b, second_computed),
        "scores": [documents.score_document(score) for score in scores],
    }
    return documents.respond(document)


async def _sides(service: Service, body: inputs.Body) -> tuple[Given, Given]:
    if isinstance(body, bytes):
        document = await inputs.parse(service, CompareBody, body)
        return document.a.given("a"), document.b.given("b")
    if not isinstance(body, Form):
        raise validation('send two images as the parts of a form, or as JSON: {"a": {…}, "b": {…}}')
    if body.fields:
        name = min(body.fields)
        raise validation(f"{name}: there is no such field", body.fields[name])
    if len(body.given) != 2:
        raise validation(f"{len(body.given)} images: a comparison needs two")
    return body.given[0], body.given[1]
