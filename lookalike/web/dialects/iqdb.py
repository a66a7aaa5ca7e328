"""IQDB's HTTP interface, as the servers of danbooru and e621 have it: images by number, in the family `haar`.

Danbooru sends pictures as a form's `file`, e621 sends JSON with `channels`. Both are accepted wherever a picture is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from typing_extensions import TypedDict

from lookalike.options import SearchOptions
from lookalike.questions import Key, Question, Signature
from lookalike.signatures.computed import ComputedPicture
from lookalike.web.api import documents, inputs, openapi
from lookalike.web.dependencies import Serving, needs
from lookalike.web.dialects.channels import Channels
from lookalike.web.dialects.envelopes import Envelope, refusals
from lookalike.web.dialects.fields import Fields, fields
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem, validation
from lookalike.web.service import Service
from shards.families import Family
from shards.search.hits import Hit
from shards.search.query import LIMIT
from shards.table.format.records import UNDATED

FAMILY = "haar"

MAX_ID = (1 << 63) - 1
"""The largest integer of SQLite, in which IQDB keeps ids."""

MAX_LIMIT = 1000

LOOKED_AT = 1000
"""Keys that are looked at, in the order of their hashes, to tell an index without ids from one without likeness."""

DEEPEST = 10_000
"""The limit of a search for enough hits with ids, where other images have other keys."""

router = APIRouter(tags=["IQDB"])


class IqdbFields(BaseModel):
    """Fields of every request. Unknown fields are ignored, as IQDB does."""

    model_config = ConfigDict(extra="ignore")

    signature: Annotated[bool, Field(description="Include the numbers of the signatures in the answer.")] = False


class IqdbHash(IqdbFields):
    hash: Annotated[str | None, Field(description="An `iqdb_…` text, with or without that prefix.")] = None


class IqdbImage(IqdbHash):
    """The image to add, unless it is the file of a form."""

    channels: Channels | None = None


class IqdbKnown(IqdbHash):
    """A question without a picture, and options."""

    post_id: Annotated[int | None, Field(description="The id of an image in the index.", ge=0, le=MAX_ID)] = None
    limit: Annotated[int, Field(description="Maximum number of hits.", ge=1, le=MAX_LIMIT)] = LIMIT
    min_score: Annotated[float | None, Field(description="Minimum score of a hit.", ge=0, le=100)] = None


class IqdbQuery(IqdbImage, IqdbKnown):
    """A question, unless it is the file of a form, and options."""


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
    score: Annotated[float, Field(description="Similarity from 0 to 100; 100 is the same.", examples=[97.3])]


class IqdbStatus(TypedDict):
    images: Annotated[int, Field(description="Number of images.")]


class IqdbRefusal(TypedDict):
    message: str
    exception: Annotated[str, Field(description="A stable word.")]


def refusal(_: str, problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return a problem document in the envelope of this dialect."""
    help_ = problem.get("help")
    return {"message": f"{problem['detail']}. {help_}" if help_ else problem["detail"], "exception": problem["code"]}


ENVELOPES: dict[str, Envelope] = dict.fromkeys(("images", "query", "status"), refusal)
"""Envelopes by the first part of the path."""

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
        raise validation(f"post_id: must be a whole number from 0 to {MAX_ID}", post_id)
    return int(digits or 0)


PostId = Annotated[int, Depends(_id)]


@router.post(
    "/images/{post_id}",
    summary="Add an image, or replace the image with this id",
    response_model=IqdbStored,
    responses=SENT,
    openapi_extra=openapi.takes(IqdbImage, form={"file": openapi.FILE, "hash": {"type": "string"}}),
)
async def add(post_id: PostId, request: Request, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    family = service.family(FAMILY)
    await service.make_room()
    async with fields(request, service) as given:
        asked = given.read(IqdbImage)
        computed = _of_hash(service, family, asked.hash) if asked.hash is not None else None
        computed = computed or await _compute(service, asked, given)
        if computed is None:
            raise validation("there is no image: send it as the file of a form, or its hash or channels")
    await service.call(service.write, [computed.record(str(post_id), UNDATED)])
    text = family.format(computed.rows[FAMILY])
    return documents.respond(_stored(family, post_id, text, with_signature=asked.signature))


@router.get(
    "/images/{post_id}",
    summary="Get the signature of an image",
    response_model=IqdbStored,
    responses=ASKED | refusals(IqdbRefusal, 404),
)
async def get(
    post_id: PostId, service: Serving, _: Annotated[Caller, needs("read")], asked: Annotated[IqdbFields, Query()]
) -> Response:
    family = service.family(FAMILY)
    stored = await service.call(service.index.get, str(post_id))
    return documents.respond(_stored(family, post_id, stored.signatures[FAMILY], with_signature=asked.signature))


@router.delete(
    "/images/{post_id}",
    summary="Delete an image, if it exists",
    response_model=IqdbDeleted,
    responses=ASKED | refusals(IqdbRefusal, 409),
)
async def delete(post_id: PostId, service: Serving, _: Annotated[Caller, needs("write")]) -> Response:
    await service.make_room()
    await service.call(service.remove, [str(post_id)])
    return documents.respond({"post_id": post_id})


@router.get(
    "/query",
    summary="Find images like the one with this hash or id",
    response_model=list[IqdbHit],
    responses=ASKED | refusals(IqdbRefusal, 404, 409),
)
async def query_known(
    service: Serving, _: Annotated[Caller, needs("read")], asked: Annotated[IqdbKnown, Query()]
) -> Response:
    return await service.call(_answer, service, service.family(FAMILY), _known(asked), asked)


@router.post(
    "/query",
    summary="Find images like this one",
    description="Of hash, channels, file and post_id, the first one given counts.",
    response_model=list[IqdbHit],
    responses=SENT | refusals(IqdbRefusal, 404, 409),
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


@router.get("/status", summary="Count the images", response_model=IqdbStatus, responses=ASKED)
async def status(service: Serving, _: Annotated[Caller, needs("read")]) -> Response:
    return documents.respond({"images": await service.call(service.index.count)})


async def _question(service: Service, asked: IqdbQuery, given: Fields) -> Question:
    computed = await _compute(service, asked, given, (FAMILY,)) if asked.hash is None else None
    return _known(asked) if computed is None else computed.question_over_white(FAMILY)


def _known(asked: IqdbKnown) -> Question:
    if asked.hash is not None:
        return Signature(asked.hash)
    if asked.post_id is not None:
        return Key(str(asked.post_id))
    raise validation("there is no question: send a picture as the file of a form, or a hash, channels or post_id")


async def _compute(
    service: Service, asked: IqdbImage, given: Fields, families: Sequence[str] = ()
) -> ComputedPicture | None:
    """Compute the signatures of the channels or of the file: for a record, or for a question to these families.

    Returns `None` where there is neither.
    """
    if asked.channels is not None:
        return await service.pool.compute(await service.call(asked.channels.encoded), asked=families)
    picture = given.picture("file")
    if picture is None:
        return None
    async with inputs.picture(picture, service) as data:
        return await service.pool.compute(data, asked=families)


def _of_hash(service: Service, family: Family, text: str) -> ComputedPicture:
    """Return a picture with this signature alone, which is enough for an index without other families."""
    row = family.parse(text)
    others = [family.name for family in service.index.families if family.name != FAMILY]
    if others:
        raise validation(f"hash: the index also has {', '.join(others)}: send the picture instead", text)
    return ComputedPicture(0, 0, bytes(32), None, {FAMILY: row})


def _answer(service: Service, family: Family, question: Question, asked: IqdbKnown) -> Response:
    hits = _hits(service, question, asked)
    if not hits:
        _check_has_ids(service)
    texts = service.index.signatures((hit.key for hit in hits), FAMILY)
    answer = []
    for hit in hits:
        if hit.key not in texts:
            continue  # deleted since the search
        post_id = int(hit.key)
        document = _stored(family, post_id, texts[hit.key], with_signature=asked.signature)
        answer.append(document | {"id": post_id, "score": hit.score})
    return documents.respond(answer)


def _hits(service: Service, question: Question, asked: IqdbKnown) -> Sequence[Hit]:
    """Return the best hits whose keys are ids."""
    limit = asked.limit
    while True:
        hits = service.search_one(question, SearchOptions((FAMILY,), limit, asked.min_score, as_original=True)).hits
        with_id = [hit for hit in hits if _is_id(hit.key)]
        if len(with_id) >= asked.limit or len(hits) < limit or limit >= DEEPEST:
            return with_id[: asked.limit]
        limit = min(8 * limit, DEEPEST)


def _check_has_ids(service: Service) -> None:
    """Raise Problem where the index has images, and none of them an id: an empty answer would say that none is like."""
    keys = [image.key for image in service.index.list(limit=LOOKED_AT)]
    if keys and not any(map(_is_id, keys)):
        raise Problem(
            409,
            "no-ids",
            "The images have no ids",
            f"IQDB knows images by number, and of this index none of {len(keys):,} keys that were looked at is one",
            keys[0],
            "Add pictures through POST /images/ID, add files that are named by their number with 'lookalike add"
            " --key-from number', or search with POST /v1/search, which answers with any keys.",
        )


def _is_id(key: str) -> bool:
    """Return whether this key is an id: decimal, without leading zeros."""
    return re.fullmatch("0|[1-9][0-9]{0,18}", key) is not None and int(key) <= MAX_ID


def _stored(family: Family, post_id: int, text: str, *, with_signature: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"hash": text, "post_id": post_id}
    if with_signature:
        row = family.parse(text)
        document["signature"] = {"avglf": row["avgl"].tolist(), "sig": row["sig"].tolist()}
    return document
