"""`GET /v1/duplicates`: images of the index that look alike, in groups."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from lookalike.web.api import documents
from lookalike.web.api.documents import DuplicatesDocument, GroupDocument
from lookalike.web.api.openapi import ASKED, refusals
from lookalike.web.api.search import Bar
from lookalike.web.http.access import Caller, needs
from lookalike.web.service import Serving
from shards.search.grouping import Grouping

router = APIRouter(prefix="/v1/duplicates", tags=["search"])


class DuplicatesParameters(Bar):
    """Which duplicates, and which page of them."""

    group: Annotated[
        Grouping,
        Field(description="`star`: every copy is like its group's head. `components`: like some other of the group."),
    ] = "star"
    exhaustive: Annotated[bool, Field(description="Compare every pair, where else only likely ones are.")] = False
    limit: Annotated[int, Field(description="Groups at most.", ge=1, le=1000)] = 100
    offset: Annotated[int, Field(description="Groups to leave out at the beginning.", ge=0, le=1 << 53)] = 0


@router.get(
    "",
    summary="Images that look alike, in groups",
    description="The largest groups first. Found once for a state of the index, then paged through.",
    response_model=DuplicatesDocument,
    responses=refusals(*ASKED, 422),
)
async def duplicates(
    service: Serving, caller: Annotated[Caller, needs("read")], parameters: Annotated[DuplicatesParameters, Query()]
) -> Response:
    family = service.family(parameters.family)
    bar = family.match_score if parameters.min_score is None else parameters.min_score
    if parameters.max_distance is not None:
        bar = family.score_at(parameters.max_distance)
    found = await service.groups.find(family, bar, parameters.group, exhaustive=parameters.exhaustive)

    def page() -> Response:
        groups: list[GroupDocument] = [
            {
                "head": documents.image(group.head, caller),
                "copies": [
                    {**documents.image(copy.image, caller), "score": copy.score, "distance": copy.distance}
                    for copy in group.copies
                ],
            }
            for group in found.groups[parameters.offset : parameters.offset + parameters.limit]
        ]
        document: DuplicatesDocument = {
            "family": family.name,
            "min_score": bar,
            "groups": groups,
            "total_groups": len(found.groups),
            "total_copies": sum(len(group.copies) for group in found.groups),
            "flat": len(found.flat),
            "method": found.method.name,
            "is_complete": found.method.is_exact,
        }
        return documents.respond(document)

    return await service.call(page)
