"""From an image to its signatures: one decode serves every family."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

import numpy as np

from lookalike.signatures.computed import ComputedPicture, Signed, asked_of
from shards.errors import PictureError
from shards.families import DEFAULT, Family, Row, Rows, family
from shards.pictures.decoding import Picture, PictureSettings, decode
from shards.pictures.decoding import thumbnail as draw
from shards.pictures.orientations import ORIENTATIONS
from shards.storage import originals

PictureLike: TypeAlias = Picture | bytes | memoryview | str | os.PathLike[str]
"""What signatures are computed of: a decoded picture, an encoded one, or the path of one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The likeness of two pictures, as one family sees it."""

    family: str

    score: float
    """0 to 100; 100 means the same."""

    distance: float | None
    """In the family's own unit; None where it has none."""

    is_match: bool
    """Whether the score reaches the family's usual threshold."""


def load(image: PictureLike, settings: PictureSettings) -> Picture:
    """Return the decoded picture. Raises PictureError, which names the file where there is one."""
    if isinstance(image, Picture):
        return image
    if isinstance(image, bytes | memoryview):
        return decode(image, settings)
    try:
        return decode(originals.read_file(image, settings.max_bytes), settings)
    except PictureError as error:
        if str(image) in str(error):
            raise
        raise PictureError(error.reason, f"{image}: {error}") from error


def compute_signatures(picture: Picture, families: Iterable[Family]) -> dict[str, Row]:
    """Return the picture's signature in each family, by name."""
    return {kind.name: kind.compute(picture) for kind in families}


def compute_question(picture: Picture, families: Sequence[Family], *, orientations: bool = False) -> Signed:
    """Return the question for this picture, in these families; `orientations`: in all eight."""
    rows: dict[str, Row] = {}
    as_is: dict[str, Rows] = {}
    for kind in families:
        rows[kind.name], as_is[kind.name] = _row_and_questions(picture, kind)
    asked = [as_is]
    for number in range(1, len(ORIENTATIONS) if orientations else 1):
        # one at a time: the eight pictures together would be eight times as large
        turned = picture.turned(number + 1)
        asked.append({kind.name: _row_and_questions(turned, kind)[1] for kind in asked_of(families, number)})
    return Signed(tuple(asked), rows)


def _row_and_questions(picture: Picture, family: Family) -> tuple[Row, Rows]:
    """Return the row that would be stored of a picture, and those that ask for it over each background it shows on."""
    shown, *others = picture.backgrounds()
    row, rows = family.compute_both(shown)
    return row, np.concatenate([rows, *(family.questions(other) for other in others)])


def compute_picture(
    data: bytes | memoryview,
    families: Sequence[Family],
    settings: PictureSettings,
    *,
    thumbnail: int = 0,
    asked: Sequence[Family] = (),
    orientations: bool = False,
    max_cost: float = math.inf,
    digest: bytes | None = None,
) -> ComputedPicture:
    """Decode a picture once, and compute everything of it. Raises PictureError.

    `thumbnail`: its longer side in pixels, or 0 for none. `asked`: the families that are to be asked for the picture;
    then it is a question to them, with `orientations` in all eight, and not a record of all `families`. `max_cost`: as
    `decode` takes it. `digest`: the SHA-256 of the bytes, where it is known. The reason of the error is one of
    `decode`, or `memory` where the system or the limit of this process leaves too little.
    """
    with memory_suffices_for(data):
        picture = decode(data, settings, max_cost=max_cost)
        if asked:
            question = compute_question(picture, asked, orientations=orientations)
        else:
            question = Signed((), compute_signatures(picture, families))
        drawn = draw(picture, thumbnail) if thumbnail else None
    digest = sha256(data).digest() if digest is None else digest
    return ComputedPicture(picture.width, picture.height, digest, drawn, question.rows, question.orientations)


def compute_thumbnail(
    data: bytes | memoryview, settings: PictureSettings, side: int, *, max_cost: float = math.inf
) -> ComputedPicture:
    """Decode a picture, and draw it as a WebP file of at most `side` × `side` pixels. Raises PictureError."""
    with memory_suffices_for(data):
        picture = decode(data, settings, max_cost=max_cost)
        return ComputedPicture(picture.width, picture.height, b"", draw(picture, side))


@contextmanager
def memory_suffices_for(data: bytes | memoryview) -> Iterator[None]:
    """Raise PictureError, with the reason `memory`, where there is too little for what is computed of these bytes."""
    try:
        yield
    except (MemoryError, PictureError) as error:
        # the decoder calls whatever happens in it a damaged picture
        if isinstance(error, PictureError) and not isinstance(error.__cause__, MemoryError):
            raise
        size = memoryview(data).nbytes
        message = f"the memory does not suffice for this picture of {size:,} bytes; send a smaller copy"
        raise PictureError("memory", message) from error


def compare_signed(families: Iterable[Family], a: Signed, b: Signed) -> list[Comparison]:
    """Compare two pictures, family by family. Of both, stored rows of these families have to be known."""
    comparisons = []
    for kind in families:
        score = _score(kind, a, b)
        if not kind.asks_as_it_stores:
            score = max(score, _score(kind, b, a))
        comparisons.append(Comparison(kind.name, score, kind.distance_at(score), score >= kind.match_score))
    return comparisons


def _score(family: Family, question: Signed, stored: Signed) -> float:
    """Return the score of one picture where another is the question."""
    rows = question_rows(family, question.orientations[0][family.name])
    return float(family.score_asked(rows, np.array([stored.rows[family.name]], family.dtype))[0])


def question_rows(family: Family, given: Row | Rows) -> Rows:
    """Return the rows by which a family is asked, of what a question brings: those, or one that is stored."""
    rows: Rows = np.atleast_1d(given)
    return rows if rows.dtype == family.question_dtype else family.asked(rows)


def compare(
    a: PictureLike, b: PictureLike, *, families: Sequence[str] = DEFAULT, settings: PictureSettings | None = None
) -> list[Comparison]:
    """Compare two images in each of these families. No index is needed. Raises PictureError."""
    compared = [family(name) for name in families]
    pictures = [load(image, settings or PictureSettings()) for image in (a, b)]
    first, second = (compute_question(picture, compared) for picture in pictures)
    return compare_signed(compared, first, second)
