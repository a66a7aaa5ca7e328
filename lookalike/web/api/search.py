"""`POST /v1/search`: which images look like these."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, Json, model_validator
from starlette.responses import Response

from lookalike.answers import Answer
from lookalike.questions import Key, Question, Signature
from lookalike.signatures.signers import SignedPicture
from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.documents import AnswerDocument, QuestionDocument, SearchDocument
from lookalike.web.api.inputs import Form, Given, Kind
from lookalike.web.api.openapi import FETCHED, refusals
from lookalike.web.http import problems
from lookalike.web.http.access import Caller, needs
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service, Serving
from shards.errors import LookalikeError
from shards.families import Family
from shards.search.query import LIMIT

router = APIRouter(prefix="/v1/search", tags=["search"])

MAX_LIMIT = 1000
"""Hits of one question: past that a program reads the index itself."""


class Bar(BaseModel):
    """Of which family, and from which likeness on."""

    model_config = ConfigDict(extra="forbid")

    family: Annotated[
        str | None, Field(description="The index's first unless given; /v1/stats lists them.", examples=["haar"])
    ] = None
    min_score: Annotated[
        float | None, Field(description="Leave out what scores less.", ge=0, le=100, allow_inf_nan=False)
    ] = None
    max_distance: Annotated[
        float | None,
        Field(description="The same in the family's own unit; not with min_score.", ge=0, allow_inf_nan=False),
    ] = None

    @model_validator(mode="after")
    def one_bar(self) -> Bar:
        if self.min_score is not None and self.max_distance is not None:
            raise ValueError("give min_score or max_distance, not both")
        return self


class SearchOptions(Bar):
    """How to search."""

    limit: Annotated[int, Field(description="Hits at most.", ge=1, le=MAX_LIMIT)] = LIMIT
    orientations: Annotated[bool, Field(description="Also find it turned or mirrored.")] = False
    negatives: Annotated[bool, Field(description="Also find its negative, where the family can.")] = False
    signatures: Annotated[bool, Field(description="Answer with the question's own signature, too.")] = False
    preview: Annotated[bool, Field(description="Answer with a small copy of the picture that was asked for.")] = False


class SearchParameters(SearchOptions):
    """How to search, in the query or in the fields of a form."""

    filter: Annotated[
        Json[dict[str, Any]] | None,
        Field(description="A JSON object: metadata that must be equal.", examples=['{"album": "zoo"}']),
    ] = None


Texts = str | list[str]


class SearchBody(SearchOptions):
    """What to look for, one or several of each, and how."""

    model_config = ConfigDict(
        title="SearchBody",
        extra="forbid",
        json_schema_extra={"examples": [{"key": "cat.jpg", "family": "dhash", "max_distance": 10}]},
    )

    image: Annotated[Texts, Field(description="Files in base64.")] = []
    url: Annotated[Texts, Field(description="Addresses that the server fetches.")] = []
    key: Annotated[Texts, Field(description="Keys of images in the index.")] = []
    signature: Annotated[Texts, Field(description="Signatures of the family as text.")] = []
    filter: Annotated[dict[str, Any] | None, Field(description="Metadata that must be equal.")] = None

    def given(self) -> list[Given]:
        """The questions, in this order of kinds."""
        kinds: dict[Kind, Texts] = {"image": self.image, "url": self.url, "key": self.key, "signature": self.signature}
        return [
            Given(kind, text)
            for kind, texts in kinds.items()
            for text in ([texts] if isinstance(texts, str) else texts)
        ]


FORM = {
    "file": openapi.FILES,
    "url": openapi.TEXTS,
    "key": openapi.TEXTS,
    "signature": openapi.TEXTS,
    **SearchParameters.model_json_schema()["properties"],
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is ready: what the index is asked, or why it cannot be. `signed` where it was a picture."""

    given: Given
    question: Question | Problem
    signed: SignedPicture | None = None


@router.post(
    "",
    summary="Find images that look like these",
    description="The exact best hits of each question, by falling score, then by key. With one question its error is "
    "that of the request; of several, each has its own.",
    response_model=SearchDocument,
    responses=refusals(*FETCHED, 404),
    openapi_extra=openapi.takes(SearchBody, form=FORM, picture=True),
)
async def search(
    request: Request,
    service: Serving,
    caller: Annotated[Caller, needs("read")],
    parameters: Annotated[SearchParameters, Query()],
) -> Response:
    started = service.clock()
    async with inputs.body(request, service) as body:
        given, own = await _given(service, body)
        options = SearchParameters.model_construct(**{**parameters.model_dump(exclude_unset=True), **own})
        one_bar(options)
        family = service.family(options.family)
        if not 1 <= len(given) <= service.settings.max_questions:
            raise validation(
                f"{len(given)} questions: ask 1 to {service.settings.max_questions} at once",
                help="Send a picture as the body or as a form's file, or a url, key or signature.",
            )
        asked = await service.all(partial(_ask, service, one, orientations=options.orientations) for one in given)
    return await service.call(_answer, service, caller, family, options, asked, started)


def one_bar(options: Bar) -> None:
    """Raises Problem where the query and the body together set two bars."""
    if options.min_score is not None and options.max_distance is not None:
        raise validation("give min_score or max_distance, not both")


async def _given(service: Service, body: inputs.Body) -> tuple[list[Given], Mapping[str, Any]]:
    """The questions of a body, and the options that it sets."""
    if isinstance(body, Given):
        return [body], {}
    if isinstance(body, Form):
        return list(body.given), SearchParameters.model_validate(body.fields).model_dump(exclude_unset=True)
    if isinstance(body, bytes):
        document = await inputs.parse(service, SearchBody, body)
        return document.given(), document.model_dump(exclude_unset=True, exclude={"image", "url", "key", "signature"})
    return [], {}


async def _ask(service: Service, given: Given, *, orientations: bool) -> Asked:
    try:
        return Asked(given, *await inputs.question(given, service, orientations=orientations))
    except (LookalikeError, Problem) as error:
        return Asked(given, problems.of(error))


def _answer(
    service: Service,
    caller: Caller,
    family: Family,
    options: SearchParameters,
    asked: Sequence[Asked],
    started: float,
) -> Response:
    questions = [one.question for one in asked if not isinstance(one.question, Problem)]
    answers = iter(
        service.search(
            questions,
            family=family.name,
            limit=options.limit,
            min_score=options.min_score,
            max_distance=options.max_distance,
            orientations=options.orientations,
            negatives=options.negatives,
            where=options.filter,
        )
    )
    found: list[AnswerDocument] = []
    for one in asked:
        result = one.question if isinstance(one.question, Problem) else next(answers)
        if isinstance(result, Answer):
            found.append(_found(service, caller, family, options, one, result))
            continue
        problem = problems.of(result)
        if len(asked) == 1:
            raise problem
        error: Any = problem.document()
        found.append({"question": question_document(one.given), "searched": 0, "hits": [], "error": error})
    took = round((service.clock() - started) * 1000, 1)
    document: SearchDocument = {"family": family.name, "took_ms": took, "answers": found}
    return documents.respond(document)


def _found(
    service: Service, caller: Caller, family: Family, options: SearchParameters, asked: Asked, answer: Answer
) -> AnswerDocument:
    document: AnswerDocument = {
        "question": question_document(asked.given, asked.signed, preview=options.preview),
        "searched": answer.searched,
        "hits": [documents.hit(rank, one, caller) for rank, one in enumerate(answer.hits, 1)],
    }
    if answer.partial:
        document |= {"partial": True, "missing": list(answer.missing)}
    if options.signatures:
        document["signature"] = _signature(service, family, asked)
    return document


def _signature(service: Service, family: Family, asked: Asked) -> str:
    """The question's own signature as text."""
    if asked.signed is not None:
        return family.format(asked.signed.orientations[0][family.name])
    if isinstance(asked.question, Key):
        return service.index.get(asked.question.key).signatures[family.name]
    assert isinstance(asked.question, Signature)  # noqa: S101 - the only kind left
    return family.format(family.parse(asked.question.text))


def question_document(given: Given, signed: SignedPicture | None = None, *, preview: bool = False) -> QuestionDocument:
    """How an answer names its question."""
    document: QuestionDocument = {"kind": given.kind, "name": given.name}
    if signed is not None and given.kind in inputs.PICTURES:
        document |= {"width": signed.width, "height": signed.height, "sha256": signed.sha256.hex()}
        if preview and signed.thumbnail is not None:
            document["preview"] = f"data:image/webp;base64,{base64.b64encode(signed.thumbnail).decode()}"
    return document
