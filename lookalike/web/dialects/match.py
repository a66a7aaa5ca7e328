"""Match's HTTP interface: images by file path, in the family `goldberg`, with all answers in one envelope.

Match is a server over image-match; its paths are keys here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json
from starlette.responses import Response
from typing_extensions import TypedDict

from lookalike.index import Index
from lookalike.options import SearchOptions
from lookalike.signatures.computed import ComputedPicture
from lookalike.web.api import documents, inputs, openapi
from lookalike.web.api.metadata import Meta
from lookalike.web.dependencies import Serving, needs
from lookalike.web.dialects.envelopes import Envelope, refusals
from lookalike.web.dialects.fields import Fields, fields
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import validation
from lookalike.web.service import Service
from shards.table.format import names
from shards.table.format.records import UNDATED

FAMILY = "goldberg"

THRESHOLD = 55.0
"""Score above which image-match calls pictures alike: its distance of 0.45."""

HITS = 100
"""Rows that image-match asks Elasticsearch for."""

MAX_LISTED = 10_000
"""Paths of one answer; Elasticsearch's pages end here, too."""

MAX_OFFSET = 1 << 53
"""The largest number that is exact in every reader of JSON."""

router = APIRouter(tags=["Match"])

Method = Literal["add", "delete", "search", "compare", "count", "list", "ping"]


class MatchFields(BaseModel):
    """Fields of a request. Unknown fields are ignored, as Match does."""

    model_config = ConfigDict(extra="ignore")


def _parsed(meta: Any) -> Any:
    """Parse metadata where it is text, as in a form."""
    return from_json(meta.encode()) if isinstance(meta, str) else meta


Filepath = Annotated[str, Field(description="The image's key.", examples=["pictures/cat.jpg"])]
Url = Annotated[str | None, Field(description="An address for the server to fetch.")]
Base64 = Annotated[inputs.Base64 | None, Field(description="The picture in base64, or the file of a form.")]


class MatchDelete(MatchFields):
    filepath: Filepath


class MatchAdd(MatchDelete):
    url: Url = None
    image: Base64 = None
    metadata: Annotated[Meta | None, BeforeValidator(_parsed)] = None


class MatchSearch(MatchFields):
    url: Url = None
    image: Base64 = None
    all_orientations: Annotated[bool, Field(description="Also find turned, mirrored and inverted copies.")] = True


class MatchCompare(MatchFields):
    url1: Url = None
    image1: Base64 = None
    url2: Url = None
    image2: Base64 = None


class MatchList(MatchFields):
    offset: Annotated[int, Field(description="Number of paths to skip.", ge=0, le=MAX_OFFSET)] = 0
    limit: Annotated[int, Field(description="Maximum number of paths.", ge=0, le=MAX_LISTED)] = 20


class MatchScore(TypedDict):
    score: Annotated[float, Field(description="100 · (1 - distance).", examples=[97.3])]


class MatchHit(MatchScore):
    filepath: Filepath
    metadata: dict[str, Any] | None


class MatchAnswer(TypedDict):
    status: Literal["ok"]
    error: list[str]
    method: Method


class MatchNothing(MatchAnswer):
    result: Annotated[list[Any], Field(max_length=0)]


class MatchHits(MatchAnswer):
    result: list[MatchHit]


class MatchScores(MatchAnswer):
    result: list[MatchScore]


class MatchCount(MatchAnswer):
    result: list[int]


class MatchPaths(MatchAnswer):
    result: list[str]


class MatchRefusal(TypedDict):
    status: Literal["fail"]
    error: list[str]
    method: Method
    result: list[Any]


def refusal(method: str, problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return a problem document in the envelope of this dialect."""
    error = [problem["detail"], *([problem["help"]] if "help" in problem else [])]
    return {"status": "fail", "error": error, "method": method, "result": []}


ENVELOPES: dict[str, Envelope] = dict.fromkeys(("add", "delete", "search", "compare", "count", "list", "ping"), refusal)
"""Envelopes by the first part of the path."""

ASKED = refusals(MatchRefusal, *openapi.ASKED)
SENT = refusals(MatchRefusal, *openapi.SENT)
FETCHED = refusals(MatchRefusal, *openapi.FETCHED)
CHANGED = refusals(MatchRefusal, 409)

Reader = Annotated[Caller, needs("read")]
Writer = Annotated[Caller, needs("write")]


def _ok(method: Method, result: Sequence[Any] = ()) -> Response:
    return documents.respond({"status": "ok", "error": [], "method": method, "result": list(result)})


def _form(model: type[MatchFields], *files: str) -> dict[str, openapi.Schema]:
    return {name: openapi.FILE if name in files else {"type": "string"} for name in model.model_fields}


@router.post(
    "/add",
    summary="Add an image, or replace the image with this filepath",
    response_model=MatchNothing,
    responses=FETCHED | CHANGED,
    openapi_extra=openapi.takes(MatchAdd, form=_form(MatchAdd, "image")),
)
async def add(request: Request, service: Serving, _: Writer) -> Response:
    service.family(FAMILY)
    await service.make_room()
    async with fields(request, service) as given:
        asked = given.read(MatchAdd)
        names.key_bytes(asked.filepath)
        computed = await _compute(service, given, "image", "url")
    record = computed.record(asked.filepath, UNDATED, asked.metadata)
    await service.call(service.write, [record])
    return _ok("add")


@router.delete(
    "/delete",
    summary="Delete an image, if it exists",
    response_model=MatchNothing,
    responses=SENT | CHANGED,
    openapi_extra=openapi.takes(MatchDelete, form=_form(MatchDelete)),
)
async def delete(request: Request, service: Serving, _: Writer) -> Response:
    await service.make_room()
    async with fields(request, service) as given:
        asked = given.read(MatchDelete)
    await service.call(service.remove, [asked.filepath])
    return _ok("delete")


@router.post(
    "/search",
    summary="Find images like this one",
    description="Images with a score above 55, the best first.",
    response_model=MatchHits,
    responses=FETCHED,
    openapi_extra=openapi.takes(MatchSearch, form=_form(MatchSearch, "image")),
)
async def search(request: Request, service: Serving, _: Reader) -> Response:
    service.family(FAMILY)
    async with fields(request, service) as given:
        asked = given.read(MatchSearch)
        computed = await _compute(service, given, "image", "url", asked=(FAMILY,), orientations=asked.all_orientations)

    def answer() -> Response:
        options = SearchOptions(
            families=(FAMILY,),
            limit=HITS,
            min_score=THRESHOLD,
            as_original=True,
            orientations=asked.all_orientations,
            # image-match searches for the picture turned 8 ways, and again with its colours inverted
            negatives=asked.all_orientations,
        )
        result = service.search_one(computed.question_over_white(FAMILY), options)
        hits = [
            {"score": hit.score, "filepath": hit.key, "metadata": hit.image.meta or None}
            for hit in result.hits
            if hit.score > THRESHOLD
        ]
        return _ok("search", hits)

    return await service.call(answer)


@router.post(
    "/compare",
    summary="Compare two pictures",
    response_model=MatchScores,
    responses=FETCHED,
    openapi_extra=openapi.takes(MatchCompare, form=_form(MatchCompare, "image1", "image2")),
)
async def compare(request: Request, service: Serving, _: Reader) -> Response:
    service.family(FAMILY)
    async with fields(request, service) as given:
        first = await _compute(service, given, "image1", "url1", asked=(FAMILY,))
        second = await _compute(service, given, "image2", "url2", asked=(FAMILY,))
    scores = await service.call(
        service.index.compare, first.question_over_white(FAMILY), second.question_over_white(FAMILY)
    )
    return _ok("compare", [{"score": score.score} for score in scores if score.family == FAMILY])


@router.get("/count", summary="Count the images", response_model=MatchCount, responses=ASKED)
@router.post("/count", summary="Count the images", response_model=MatchCount, responses=ASKED)
async def count(service: Serving, _: Reader) -> Response:
    return _ok("count", [await service.call(service.index.count)])


@router.get(
    "/list",
    summary="List the paths of the images, page by page",
    response_model=MatchPaths,
    responses=ASKED | refusals(MatchRefusal, 400),
)
async def list_paths(service: Serving, _: Reader, asked: Annotated[MatchList, Query()]) -> Response:
    return await service.call(_page, service.index, asked)


@router.post(
    "/list",
    summary="List the paths of the images, page by page",
    response_model=MatchPaths,
    responses=SENT,
    openapi_extra=openapi.takes(MatchList, form=_form(MatchList), required=False),
)
async def list_posted(request: Request, service: Serving, _: Reader) -> Response:
    async with fields(request, service) as given:
        asked = given.read(MatchList)
    return await service.call(_page, service.index, asked)


def _page(index: Index, asked: MatchList) -> Response:
    end = asked.offset + asked.limit
    return _ok("list", [image.key for image in islice(index.list(limit=end), asked.offset, end)])


@router.get("/ping", summary="Check that the server answers", response_model=MatchNothing, responses=ASKED)
@router.post("/ping", summary="Check that the server answers", response_model=MatchNothing, responses=ASKED)
async def ping(_: Reader) -> Response:
    return _ok("ping")


async def _compute(
    service: Service,
    given: Fields,
    file: str,
    url: str,
    *,
    asked: Sequence[str] = (),
    orientations: bool = False,
) -> ComputedPicture:
    picture = given.picture(file, url)
    if picture is None:
        raise validation(f"there is no picture: send {file} as a file of a form, or an address in {url}")
    async with inputs.picture(picture, service) as data:
        return await service.pool.compute(data, asked=asked, orientations=orientations)
