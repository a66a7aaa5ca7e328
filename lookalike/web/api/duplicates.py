"""`GET /v1/duplicates`: groups of images in the index that look alike."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from lookalike.web.api import documents
from lookalike.web.api.asking import Threshold
from lookalike.web.api.documents import DuplicatesDocument, GroupDocument
from lookalike.web.api.openapi import ASKED, refusals
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from shards.search.grouping import Grouping

router = APIRouter(prefix="/v1/duplicates", tags=["search"])


class DuplicatesParameters(Threshold):
    """The duplicates to find, and the page of them."""

    group: Annotated[
        Grouping,
        Field(
            description="`star`: every copy looks like its group's head. `components`: like some image of its group."
        ),
    ] = "star"
    exhaustive: Annotated[bool, Field(description="Compare every pair, not only likely ones.")] = False
    limit: Annotated[int, Field(description="Maximum number of groups.", ge=1, le=1000)] = 100
    offset: Annotated[int, Field(description="Number of groups to skip.", ge=0, le=1 << 53)] = 0


@router.get(
    "",
    summary="Find groups of images that look alike",
    description="The largest groups come first. The groups are found once for a state of the index, and later pages "
    "are quick.",
    response_model=DuplicatesDocument,
    responses=refusals(*ASKED, 422),
)
async def duplicates(
    service: Serving, caller: Annotated[Caller, needs("read")], parameters: Annotated[DuplicatesParameters, Query()]
) -> Response:
    family = service.family(parameters.family)
    if parameters.max_distance is not None:
        threshold = family.score_at(parameters.max_distance)
    elif parameters.min_score is not None:
        threshold = parameters.min_score
    else:
        threshold = await service.call(service.index.match_score_of, family)
    duplicates = await service.duplicates.find(family, threshold, parameters.group, exhaustive=parameters.exhaustive)

    def page() -> Response:
        groups: list[GroupDocument] = [
            {
                "head": documents.image_document(group.head, caller),
                "copies": [
                    {**documents.image_document(copy.image, caller), "score": copy.score, "distance": copy.distance}
                    for copy in group.copies
                ],
            }
            for group in duplicates.groups[parameters.offset : parameters.offset + parameters.limit]
        ]
        document: DuplicatesDocument = {
            "family": family.name,
            "min_score": threshold,
            "groups": groups,
            "total_groups": len(duplicates.groups),
            "total_copies": sum(len(group.copies) for group in duplicates.groups),
            "flat": len(duplicates.flat),
            "method": duplicates.method.name,
            "is_complete": duplicates.method.is_exact,
        }
        return documents.respond(document)

    return await service.call(page)
