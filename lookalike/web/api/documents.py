"""JSON documents of the answers, as the OpenAPI description has them, made from the index's values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, cast

from pydantic import ConfigDict, Field, with_config
from starlette.responses import Response
from typing_extensions import TypedDict

from lookalike.links import LinkTemplate
from lookalike.signatures.comparing import Comparison
from lookalike.web.http.access import Caller
from lookalike.web.http.timestamps import rfc3339
from shards.families import Family
from shards.families.overlap import Overlap
from shards.search.hits import Hit
from shards.search.stages import NotAsked
from shards.table.format.records import Record
from shards.table.read.snapshot import Image, hex_of

Key = Annotated[str, Field(description="The name of an image in this index.", examples=["holiday/cat.jpg"])]
Sha256 = Annotated[
    str | None,
    Field(
        description="SHA-256 of the file that was added, in hex; null where the file is unknown.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]
Family_ = Annotated[str, Field(description="A kind of signature.", examples=["haar"])]
Score = Annotated[float, Field(description="Similarity from 0 to 100; 100 is the same.", examples=[97.3])]
Distance = Annotated[
    float | None,
    Field(description="The distance in the family's unit, such as bits; null where it has none.", examples=[2.0]),
]
Signatures = Annotated[
    dict[str, str], Field(description="Signatures as text, by family.", examples=[{"dhash": "b6b2725949494e4c"}])
]
Meta = Annotated[
    dict[str, Any],
    Field(description="Metadata of the image.", examples=[{"album": "zoo", "licence": "CC0"}]),
]


@with_config(ConfigDict(title="Image"))
class ImageDocument(TypedDict):
    key: Key
    width: Annotated[int, Field(description="Pixels of the decoded picture.", examples=[1024])]
    height: Annotated[int, Field(examples=[768])]
    sha256: Sha256
    added: Annotated[
        str, Field(description="Time of adding or replacing it, UTC.", examples=["2025-03-09T14:03:02.114Z"])
    ]
    meta: Meta
    source: NotRequired[Annotated[dict[str, Any], Field(description="Origin of the picture; for admins only.")]]


@with_config(ConfigDict(title="StoredImage"))
class StoredDocument(ImageDocument):
    signatures: Signatures


@with_config(ConfigDict(title="PutImage"))
class PutDocument(StoredDocument):
    replaced: Annotated[bool, Field(description="Whether the key existed before.")]


@with_config(ConfigDict(title="Images"))
class ListDocument(TypedDict):
    images: list[ImageDocument]
    next: Annotated[str | None, Field(description="Send it as `after` for the next page; null at the end.")]


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
    images: Annotated[list[BatchItemDocument], Field(description="One for each image, in the order sent.")]


@with_config(ConfigDict(title="FamilyMatch"))
class FamilyMatchDocument(TypedDict):
    family: Family_
    score: Score
    distance: Distance


Corners = Annotated[
    list[list[float]],
    Field(
        description="Four corners, each x and y in shares of the picture's width and height; beyond 0 and 1 where the"
        " border cuts a corner off. Corners of the same number show the same.",
        examples=[[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]],
    ),
]


@with_config(ConfigDict(title="Overlap"))
class OverlapDocument(TypedDict):
    stored: Annotated[Corners, Field(description="The part of the image of the index, clockwise.")]
    question: Annotated[Corners, Field(description="The same part in the question.")]
    share: Annotated[float, Field(description="Area of the part as a share of the image of the index.", examples=[0.5])]
    rotation: Annotated[float, Field(description="Degrees by which the question shows it turned clockwise.")]
    scale: Annotated[float, Field(description="Pixels of the question for each pixel of the image of the index.")]
    agreeing: Annotated[int, Field(description="Number of features that agree.", examples=[17])]


@with_config(ConfigDict(title="NotAsked"))
class NotAskedDocument(TypedDict):
    family: Family_
    reason: Annotated[
        Literal["certain", "cold"],
        Field(
            description="`certain`: something certain was found before. `cold`: to fetch it costs too much; `thorough`"
            " asks it all the same."
        ),
    ]
    whole: Annotated[bool, Field(description="Whether the family was not asked at all, or only its dearer questions.")]
    bytes: Annotated[int, Field(description="Bytes that it would have fetched, at most.")]


@with_config(ConfigDict(title="Hit"))
class HitDocument(ImageDocument):
    rank: Annotated[int, Field(description="Position among the hits; 1 is the best.", examples=[1])]
    score: Score
    distance: Distance
    orientation: Annotated[str, Field(description="How the question was turned to match.", examples=["as is"])]
    family: Annotated[str, Field(description="The family that is surest of it: the score is its.", examples=["pdq"])]
    false_rate: Annotated[
        float,
        Field(description="Share of pairs of strangers that score as much in this family.", examples=[1.2e-9]),
    ]
    confidence: Annotated[
        Literal["certain", "likely", "weak"] | None,
        Field(description="How sure it is that both show the same, in an index of this size; null if not at all."),
    ]
    is_match: Annotated[bool, Field(description="Whether they show the same: the confidence is certain or likely.")]
    families: Annotated[list[FamilyMatchDocument], Field(description="The families that call it a match.")]
    reason: Annotated[
        str | None,
        Field(description="Why it is a match or none, where the score does not say it: a picture is flat, say."),
    ]
    overlap: NotRequired[
        Annotated[OverlapDocument, Field(description="The part that both have in common, where a family found one.")]
    ]
    link: NotRequired[
        Annotated[
            str,
            Field(
                description="An address of the web for this image, if the service makes links.",
                examples=["https://en.wikipedia.org/wiki/Rome"],
            ),
        ]
    ]


@with_config(ConfigDict(title="Question"))
class QuestionDocument(TypedDict):
    kind: Literal["file", "url", "key", "signature", "image"]
    name: Annotated[str | None, Field(description="File name, address, key, or the start of the signature.")]
    width: NotRequired[Annotated[int, Field(description="Pixels, where the question was a picture.")]]
    height: NotRequired[int]
    sha256: NotRequired[Sha256]
    preview: NotRequired[Annotated[str, Field(description="A small copy of the picture, as a `data:` address.")]]


@with_config(ConfigDict(title="Answer"))
class AnswerDocument(TypedDict):
    question: QuestionDocument
    searched: Annotated[int, Field(description="Number of images that were compared.")]
    hits: list[HitDocument]
    next: NotRequired[
        Annotated[str | None, Field(description="Send it as `after` for the next hits; null if there are no more.")]
    ]
    partial: NotRequired[
        Annotated[bool, Field(description="true if some images could not be compared in time; otherwise absent.")]
    ]
    missing: NotRequired[
        Annotated[list[str], Field(description="The segments of those images. Asking again may find them.")]
    ]
    not_asked: NotRequired[
        Annotated[
            list[NotAskedDocument], Field(description="What several families could have been asked, and were not.")
        ]
    ]
    signature: NotRequired[
        Annotated[str, Field(description="The question's own signature, if requested of a single family.")]
    ]
    signatures: NotRequired[
        Annotated[dict[str, str], Field(description="The question's own signatures, if requested of several families.")]
    ]
    error: NotRequired[ProblemDocument]


@with_config(ConfigDict(title="End"))
class EndDocument(TypedDict):
    """The last line of an answer in lines. Without it, the answer is not whole."""

    end: Literal[True]
    hits: Annotated[int, Field(description="Number of lines before this one.")]
    searched: Annotated[int, Field(description="Number of images that were compared.")]
    next: Annotated[
        str | None, Field(description="Send it as `after` for the hits that follow; null if there are none.")
    ]
    partial: NotRequired[Annotated[bool, Field(description="true if some images could not be compared in time.")]]
    missing: NotRequired[Annotated[list[str], Field(description="The segments of those images.")]]
    error: NotRequired[Annotated[ProblemDocument, Field(description="Why there are no more lines.")]]


@with_config(ConfigDict(title="Answers"))
class SearchDocument(TypedDict):
    family: Annotated[str, Field(description="The family that was asked; `auto` for several.", examples=["auto"])]
    took_ms: Annotated[float, Field(examples=[12.4])]
    answers: Annotated[list[AnswerDocument], Field(description="One for each question.")]


@with_config(ConfigDict(title="Score"))
class ScoreDocument(TypedDict):
    family: Family_
    score: Score
    distance: Distance
    is_match: Annotated[bool, Field(description="Whether this score usually means the same picture.")]
    confidence: Annotated[
        Literal["certain", "likely", "weak"] | None,
        Field(description="How sure that is of two pictures; among many the same score is worth less."),
    ]
    reason: Annotated[str | None, Field(description="Why it is a match or none, where the score does not say it.")]
    overlap: NotRequired[
        Annotated[
            OverlapDocument,
            Field(description="The part that both have in common: `question` in picture `a`, `stored` in `b`."),
        ]
    ]


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
    head: Annotated[ImageDocument, Field(description="The image with the most pixels.")]
    copies: list[CopyDocument]


@with_config(ConfigDict(title="Duplicates"))
class DuplicatesDocument(TypedDict):
    family: Family_
    min_score: Annotated[float, Field(description="Copies have at least this score.", examples=[95.3])]
    groups: list[GroupDocument]
    total_groups: int
    total_copies: Annotated[int, Field(description="Images that could be removed: all but the heads.")]
    flat: Annotated[int, Field(description="Blank images, which all look alike and are in no group.")]
    method: Annotated[
        Literal["exhaustive", "sorting", "candidates"],
        Field(description="How pairs were found. `candidates`: only pairs that a hash calls near were compared."),
    ]
    is_complete: Annotated[bool, Field(description="Whether all pairs were found for certain.")]


def respond(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the document as an answer. Call it in a thread where the document may be large."""
    return Response(encoded(document), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def encoded(document: Any) -> bytes:
    """Return the document as JSON, on one line."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # half of a surrogate pair, in metadata that another program has written: JSON can express it as an escape only
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def image_document(image: Image, caller: Caller) -> ImageDocument:
    """Return what this caller may see of an image."""
    document: ImageDocument = {
        "key": image.key,
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256 or None,
        "added": rfc3339(image.added),
        "meta": dict(image.meta),
    }
    if "admin" in caller.scopes:
        document["source"] = dict(image.source)
    return document


def stored_document(image: Image, signatures: Mapping[str, str], caller: Caller) -> StoredDocument:
    """Return what this caller may see of an image, with its signatures."""
    return {**image_document(image, caller), "signatures": dict(signatures)}


def image_of(record: Record) -> Image:
    """Return the image that the index has once this record is written."""
    return Image(
        record.key,
        record.width,
        record.height,
        hex_of(record.sha256),
        record.order[0],
        record.meta or {},
        record.source or {},
    )


def signatures_of(record: Record, families: tuple[Family, ...]) -> dict[str, str]:
    """Return the record's signatures as text."""
    rows = record.rows or {}
    return {family.name: family.format(rows[family.name]) for family in families}


def hit_document(rank: int, hit: Hit, caller: Caller, template: LinkTemplate | None = None) -> HitDocument:
    """Return what this caller may see of a hit; with a link that is made by the template."""
    link = None if template is None else template.link(hit.image)
    document: dict[str, Any] = {
        **image_document(hit.image, caller),
        "rank": rank,
        "score": hit.score,
        "distance": hit.distance,
        "orientation": hit.variant,
        "family": hit.family,
        "false_rate": hit.false_rate,
        "confidence": hit.confidence,
        "is_match": hit.is_match,
        "reason": hit.reason,
        "families": [{"family": each.family, "score": each.score, "distance": each.distance} for each in hit.families],
        **({} if hit.overlap is None else {"overlap": overlap_document(hit.overlap)}),
        **({} if link is None else {"link": link}),
    }
    return cast(HitDocument, document)


def overlap_document(overlap: Overlap) -> OverlapDocument:
    """Return where two pictures show the same."""
    return {
        "stored": [list(corner) for corner in overlap.stored],
        "question": [list(corner) for corner in overlap.question],
        "share": overlap.share,
        "rotation": overlap.rotation,
        "scale": overlap.scale,
        "agreeing": overlap.agreeing,
    }


def not_asked_document(left_out: NotAsked) -> NotAskedDocument:
    """Return what a question left out."""
    return {
        "family": left_out.family,
        "reason": left_out.reason,
        "whole": left_out.whole,
        "bytes": left_out.fetched,
    }


def score_document(comparison: Comparison) -> ScoreDocument:
    """Return the score of two pictures by one family."""
    document: ScoreDocument = {
        "family": comparison.family,
        "score": comparison.score,
        "distance": comparison.distance,
        "is_match": comparison.is_match,
        "confidence": comparison.confidence,
        "reason": comparison.reason,
    }
    if comparison.overlap is not None:
        document["overlap"] = overlap_document(comparison.overlap)
    return document
