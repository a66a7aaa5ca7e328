"""What is answered, as JSON: the documents of the OpenAPI description, and how they are made of the index's values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from starlette.responses import Response
from typing_extensions import TypedDict

from lookalike.signatures.compute import Comparison
from lookalike.web.http.access import Caller
from shards.families import Family
from shards.search.search import Hit
from shards.table.format.records import Record
from shards.table.read.snapshot import Image

Key = Annotated[str, Field(description="The name of an image in this index.", examples=["holiday/cat.jpg"])]
Sha256 = Annotated[
    str,
    Field(
        description="Of the file that was added, in hex.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]
Family_ = Annotated[str, Field(description="A kind of signature.", examples=["haar"])]
Score = Annotated[float, Field(description="How alike: 100 is the same.", examples=[97.3])]
Distance = Annotated[
    float | None,
    Field(description="The same in the family's own unit: bits, for hashes. null where it has none.", examples=[2.0]),
]
Signatures = Annotated[
    dict[str, str], Field(description="Signatures as text, by family.", examples=[{"dhash": "b6b2725949494e4c"}])
]
Meta = Annotated[
    dict[str, Any], Field(description="What was given with the image.", examples=[{"album": "zoo", "licence": "CC0"}])
]


@with_config(ConfigDict(title="Image"))
class ImageDocument(TypedDict):
    key: Key
    width: Annotated[int, Field(description="Pixels, as it was signed.", examples=[1024])]
    height: Annotated[int, Field(examples=[768])]
    sha256: Sha256
    added: Annotated[str, Field(description="When, in UTC.", examples=["2025-03-09T14:03:02.114Z"])]
    meta: Meta
    source: NotRequired[Annotated[dict[str, Any], Field(description="Where it was read from; for admins only.")]]


@with_config(ConfigDict(title="StoredImage"))
class StoredDocument(ImageDocument):
    signatures: Signatures


@with_config(ConfigDict(title="PutImage"))
class PutDocument(StoredDocument):
    replaced: Annotated[bool, Field(description="Whether there was an image of this key.")]


@with_config(ConfigDict(title="Images"))
class ListDocument(TypedDict):
    images: list[ImageDocument]
    next: Annotated[str | None, Field(description="The `after` of the next page; null at the end.")]


@with_config(ConfigDict(title="Problem"))
class ProblemDocument(TypedDict):
    """Problem details of RFC 9457. `code` is a stable word for programs."""

    type: Annotated[str, Field(examples=["about:blank"])]
    title: Annotated[str, Field(examples=["No such image"])]
    status: Annotated[int, Field(examples=[404])]
    code: Annotated[str, Field(examples=["key-not-found"])]
    detail: Annotated[str, Field(examples=["no image has the key 'dog.jpg'"])]
    value: NotRequired[Annotated[Any, Field(description="The offending value, shortened.", examples=["dog.jpg"])]]
    help: NotRequired[Annotated[str, Field(description="What to do.")]]


@with_config(ConfigDict(title="BatchItem"))
class BatchItemDocument(TypedDict):
    key: str
    status: Literal["added", "replaced", "failed"]
    error: NotRequired[ProblemDocument]


@with_config(ConfigDict(title="Batch"))
class BatchDocument(TypedDict):
    added: int
    replaced: int
    failed: int
    images: Annotated[list[BatchItemDocument], Field(description="In the order in which they were sent.")]


@with_config(ConfigDict(title="Hit"))
class HitDocument(ImageDocument):
    rank: Annotated[int, Field(description="1 is the best.", examples=[1])]
    score: Score
    distance: Distance
    orientation: Annotated[str, Field(description="How it had to be turned to be alike.", examples=["as is"])]


@with_config(ConfigDict(title="Question"))
class QuestionDocument(TypedDict):
    kind: Literal["file", "url", "key", "signature", "image"]
    name: Annotated[str | None, Field(description="File name, address, key, or the beginning of the signature.")]
    width: NotRequired[Annotated[int, Field(description="Of the picture, where one was given.")]]
    height: NotRequired[int]
    sha256: NotRequired[Sha256]
    preview: NotRequired[Annotated[str, Field(description="A small copy of the picture, as a `data:` address.")]]


@with_config(ConfigDict(title="Answer"))
class AnswerDocument(TypedDict):
    question: QuestionDocument
    searched: Annotated[int, Field(description="How many images were compared.")]
    hits: list[HitDocument]
    partial: NotRequired[
        Annotated[bool, Field(description="true where some images could not be compared in time; else left out.")]
    ]
    missing: NotRequired[
        Annotated[list[str], Field(description="The segments that they are in. Asking again may find them.")]
    ]
    signature: NotRequired[Annotated[str, Field(description="The question's own, where it was asked for.")]]
    error: NotRequired[ProblemDocument]


@with_config(ConfigDict(title="Answers"))
class SearchDocument(TypedDict):
    family: Family_
    took_ms: Annotated[float, Field(examples=[12.4])]
    answers: Annotated[list[AnswerDocument], Field(description="One for each question.")]


@with_config(ConfigDict(title="Score"))
class ScoreDocument(TypedDict):
    family: Family_
    score: Score
    distance: Distance
    is_match: Annotated[bool, Field(description="Whether the family usually calls that the same picture.")]


@with_config(ConfigDict(title="Comparison"))
class CompareDocument(TypedDict):
    a: QuestionDocument
    b: QuestionDocument
    scores: list[ScoreDocument]


@with_config(ConfigDict(title="Copy"))
class CopyDocument(ImageDocument):
    score: Score
    distance: Distance


@with_config(ConfigDict(title="Group"))
class GroupDocument(TypedDict):
    head: Annotated[ImageDocument, Field(description="The one with the most pixels.")]
    copies: list[CopyDocument]


@with_config(ConfigDict(title="Duplicates"))
class DuplicatesDocument(TypedDict):
    family: Family_
    min_score: Annotated[float, Field(description="Copies score this or more.", examples=[95.3])]
    groups: list[GroupDocument]
    total_groups: int
    total_copies: Annotated[int, Field(description="Images that could go: all but the heads.")]
    flat: Annotated[int, Field(description="Images without content, all alike, which are in no group.")]
    method: Annotated[
        Literal["exhaustive", "sorting", "candidates"],
        Field(description="How pairs were found. `candidates`: only those were compared that a hash has near."),
    ]
    is_complete: Annotated[bool, Field(description="Whether no pair can be missing.")]


def respond(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The document as an answer. To be called in a thread where it may be large."""
    content = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(content, status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def time(ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339, in UTC, to the millisecond."""
    at = datetime.fromtimestamp(ns // 10**9, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ns // 10**6 % 1000:03d}Z"


def image(one: Image, caller: Caller) -> ImageDocument:
    document: ImageDocument = {
        "key": one.key,
        "width": one.width,
        "height": one.height,
        "sha256": one.sha256,
        "added": time(one.added),
        "meta": dict(one.meta),
    }
    if "admin" in caller.scopes:
        document["source"] = dict(one.source)
    return document


def stored(one: Image, signatures: Mapping[str, str], caller: Caller) -> StoredDocument:
    return {**image(one, caller), "signatures": dict(signatures)}


def image_of(record: Record) -> Image:
    """What the index will say of this record."""
    return Image(
        record.key,
        record.width,
        record.height,
        record.sha256.hex(),
        record.order[0],
        record.meta or {},
        record.source or {},
    )


def signatures_of(record: Record, families: tuple[Family, ...]) -> dict[str, str]:
    """The record's signatures as text."""
    rows = record.rows or {}
    return {family.name: family.format(rows[family.name]) for family in families}


def hit(rank: int, one: Hit, caller: Caller) -> HitDocument:
    return {
        **image(one.image, caller),
        "rank": rank,
        "score": one.score,
        "distance": one.distance,
        "orientation": one.variant,
    }


def score(one: Comparison) -> ScoreDocument:
    return {"family": one.family, "score": one.score, "distance": one.distance, "is_match": one.is_match}
