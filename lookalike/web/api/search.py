"""`POST /v1/search`: finding images that look like these."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from lookalike.answers import Answer
from lookalike.options import SearchOptions
from lookalike.questions import Key, Question, Signature
from lookalike.signatures.computed import ComputedPicture
from lookalike.web.api import documents, inputs, lines, openapi
from lookalike.web.api.documents import AnswerDocument, QuestionDocument, SearchDocument
from lookalike.web.api.filtering import FilterObject, FilterText
from lookalike.web.api.inputs import LISTED, Base64, Form, Given, Kind, StrictBody
from lookalike.web.api.openapi import FETCHED, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http import problems
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service
from shards.errors import LookalikeError
from shards.families import Family
from shards.families.hashes import forms
from shards.hash_forms import HashForm
from shards.search.cursor import Cursor
from shards.search.filters import Filter
from shards.search.query import LIMIT

router = APIRouter(prefix="/v1/search", tags=["search"])

MAX_LIMIT = 1000
"""Hits of one question; a program that needs more reads the index itself."""


class Threshold(BaseModel):
    """The family to search by, and the minimum similarity."""

    model_config = ConfigDict(extra="forbid")

    family: Annotated[
        str | None, Field(description="The family to compare by; the index's first by default.", examples=["haar"])
    ] = None
    min_score: Annotated[float | None, Field(description="Minimum score.", ge=0, le=100, allow_inf_nan=False)] = None
    max_distance: Annotated[
        float | None,
        Field(
            description="Maximum distance, in the family's unit; not with min_score.",
            ge=0,
            allow_inf_nan=False,
        ),
    ] = None

    @model_validator(mode="after")
    def one_threshold(self) -> Threshold:
        if self.min_score is not None and self.max_distance is not None:
            raise ValueError("give min_score or max_distance, not both")
        return self


class SearchFields(Threshold):
    """Options of a search."""

    limit: Annotated[int, Field(description="Maximum number of hits.", ge=1, le=MAX_LIMIT)] = LIMIT
    orientations: Annotated[bool, Field(description="Also find turned and mirrored copies.")] = False
    negatives: Annotated[bool, Field(description="Also find negatives, if the family can.")] = False
    signatures: Annotated[bool, Field(description="Include the question's own signature in the answer.")] = False
    preview: Annotated[bool, Field(description="Include a small copy of the question's picture.")] = False

    hash_form: Annotated[
        HashForm | None,
        Field(
            description="How signatures are written that are hashes. By default as the family's text; or as a 64-bit "
            "integer, if there is a minus or there are 19 or 20 digits."
        ),
    ] = None
    after: Annotated[
        str | None,
        Field(
            description="The `next` of the answer before, to go on with the hits after it. Only of one question.",
            max_length=2048,
        ),
    ] = None


class SearchParameters(SearchFields):
    """Options of a search, in the query or in the fields of a form."""

    filter: FilterText = None

    def search_options(self, family: Family) -> SearchOptions:
        """Return what the index is told, with the family that was looked up."""
        return SearchOptions(
            families=(family.name,),
            limit=self.limit,
            min_score=self.min_score,
            max_distance=self.max_distance,
            orientations=self.orientations,
            negatives=self.negatives,
            where=Filter.of(self.filter),
            after=None if self.after is None else Cursor.parse(self.after),
        )


Texts: TypeAlias = str | Annotated[list[str], Field(max_length=LISTED, fail_fast=True)]
Pictures: TypeAlias = Base64 | Annotated[list[Base64], Field(max_length=LISTED, fail_fast=True)]


class SearchBody(StrictBody, SearchFields):
    """Questions, one or several of each kind, and options."""

    model_config = ConfigDict(
        title="SearchBody",
        extra="forbid",
        json_schema_extra={"examples": [{"key": "cat.jpg", "family": "dhash", "max_distance": 10}]},
    )

    image: Annotated[Pictures, Field(description="Files in base64.")] = []
    url: Annotated[Texts, Field(description="Addresses for the server to fetch.")] = []
    key: Annotated[Texts, Field(description="Keys of images in the index.")] = []
    signature: Annotated[Texts, Field(description="Signatures of the family, as text.")] = []
    filter: FilterObject = None

    def given(self) -> list[Given]:
        """Return the questions, in this order of kinds."""
        kinds: dict[Kind, Texts | Pictures] = {
            "image": self.image,
            "url": self.url,
            "key": self.key,
            "signature": self.signature,
        }
        return [
            Given(kind, text)
            for kind, texts in kinds.items()
            for text in (texts if isinstance(texts, list) else [texts])
        ]


FORM = {
    "file": openapi.FILES,
    "url": openapi.TEXTS,
    "key": openapi.TEXTS,
    "signature": openapi.TEXTS,
    **SearchParameters.model_json_schema()["properties"],
}


IN_LINES: dict[int | str, dict[str, Any]] = {
    200: {"content": {lines.MEDIA_TYPE: {"schema": {"type": "string", "description": "Lines of JSON."}}}}
}


@dataclass(frozen=True, slots=True)
class PreparedQuestion:
    """A question that is ready for the index, or the reason why it cannot be asked."""

    given: Given
    question: Question | Problem
    computed: ComputedPicture | None = None
    """The picture, where one was given."""


@router.post(
    "",
    summary="Find images that look like these",
    description="The best hits of each question, exactly, by falling score and then by key. The error of a single "
    "question is the error of the request; several questions succeed or fail one by one. With `Accept: "
    "application/x-ndjson`, all hits of one question up to `max_distance` or `min_score`, one a line, and a last line "
    "that has `end`.",
    response_model=SearchDocument,
    responses=refusals(*FETCHED, 404) | IN_LINES,
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
        check_threshold(options)
        family = service.family(options.family)
        if not 1 <= len(given) <= service.settings.max_questions:
            raise validation(
                f"{len(given)} questions: send 1 to {service.settings.max_questions}",
                help="Send a picture as the body or as a form's file, or a url, key or signature.",
            )
        asked = await service.parse(options.search_options, family)
        if lines.are_wanted(request):
            _check_lines(options, given)
        prepare = partial(_prepare, service, options)
        prepared = await service.all(partial(prepare, item) for item in given)
    if lines.are_wanted(request):
        return await _lines(service, caller, options, asked, prepared[0])
    return await service.call(_answer, service, caller, family, options, asked, prepared, started)


def _check_lines(options: SearchParameters, given: Sequence[Given]) -> None:
    """Raise Problem where an answer in lines cannot be given."""
    if len(given) > 1:
        raise validation(f"{len(given)} questions: an answer in lines is to one question")
    if "limit" not in options.model_fields_set and options.min_score is None and options.max_distance is None:
        raise validation(
            "an answer in lines has all images up to a distance: give max_distance, min_score or limit",
            help="Or ask for application/json, which has the best 10 by default.",
        )


async def _lines(
    service: Service, caller: Caller, options: SearchParameters, asked: SearchOptions, prepared: PreparedQuestion
) -> Response:
    """Answer one question in lines."""
    if isinstance(prepared.question, Problem):
        raise prepared.question
    limits = (options.limit if "limit" in options.model_fields_set else None, service.settings.max_streamed)
    limit = min((limit for limit in limits if limit is not None), default=None)
    page = lines.PAGE if limit is None else min(limit, lines.PAGE)
    pages = service.pages(prepared.question, replace(asked, limit=page))
    return await lines.respond(service, caller, pages, first=_first(asked), limit=limit)


def _first(asked: SearchOptions) -> int:
    """Return the rank of the first hit."""
    return 1 if asked.after is None else asked.after.rank + 1


def check_threshold(options: Threshold) -> None:
    """Raise Problem where the query and the body together set two thresholds."""
    if options.min_score is not None and options.max_distance is not None:
        raise validation("give min_score or max_distance, not both")


async def _given(service: Service, body: inputs.Body) -> tuple[list[Given], Mapping[str, Any]]:
    """Return the questions of a body, and the options that it sets."""
    if isinstance(body, Given):
        return [body], {}
    if isinstance(body, Form):
        return list(body.given), (await service.parse(SearchParameters.model_validate, body.fields)).model_dump(
            exclude_unset=True
        )
    if isinstance(body, bytes):
        document = await inputs.parse(service, SearchBody, body)
        return document.given(), document.model_dump(exclude_unset=True, exclude={"image", "url", "key", "signature"})
    return [], {}


async def _prepare(service: Service, options: SearchParameters, given: Given) -> PreparedQuestion:
    try:
        question, computed = await inputs.question(given, service, orientations=options.orientations)
        if isinstance(question, Signature):
            question = replace(question, form=options.hash_form)
        return PreparedQuestion(given, question, computed)
    except (LookalikeError, Problem) as error:
        return PreparedQuestion(given, problems.of(error))


def _answer(
    service: Service,
    caller: Caller,
    family: Family,
    options: SearchParameters,
    asked: SearchOptions,
    prepared: Sequence[PreparedQuestion],
    started: float,
) -> Response:
    questions = [item.question for item in prepared if not isinstance(item.question, Problem)]
    answers = iter(service.search(questions, asked))
    answer_documents: list[AnswerDocument] = []
    for item in prepared:
        result = item.question if isinstance(item.question, Problem) else next(answers)
        if isinstance(result, Answer):
            answer_documents.append(
                _answer_document(service, caller, family, options, item, result, first=_first(asked))
            )
            continue
        problem = problems.of(result)
        if len(prepared) == 1:
            raise problem
        error: Any = problem.document()
        answer_documents.append({"question": question_document(item.given), "searched": 0, "hits": [], "error": error})
    took = round((service.clock() - started) * 1000, 1)
    document: SearchDocument = {"family": family.name, "took_ms": took, "answers": answer_documents}
    return documents.respond(document)


def _answer_document(
    service: Service,
    caller: Caller,
    family: Family,
    options: SearchParameters,
    prepared: PreparedQuestion,
    answer: Answer,
    *,
    first: int,
) -> AnswerDocument:
    document: AnswerDocument = {
        "question": question_document(prepared.given, prepared.computed, preview=options.preview),
        "searched": answer.searched,
        "hits": [
            documents.hit_document(rank, hit, caller, service.settings.link)
            for rank, hit in enumerate(answer.hits, first)
        ],
        "next": None if answer.next is None else str(answer.next),
    }
    if answer.partial:
        document |= {"partial": True, "missing": list(answer.missing)}
    if options.signatures:
        document["signature"] = _signature(service, family, prepared)
    return document


def _signature(service: Service, family: Family, prepared: PreparedQuestion) -> str:
    """Return the question's own signature as text."""
    if prepared.computed is not None:
        return family.format(prepared.computed.orientations[0][family.name])
    if isinstance(prepared.question, Key):
        return service.index.get(prepared.question.key).signatures[family.name]
    assert isinstance(prepared.question, Signature)  # noqa: S101 - the only kind left
    return family.format(forms.parse(prepared.question.text, family, prepared.question.form))


def question_document(
    given: Given, computed: ComputedPicture | None = None, *, preview: bool = False
) -> QuestionDocument:
    """Return the question as its answer names it."""
    document: QuestionDocument = {"kind": given.kind, "name": given.name}
    if computed is not None and given.kind in inputs.PICTURES:
        document |= {"width": computed.width, "height": computed.height, "sha256": computed.sha256.hex()}
        if preview and computed.thumbnail is not None:
            document["preview"] = f"data:image/webp;base64,{base64.b64encode(computed.thumbnail).decode()}"
    return document
