"""Marks of images, and decisions that pairs are no duplicates: kept beside the index."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from lookalike.duplicates import exchange, keep, tiers
from lookalike.duplicates.keep import Keeping, Rule
from lookalike.duplicates.marking import Choice, all_but_the_best, bytes_of
from lookalike.duplicates.tiers import Tier
from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.inputs import StrictBody
from lookalike.web.api.openapi import ASKED, SENT, refusals
from lookalike.web.api.reviewed import DecisionResultDocument, ImportResultDocument, MarkResultDocument
from lookalike.web.api.reviews import ReviewId, kept
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from lookalike.web.http.limits import arrived
from lookalike.web.http.problems import validation
from shards.table.write.marked import Entry, Mark, checked

router = APIRouter(prefix="/v1/duplicates", tags=["duplicates"])

MOST = 10_000
"""Marks or decisions of one request."""

LINES = "application/x-ndjson"


class MarkItem(StrictBody):
    """One image and its mark."""

    model_config = ConfigDict(title="MarkItem", extra="forbid")

    key: Annotated[str, Field(description="The key of an image.", min_length=1)]
    mark: Annotated[Mark | None, Field(description="null takes the mark away.")]


class MarksBody(StrictBody):
    """Images and their marks."""

    model_config = ConfigDict(
        title="MarksBody", extra="forbid", json_schema_extra={"examples": [{"marks": [{"key": "a", "mark": "remove"}]}]}
    )

    marks: Annotated[list[MarkItem], Field(max_length=MOST)]


class BestBody(StrictBody):
    """Rules of which image is the best of its group."""

    model_config = ConfigDict(title="BestBody", extra="forbid")

    tiers: Annotated[list[Tier], Field(min_length=1, max_length=3)] = Field(default_factory=lambda: list(tiers.DEFAULT))
    keep: Annotated[list[Rule], Field(description="The first rule decides first.", max_length=10)] = Field(
        default_factory=lambda: list(keep.DEFAULT)
    )
    prefer: Annotated[list[str], Field(description="Beginnings of keys to keep rather than others.")] = Field(
        default_factory=list
    )
    protect: Annotated[list[str], Field(description="Beginnings of keys that are never marked.")] = Field(
        default_factory=list
    )


class ReviewMarksBody(StrictBody):
    """Marks of all groups of a review: `all_but_best` or `clear`."""

    model_config = ConfigDict(
        title="ReviewMarksBody",
        extra="forbid",
        json_schema_extra={"examples": [{"all_but_best": {"tiers": ["identical"], "keep": ["pixels", "oldest"]}}]},
    )

    all_but_best: BestBody | None = None
    clear: Annotated[Literal[True] | None, Field(description="Take the marks of all its images away.")] = None


class DecisionsBody(StrictBody):
    """Pairs, and what was decided about them."""

    model_config = ConfigDict(
        title="DecisionsBody",
        extra="forbid",
        json_schema_extra={"examples": [{"pairs": [["a.jpg", "b.jpg"]], "decision": "different"}]},
    )

    pairs: Annotated[
        list[Annotated[list[str], Field(min_length=2, max_length=2)]],
        Field(description="Keys of two images each.", max_length=MOST),
    ]
    decision: Annotated[
        Literal["different"] | None, Field(description="`different`: no duplicates. null: take that back.")
    ]


@router.post(
    "/marks",
    summary="Mark images",
    response_model=MarkResultDocument,
    responses=refusals(*SENT),
    openapi_extra=openapi.takes(MarksBody),
)
async def mark(request: Request, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    body = await inputs.document(request, service, MarksBody)
    entries = [_checked([item.key], item.mark) for item in body.marks]
    await service.call(service.index.mark, entries)
    return _marked(entries)


@router.post(
    "/reviews/{review}/marks",
    summary="Mark all but the best of every group, or take all marks away",
    description="Of all groups of the review. Images that are marked `keep`, and those below `protect`, are never"
    " marked to be removed.",
    response_model=MarkResultDocument,
    responses=refusals(*SENT, 404, 409),
    openapi_extra=openapi.takes(ReviewMarksBody),
)
async def mark_review(
    review: ReviewId, request: Request, service: Serving, _: Annotated[Caller, needs("write")]
) -> Response:
    body = await inputs.document(request, service, ReviewMarksBody)
    if (body.all_but_best is None) == (body.clear is None):
        raise validation("give either all_but_best or clear")
    found = kept(service, review).found()

    def work() -> Response:
        marks = service.index.marks()
        if body.all_but_best is None:
            images = {each.image.key for group in found.groups for each in group.images}
            entries = [Entry((key,), None) for key in sorted(images & marks.marks.keys())]
            service.index.mark(entries)
            return _marked(entries)
        best = body.all_but_best
        keeping = Keeping.of(best.keep, best.prefer, best.protect)
        choices = all_but_the_best(found, keeping, best.tiers, kept=marks.keys("keep"))
        entries = [Entry((choice.goes.image.key,), "remove") for choice in choices]
        service.index.mark(entries)
        return _marked(entries, choices)

    return await service.call(work)


@router.post(
    "/decisions",
    summary="Say that pairs are no duplicates",
    description="Such pairs are in no later review.",
    response_model=DecisionResultDocument,
    responses=refusals(*SENT),
    openapi_extra=openapi.takes(DecisionsBody),
)
async def decide(request: Request, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    body = await inputs.document(request, service, DecisionsBody)
    entries = [_checked(pair, body.decision) for pair in body.pairs]
    await service.call(service.index.mark, entries)
    document: DecisionResultDocument = {"decided": len(entries)}
    return documents.respond(document)


@router.get(
    "/marks",
    summary="Export all marks and decisions",
    description="A JSON object a line.",
    responses=refusals(*ASKED)
    | {200: {"description": "Lines of JSON.", "content": {LINES: {"schema": {"type": "string"}}}}},
    response_class=Response,
)
async def export(service: Serving, _: Annotated[Caller, needs("read")]) -> Response:
    lines = await service.call(lambda: "".join(exchange.lines(service.index.marks())))
    return Response(lines, headers={"Cache-Control": "no-store"}, media_type=LINES)


@router.post(
    "/marks/import",
    summary="Import marks and decisions",
    description="The lines that were exported. Of what is there already, the younger counts.",
    response_model=ImportResultDocument,
    responses=refusals(*SENT),
    openapi_extra={"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def import_(request: Request, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    if inputs.media_type_of(request) not in (LINES, "application/jsonl", "text/plain"):
        raise inputs.unsupported(inputs.media_type_of(request))
    data = await service.parse(arrived(request.scope).read)

    def work() -> Response:
        entries = exchange.read(data)
        service.index.mark(entries)
        marks = sum(len(entry.keys) == 1 for entry in entries)
        document: ImportResultDocument = {"marks": marks, "decisions": len(entries) - marks}
        return documents.respond(document)

    return await service.call(work)


def _checked(keys: list[str], value: Any) -> Entry:
    try:
        return checked(keys, value)
    except ValueError as error:
        raise validation(str(error)) from error


def _marked(entries: list[Entry], choices: list[Choice] | None = None) -> Response:
    unmarked = sum(entry.value is None for entry in entries)
    document: MarkResultDocument = {"marked": len(entries) - unmarked, "unmarked": unmarked}
    if choices is not None:
        document["bytes"] = bytes_of(choices)
        document["kept"] = len({choice.kept.image.key for choice in choices})
    return documents.respond(document)
