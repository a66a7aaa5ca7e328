"""`/v1/duplicates/reviews`: the duplicates in tiers, found once for a state of the index."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from lookalike.duplicates import tiers
from lookalike.duplicates.review import Asked, ReviewGroup
from lookalike.duplicates.tiers import Tier
from lookalike.web.api import documents, inputs, openapi, reviewed
from lookalike.web.api.filtering import FilterObject
from lookalike.web.api.inputs import StrictBody
from lookalike.web.api.openapi import ASKED, SENT, refusals
from lookalike.web.api.reviewed import ReviewDocument, ReviewGroupsDocument
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem
from lookalike.web.reviews import Kept
from lookalike.web.service import Service
from shards.search.filters import Filter
from shards.table.write.marked import Marks

router = APIRouter(prefix="/v1/duplicates/reviews", tags=["duplicates"])

ReviewId = Annotated[str, Path(description="The id of a review.", max_length=64)]


class ReviewBody(StrictBody):
    """What to look at; without anything, all images, for what is certain."""

    model_config = ConfigDict(
        title="ReviewBody", extra="forbid", json_schema_extra={"examples": [{"tiers": ["identical", "same"]}]}
    )

    tiers: Annotated[list[Tier], Field(description="How sure it has to be.", min_length=1, max_length=3)] = Field(
        default_factory=lambda: list(tiers.DEFAULT)
    )
    family: Annotated[str | None, Field(description="The family that says what is alike.")] = None
    prefix: Annotated[str, Field(description="Only images whose key begins with this.", max_length=1024)] = ""
    against: Annotated[
        str | None,
        Field(
            description="Of the images whose key begins with this, those that are there under `prefix` too.",
            max_length=1024,
        ),
    ] = None
    where: FilterObject = None


def kept(service: Service, id_: str) -> Kept:
    """Return the review of this id. Raises Problem."""
    _check_made(service)
    return service.reviews.get(id_)


def _check_made(service: Service) -> None:
    if not service.settings.reviews:
        detail = "this service makes no reviews"
        raise Problem(404, "reviews-off", "No reviews here", detail, help="Use GET /v1/duplicates.")


def respond(service: Service, review: Kept, caller: Caller, status: int = 200) -> Response:
    """Return the answer that says how a review stands. Call it in a thread."""
    document = reviewed.review_document(
        review,
        is_current=service.reviews.state() == review.of_state,
        marks=service.index.marks(),
        settings=service.settings,
        caller=caller,
    )
    return documents.respond(document, status)


@router.post(
    "",
    summary="Review the duplicates",
    description="The groups are found once for a state of the index; ask for the review until its state is `done`.",
    status_code=202,
    response_model=ReviewDocument,
    responses=refusals(*SENT, 404) | {200: {"model": ReviewDocument, "description": "It was made, or begun, before."}},
    openapi_extra=openapi.takes(ReviewBody, required=False),
)
async def begin(request: Request, service: Serving, caller: Annotated[Caller, needs("read")]) -> Response:
    body = await inputs.document(request, service, ReviewBody)
    _check_made(service)
    if body.family is not None:
        service.family(body.family)
    asked = Asked(tiers.tiers_of(body.tiers), body.prefix, body.against, Filter.of(body.where))

    def answer() -> Response:
        review, is_new = service.reviews.begin(asked, body.family)
        return respond(service, review, caller, 202 if is_new else 200)

    return await service.call(answer)


@router.get(
    "/{review}",
    summary="See how a review stands",
    response_model=ReviewDocument,
    responses=refusals(*ASKED, 404, 422),
)
async def get(review: ReviewId, service: Serving, caller: Annotated[Caller, needs("read")]) -> Response:
    return await service.call(respond, service, kept(service, review), caller)


class GroupsParameters(BaseModel):
    """The groups to list."""

    model_config = ConfigDict(extra="forbid")

    offset: Annotated[int, Field(description="Number of groups to skip.", ge=0, le=1 << 53)] = 0
    limit: Annotated[int, Field(description="Maximum number of groups.", ge=1, le=200)] = 50
    tier: Annotated[Tier | None, Field(description="Only groups with a copy of this tier.")] = None
    marked: Annotated[bool | None, Field(description="Only groups with a mark, or only those without.")] = None


@router.get(
    "/{review}/groups",
    summary="List the groups of a review",
    description="The largest groups come first, and the best image of each.",
    response_model=ReviewGroupsDocument,
    responses=refusals(*ASKED, 404, 409, 422),
)
async def groups(
    review: ReviewId,
    service: Serving,
    caller: Annotated[Caller, needs("read")],
    parameters: Annotated[GroupsParameters, Query()],
) -> Response:
    found = kept(service, review).found()

    def page() -> Response:
        marks = service.index.marks()
        fitting = [(n, group) for n, group in enumerate(found.groups) if _fits(group, parameters, marks)]
        shown = fitting[parameters.offset : parameters.offset + parameters.limit]
        document: ReviewGroupsDocument = {
            "total": len(fitting),
            "groups": [reviewed.group_document(n, group, marks, caller) for n, group in shown],
        }
        return documents.respond(document)

    return await service.call(page)


def _fits(group: ReviewGroup, parameters: GroupsParameters, marks: Marks) -> bool:
    if parameters.tier is not None and all(each.tier != parameters.tier for each in group.images[1:]):
        return False
    if parameters.marked is None:
        return True
    return parameters.marked == any(each.image.key in marks.marks for each in group.images)
