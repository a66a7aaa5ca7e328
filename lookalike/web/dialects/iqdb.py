"""IQDB's HTTP interface, as danbooru's server and e621's have it: images under numbers, in the family `haar`.

Danbooru sends pictures as a form's `file`; e621 sends JSON with `channels`. Both are taken wherever a picture is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict

from lookalike.questions import Key, Question, Signature
from lookalike.signatures.signers import SignedPicture
from lookalike.web.api import inputs, openapi
from lookalike.web.api.fields import Fields, fields
from lookalike.web.dialects.channels import Channels
from lookalike.web.dialects.envelopes import Envelope, refusals
from lookalike.web.http.access import Caller, needs
from lookalike.web.http.problems import validation
from lookalike.web.service import Service, Serving
from shards.families import Family
from shards.search.query import LIMIT
from shards.search.search import Hit

FAMILY = "haar"

MAX_ID = (1 << 63) - 1
"""IQDB keeps ids in SQLite, whose integers end here."""

MAX_LIMIT = 1000

DEEPEST = 10_000
"""Where images have other keys than ids, how far to look for enough that have ids."""

router = APIRouter(tags=["IQDB"])


class IqdbFields(BaseModel):
    """What every request may ask for. Fields that are not known are ignored, as IQDB does."""

    model_config = ConfigDict(extra="ignore")

    signature: Annotated[bool, Field(description="Answer with the numbers of the signatures, too.")] = False


class IqdbHash(IqdbFields):
    hash: Annotated[str | None, Field(description="An `iqdb_…` text, with or without that prefix.")] = None


class IqdbImage(IqdbHash):
    """The image to add, unless it is a form's file."""

    channels: Channels | None = None


class IqdbKnown(IqdbHash):
    """What to look for, where it needs no picture, and how."""

    post_id: Annotated[int | None, Field(description="An image of the index.", ge=0, le=MAX_ID)] = None
    limit: Annotated[int, Field(description="Images at most.", ge=1, le=MAX_LIMIT)] = LIMIT
    min_score: Annotated[float | None, Field(description="Leave out what scores less.", ge=0, le=100)] = None


class IqdbQuery(IqdbImage, IqdbKnown):
    """What to look for, unless it is a form's file, and how."""


class IqdbSignature(TypedDict):
    avglf: Annotated[list[float], Field(description="Averages of Y, I and Q.")]
    sig: Annotated[list[list[int]], Field(description="3 × 40 coefficients.")]


class IqdbDeleted(TypedDict):
    post_id: Annotated[int, Field(examples=[1234])]


class IqdbStored(IqdbDeleted):
    hash: Annotated[str, Field(description="528 hex digits after `iqdb_`.")]
    signature: NotRequired[IqdbSignature]


class IqdbHit(IqdbStored):
    id: Annotated[int, Field(description="The post_id.")]
    score: Annotated[float, Field(description="100 is the same.", examples=[97.3])]


class IqdbStatus(TypedDict):
    images: Annotated[int, Field(description="How many images there are.")]


class IqdbRefusal(TypedDict):
    message: str
    exception: Annotated[str, Field(description="A stable word.")]


def refusal(_: str, problem: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope of this dialect, of a problem document."""
    help_ = problem.get("help")
    return {"message": f"{problem['detail']}. {help_}" if help_ else problem["detail"], "exception": problem["code"]}


ENVELOPES: dict[str, Envelope] = dict.fromkeys(("images", "query", "status"), refusal)
"""By the first part of the path."""

ASKED = refusals(IqdbRefusal, *openapi.ASKED, 400)
SENT = refusals(IqdbRefusal, *openapi.SENT)


def _id(
    post_id: Annotated[
        str,
        Path(description="From 0 to 2⁶³ - 1.", json_schema_extra={"pattern": "^0*[0-9]{1,18}$"}, examples=["1234"]),
    ],
) -> int:
    digits = post_id.lstrip("0")
    if re.fullmatch("[0-9]+", post_id) is None or len(digits) > len(str(MAX_ID)) or int(digits or 0) > MAX_ID:
        raise validation(f"post_id: is not a whole number from 0 to {MAX_ID}", post_id)
    return int(digits or 0)


PostId = Annotated[int, Depends(_id)]


@router.post(
    "/images/{post_id}",
    summary="Add an image, or replace the one of this id",
    response_model=IqdbStored,
    responses=SENT,
    openapi_extra=openapi.takes(IqdbImage, form={"file": openapi.FILE, "hash": {"type": "string"}}),
)
async def add(post_id: PostId, request: Request, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    family = service.family(FAMILY)
    await service.make_room()
    async with fields(request, service) as given:
        asked = given.read(IqdbImage)
        signed = _of_hash(service, family, asked.hash) if asked.hash is not None else None
        signed = signed or await _signed(service, asked, given)
        if signed is None:
            raise validation("there is no image: send it as the file of a form, or its hash or channels")
    await service.call(service.write, [signed.record(str(post_id), service.index.next_order())])
    text = family.format(signed.orientations[0][FAMILY])
    return JSONResponse(_stored(family, post_id, text, with_signature=asked.signature))


@router.get(
    "/images/{post_id}",
    summary="The signature of an image",
    response_model=IqdbStored,
    responses=ASKED | refusals(IqdbRefusal, 404),
)
async def get(
    post_id: PostId, service: Serving, _: Annotated[Caller, needs("read")], asked: Annotated[IqdbFields, Query()]
) -> Response:
    family = service.family(FAMILY)
    found = await service.call(service.index.get, str(post_id))
    return JSONResponse(_stored(family, post_id, found.signatures[FAMILY], with_signature=asked.signature))


@router.delete(
    "/images/{post_id}",
    summary="Delete an image, if it is there",
    response_model=IqdbDeleted,
    responses=ASKED | refusals(IqdbRefusal, 409),
)
async def delete(post_id: PostId, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    await service.make_room()
    await service.call(service.remove, [str(post_id)])
    return JSONResponse({"post_id": post_id})


@router.get(
    "/query",
    summary="Find images like that of a hash or an id",
    response_model=list[IqdbHit],
    responses=ASKED | refusals(IqdbRefusal, 404),
)
async def query_known(
    service: Serving, _: Annotated[Caller, needs("read")], asked: Annotated[IqdbKnown, Query()]
) -> Response:
    return await service.call(_answer, service, service.family(FAMILY), _known(asked), asked)


@router.post(
    "/query",
    summary="Find images like this one",
    description="Of hash, channels, file and post_id, the first that is there counts.",
    response_model=list[IqdbHit],
    responses=SENT | refusals(IqdbRefusal, 404),
    openapi_extra=openapi.takes(
        IqdbQuery,
        form={"file": openapi.FILE} | {name: {"type": "string"} for name in ("hash", "post_id", "limit", "min_score")},
    ),
)
async def query(request: Request, service: Serving, _: Annotated[Caller, needs("read")]) -> Response:
    family = service.family(FAMILY)
    async with fields(request, service) as given:
        asked = given.read(IqdbQuery)
        question = await _question(service, asked, given)
    return await service.call(_answer, service, family, question, asked)


@router.get("/status", summary="How many images there are", response_model=IqdbStatus, responses=ASKED)
async def status(service: Serving, _: Annotated[Caller, needs("read")]) -> Response:
    return JSONResponse({"images": await service.call(service.index.count)})


async def _question(service: Service, asked: IqdbQuery, given: Fields) -> Question:
    signed = await _signed(service, asked, given) if asked.hash is None else None
    return _known(asked) if signed is None else signed.question()


def _known(asked: IqdbKnown) -> Question:
    if asked.hash is not None:
        return Signature(asked.hash)
    if asked.post_id is not None:
        return Key(str(asked.post_id))
    raise validation("there is no question: send a picture as the file of a form, or a hash, channels or post_id")


async def _signed(service: Service, asked: IqdbImage, given: Fields) -> SignedPicture | None:
    """The picture of the channels or of the file, signed; None where there is neither."""
    if asked.channels is not None:
        return await service.signer.sign(await service.call(asked.channels.encoded))
    picture = given.picture("file")
    return None if picture is None else await service.signer.sign(await inputs.picture(picture, service))


def _of_hash(service: Service, family: Family, text: str) -> SignedPicture:
    """What the hash alone tells of a picture: enough for an index that has no other family."""
    row = family.parse(text)
    others = [one.name for one in service.index.families if one.name != FAMILY]
    if others:
        raise validation(f"hash: the index has {', '.join(others)} too, which no hash tells: send the picture", text)
    return SignedPicture(0, 0, bytes(32), None, ({FAMILY: row},))


def _answer(service: Service, family: Family, question: Question, asked: IqdbKnown) -> Response:
    hits = _hits(service, question, asked)
    texts = service.index.signatures((hit.key for hit in hits), FAMILY)
    found = []
    for hit in hits:
        if hit.key not in texts:
            continue  # deleted since it was found
        post_id = int(hit.key)
        document = _stored(family, post_id, texts[hit.key], with_signature=asked.signature)
        found.append(document | {"id": post_id, "score": hit.score})
    return JSONResponse(found)


def _hits(service: Service, question: Question, asked: IqdbKnown) -> Sequence[Hit]:
    """The best whose keys are ids."""
    limit = asked.limit
    while True:
        found = service.search_one(question, family=FAMILY, limit=limit, min_score=asked.min_score).hits
        hits = [hit for hit in found if _is_id(hit.key)]
        if len(hits) >= asked.limit or len(found) < limit or limit >= DEEPEST:
            return hits[: asked.limit]
        limit = min(8 * limit, DEEPEST)


def _is_id(key: str) -> bool:
    """Whether this is an id as it is stored: decimal, without leading zeros."""
    return re.fullmatch("0|[1-9][0-9]{0,18}", key) is not None and int(key) <= MAX_ID


def _stored(family: Family, post_id: int, text: str, *, with_signature: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"hash": text, "post_id": post_id}
    if with_signature:
        row = family.parse(text)
        document["signature"] = {"avglf": row["avgl"].tolist(), "sig": row["sig"].tolist()}
    return document
