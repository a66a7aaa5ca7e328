"""`/v1/search`: finding images that look like these."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from lookalike.answers import Answer
from lookalike.options import SearchOptions, called
from lookalike.questions import Key, Question, Signature, sign
from lookalike.signatures.computed import ComputedPicture
from lookalike.web.api import documents, inputs, lines, openapi
from lookalike.web.api.asking import FORM, KnownParameters, SearchBody, SearchParameters, check_threshold
from lookalike.web.api.documents import AnswerDocument, QuestionDocument, SearchDocument
from lookalike.web.api.inputs import Form, Given
from lookalike.web.api.openapi import ASKED, FETCHED, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http import problems
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service
from shards.errors import LookalikeError
from shards.families import Family

router = APIRouter(prefix="/v1/search", tags=["search"])


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


@dataclass(frozen=True, slots=True)
class PreparedSearch:
    """The questions of a request, ready for the index."""

    families: Sequence[Family]
    asked: SearchOptions
    questions: Sequence[PreparedQuestion]


@router.post(
    "",
    summary="Find images that look like these",
    description="The best hits of each question, exactly, by falling score and then by key; where several families are "
    "asked, first by rising false rate. The error of a single "
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
        prepared = await _prepared(request, service, options, given)
    return await _respond(request, service, caller, options, prepared, started)


@router.get(
    "",
    summary="Find images that look like one of the index, or that have a signature like this one",
    description="The same as POST, for questions that fit into an address.",
    response_model=SearchDocument,
    responses=refusals(*ASKED, 404, 422) | IN_LINES,
)
async def search_known(
    request: Request,
    service: Serving,
    caller: Annotated[Caller, needs("read")],
    parameters: Annotated[KnownParameters, Query()],
) -> Response:
    started = service.clock()
    prepared = await _prepared(request, service, parameters, parameters.given())
    return await _respond(request, service, caller, parameters, prepared, started)


async def _prepared(
    request: Request, service: Service, options: SearchParameters, given: Sequence[Given]
) -> PreparedSearch:
    """Check the options, and compute what the questions need. Raises Problem for what no question can ask."""
    check_threshold(options)
    families = service.asked(options.family)
    if not 1 <= len(given) <= service.settings.max_questions:
        raise validation(
            f"{len(given)} questions: send 1 to {service.settings.max_questions}",
            help="Send a picture as the body or as a form's file, or a url, key or signature.",
        )
    asked = await service.parse(options.search_options, families)
    if lines.are_wanted(request):
        _check_lines(options, given)
    questions = await service.all(partial(_prepare, service, families, options, item) for item in given)
    return PreparedSearch(families, asked, questions)


async def _respond(
    request: Request,
    service: Service,
    caller: Caller,
    options: SearchParameters,
    prepared: PreparedSearch,
    started: float,
) -> Response:
    if lines.are_wanted(request):
        return await _lines(service, caller, options, prepared)
    return await service.call(_answer, service, caller, options, prepared, started)


def _check_lines(options: SearchParameters, given: Sequence[Given]) -> None:
    """Raise Problem where an answer in lines cannot be given."""
    if len(given) > 1:
        raise validation(f"{len(given)} questions: an answer in lines is to one question")
    if "limit" not in options.model_fields_set and options.min_score is None and options.max_distance is None:
        raise validation(
            "an answer in lines has all images up to a distance: give max_distance, min_score or limit",
            help="Or ask for application/json, which has the best 10 by default.",
        )


async def _lines(service: Service, caller: Caller, options: SearchParameters, prepared: PreparedSearch) -> Response:
    """Answer one question in lines."""
    asked, question = prepared.asked, prepared.questions[0].question
    if isinstance(question, Problem):
        raise question
    limits = (options.limit if "limit" in options.model_fields_set else None, service.settings.max_streamed)
    limit = min((limit for limit in limits if limit is not None), default=None)
    page = lines.PAGE if limit is None else min(limit, lines.PAGE)
    pages = service.pages(question, replace(asked, limit=page))
    return await lines.respond(service, caller, pages, first=_first(asked), limit=limit)


def _first(asked: SearchOptions) -> int:
    """Return the rank of the first hit."""
    return 1 if asked.after is None else asked.after.rank + 1


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
        return document.given(), document.model_dump(
            exclude_unset=True, exclude={"image", "url", "key", "signature", "hash"}
        )
    return [], {}


async def _prepare(
    service: Service, families: Sequence[Family], options: SearchParameters, given: Given
) -> PreparedQuestion:
    try:
        question, computed = await inputs.question(given, service, families, orientations=options.orientations)
        if isinstance(question, Signature):
            question = replace(question, form=options.hash_form)
        return PreparedQuestion(given, question, computed)
    except (LookalikeError, Problem) as error:
        return PreparedQuestion(given, problems.of(error))


def _answer(
    service: Service, caller: Caller, options: SearchParameters, prepared: PreparedSearch, started: float
) -> Response:
    families, asked = prepared.families, prepared.asked
    questions = [item.question for item in prepared.questions if not isinstance(item.question, Problem)]
    answers = iter(service.search(questions, asked))
    answer_documents: list[AnswerDocument] = []
    for item in prepared.questions:
        result = item.question if isinstance(item.question, Problem) else next(answers)
        if isinstance(result, Answer):
            answer_documents.append(
                _answer_document(service, caller, families, options, item, result, first=_first(asked))
            )
            continue
        problem = problems.of(result)
        if len(prepared.questions) == 1:
            raise problem
        error: Any = problem.document()
        answer_documents.append({"question": question_document(item.given), "searched": 0, "hits": [], "error": error})
    took = round((service.clock() - started) * 1000, 1)
    document: SearchDocument = {"family": called(asked.families), "took_ms": took, "answers": answer_documents}
    return documents.respond(document)


def _answer_document(
    service: Service,
    caller: Caller,
    families: Sequence[Family],
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
    if answer.not_asked:
        document["not_asked"] = [documents.not_asked_document(each) for each in answer.not_asked]
    if options.signatures:
        signatures = _signatures(service, families, prepared)
        if len(families) == 1:
            document["signature"] = signatures[families[0].name]
        else:
            document["signatures"] = signatures
    return document


def _signatures(service: Service, families: Sequence[Family], prepared: PreparedQuestion) -> dict[str, str]:
    """Return the question's own signatures as text, by family."""
    if isinstance(prepared.question, Key):
        stored = service.index.get(prepared.question.key).signatures
        return {family.name: stored[family.name] for family in families}
    if prepared.computed is not None:
        rows = prepared.computed.rows
    else:
        assert isinstance(prepared.question, Signature)  # noqa: S101 - the only kind left
        rows = sign(prepared.question, families, service.index.settings.pictures).rows
    return {family.name: family.format(rows[family.name]) for family in families if family.name in rows}


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
