"""Match's HTTP interface: images under file paths, in the family `goldberg`, all answers in one envelope.

Match is a server over image-match; its paths are keys here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json
from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict

from lookalike.index import Index
from lookalike.signatures.signers import SignedPicture
from lookalike.web.api import inputs, openapi
from lookalike.web.api.fields import Fields, fields
from lookalike.web.api.metadata import Meta
from lookalike.web.dialects.envelopes import Envelope, refusals
from lookalike.web.http.access import Caller, needs
from lookalike.web.http.problems import validation
from lookalike.web.service import Service, Serving
from shards.table.format import names

FAMILY = "goldberg"

HITS = 100
"""As many rows image-match asks Elasticsearch for."""

MAX_LISTED = 10_000
"""Paths of one answer: where Elasticsearch's pages end, too."""

MAX_OFFSET = 1 << 53
"""As far as JSON's numbers are exact everywhere; more images there are not."""

router = APIRouter(tags=["Match"])

Method = Literal["add", "delete", "search", "compare", "count", "list", "ping"]


class MatchFields(BaseModel):
    """Fields that are not known are ignored, as Match does."""

    model_config = ConfigDict(extra="ignore")


def _parsed(meta: Any) -> Any:
    """A form has metadata as text, JSON as it is."""
    return from_json(meta.encode()) if isinstance(meta, str) else meta


Filepath = Annotated[str, Field(description="The image's key.", examples=["pictures/cat.jpg"])]
Url = Annotated[str | None, Field(description="Where the server fetches the picture.")]
Base64 = Annotated[str | None, Field(description="The picture in base64; in a form, a file.")]


class MatchDelete(MatchFields):
    filepath: Filepath


class MatchAdd(MatchDelete):
    url: Url = None
    image: Base64 = None
    metadata: Annotated[Meta | None, BeforeValidator(_parsed)] = None


class MatchSearch(MatchFields):
    url: Url = None
    image: Base64 = None
    all_orientations: Annotated[bool, Field(description="Also find it turned, mirrored or inverted.")] = True


class MatchCompare(MatchFields):
    url1: Url = None
    image1: Base64 = None
    url2: Url = None
    image2: Base64 = None


class MatchList(MatchFields):
    offset: Annotated[int, Field(description="Paths to pass over.", ge=0, le=MAX_OFFSET)] = 0
    limit: Annotated[int, Field(description="Paths at most.", ge=0, le=MAX_LISTED)] = 20


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
    """The envelope of this dialect, of a problem document."""
    error = [problem["detail"], *([problem["help"]] if "help" in problem else [])]
    return {"status": "fail", "error": error, "method": method, "result": []}


ENVELOPES: dict[str, Envelope] = dict.fromkeys(("add", "delete", "search", "compare", "count", "list", "ping"), refusal)
"""By the first part of the path."""

ASKED = refusals(MatchRefusal, *openapi.ASKED)
SENT = refusals(MatchRefusal, *openapi.SENT)
FETCHED = refusals(MatchRefusal, *openapi.FETCHED)
CHANGED = refusals(MatchRefusal, 409)

Reader = Annotated[Caller, needs("read")]
Writer = Annotated[Caller, needs("write")]


def _ok(method: Method, result: Sequence[Any] = ()) -> Response:
    return JSONResponse({"status": "ok", "error": [], "method": method, "result": list(result)})


def _form(model: type[MatchFields], *files: str) -> dict[str, openapi.Schema]:
    return {name: openapi.FILE if name in files else {"type": "string"} for name in model.model_fields}


@router.post(
    "/add",
    summary="Add an image, or replace the one of this filepath",
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
        signed = await _signed(service, given, "image", "url")
    record = signed.record(asked.filepath, service.index.next_order(), asked.metadata)
    await service.call(service.write, [record])
    return _ok("add")


@router.delete(
    "/delete",
    summary="Delete an image, if it is there",
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
    description="Those whose score is above 55, the best first.",
    response_model=MatchHits,
    responses=FETCHED,
    openapi_extra=openapi.takes(MatchSearch, form=_form(MatchSearch, "image")),
)
async def search(request: Request, service: Serving, _: Reader) -> Response:
    bar = service.family(FAMILY).match_score
    async with fields(request, service) as given:
        asked = given.read(MatchSearch)
        signed = await _signed(service, given, "image", "url", orientations=asked.all_orientations)

    def answer() -> Response:
        found = service.search_one(
            signed.question(),
            family=FAMILY,
            limit=HITS,
            min_score=bar,
            orientations=asked.all_orientations,
            # image-match turns the picture 8 ways, and does so once more with its colours inverted
            negatives=asked.all_orientations,
        )
        hits = [
            {"score": hit.score, "filepath": hit.key, "metadata": hit.image.meta or None}
            for hit in found.hits
            if hit.score > bar
        ]
        return _ok("search", hits)

    return await service.call(answer)


@router.post(
    "/compare",
    summary="How alike two pictures are",
    response_model=MatchScores,
    responses=FETCHED,
    openapi_extra=openapi.takes(MatchCompare, form=_form(MatchCompare, "image1", "image2")),
)
async def compare(request: Request, service: Serving, _: Reader) -> Response:
    service.family(FAMILY)
    async with fields(request, service) as given:
        first = await _signed(service, given, "image1", "url1")
        second = await _signed(service, given, "image2", "url2")
    scores = await service.call(service.index.compare, first.question(), second.question())
    return _ok("compare", [{"score": one.score} for one in scores if one.family == FAMILY])


@router.get("/count", summary="How many images there are", response_model=MatchCount, responses=ASKED)
@router.post("/count", summary="How many images there are", response_model=MatchCount, responses=ASKED)
async def count(service: Serving, _: Reader) -> Response:
    return _ok("count", [await service.call(service.index.count)])


@router.get(
    "/list",
    summary="The paths of the images, page by page",
    response_model=MatchPaths,
    responses=ASKED | refusals(MatchRefusal, 400),
)
async def list_paths(service: Serving, _: Reader, asked: Annotated[MatchList, Query()]) -> Response:
    return await service.call(_page, service.index, asked)


@router.post(
    "/list",
    summary="The paths of the images, page by page",
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


@router.get("/ping", summary="Whether the server answers", response_model=MatchNothing, responses=ASKED)
@router.post("/ping", summary="Whether the server answers", response_model=MatchNothing, responses=ASKED)
async def ping(_: Reader) -> Response:
    return _ok("ping")


async def _signed(service: Service, given: Fields, file: str, url: str, *, orientations: bool = False) -> SignedPicture:
    picture = given.picture(file, url)
    if picture is None:
        raise validation(f"there is no picture: send {file} as a file of a form, or an address in {url}")
    return await service.signer.sign(await inputs.picture(picture, service), orientations=orientations)
