"""From an image to its signatures: one decode serves every family."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.signatures.computed import ComputedPicture, Signed, asked_of
from shards.errors import PictureError
from shards.families import DEFAULT, Family, Row, Rows, structure
from shards.families import family as named
from shards.pictures.decoding import Picture, PictureSettings, decode
from shards.pictures.decoding import thumbnail as draw
from shards.pictures.looks import Look
from shards.pictures.orientations import ORIENTATIONS
from shards.storage import originals

PictureLike: TypeAlias = Picture | bytes | memoryview | str | os.PathLike[str]
"""What signatures are computed of: a decoded picture, an encoded one, or the path of one."""


FIRST_AND_SECOND = ("the first picture", "the second picture")
"""What the two pictures of a comparison are called."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The likeness of two pictures, as one family sees it."""

    family: str

    score: float
    """0 to 100; 100 means the same."""

    distance: float | None
    """In the family's own unit; None where it has none."""

    is_match: bool
    """Whether the score reaches the usual threshold and neither picture is flat, or the files are identical."""

    reason: str | None = None
    """Why it is a match, or none, where the score alone does not say it."""


def load(image: PictureLike, settings: PictureSettings) -> Picture:
    """Return the decoded picture. Raises PictureError, which names the file where there is one."""
    return _loaded(image, settings)[0]


def load_known(image: PictureLike, settings: PictureSettings) -> tuple[Picture, bytes]:
    """Return the decoded picture and the SHA-256 of its file, or of its pixels where these alone were given.

    Raises PictureError as `load` does.
    """
    picture, data = _loaded(image, settings)
    if data is None:
        data = repr(picture.rgb.shape).encode() + picture.rgb.tobytes()
    return picture, sha256(data).digest()


def _loaded(image: PictureLike, settings: PictureSettings) -> tuple[Picture, bytes | memoryview | None]:
    """Return the decoded picture and the bytes of its file; None where its pixels alone were given."""
    if isinstance(image, Picture):
        return image, None
    if isinstance(image, bytes | memoryview):
        with memory_suffices_for(image):
            return decode(image, settings), image
    try:
        data = originals.read_file(image, settings.max_bytes)
        with memory_suffices_for(data):
            return decode(data, settings), data
    except PictureError as error:
        if str(image) in str(error):
            raise
        raise PictureError(error.reason, f"{image}: {error}") from error


def compute_signatures(picture: Picture, families: Iterable[Family]) -> dict[str, Row]:
    """Return the picture's signature in each family, by name."""
    return {kind.name: kind.compute(picture) for kind in families}


def compute_question(
    picture: Picture, families: Sequence[Family], *, orientations: bool = False, digest: bytes = b""
) -> Signed:
    """Return the question for this picture, in these families; `orientations`: in all eight. `digest`: of its file."""
    shown, *others = [
        {kind.name: kind.compute_both(background) for kind in families} for background in picture.backgrounds()
    ]
    stored = [{name: row for name, (row, _) in each.items()} for each in (shown, *others)]
    rows, over_black = stored if others else (*stored, {})
    asked = [{name: np.concatenate([each[name][1] for each in (shown, *others)]) for name in shown}]
    for number in range(1, len(ORIENTATIONS) if orientations else 1):
        # one at a time: the eight pictures together would be eight times as large
        backgrounds = picture.turned(number + 1).backgrounds()
        asked.append(
            {
                kind.name: np.concatenate([kind.questions(background) for background in backgrounds])
                for kind in asked_of(families, number)
            }
        )
    return Signed(tuple(asked), rows, over_black, digest)


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
    return ComputedPicture(
        picture.width,
        picture.height,
        digest,
        drawn,
        question.rows,
        question.orientations,
        question.over_black,
    )


def compute_thumbnail(
    data: bytes | memoryview, settings: PictureSettings, side: int, *, max_cost: float = math.inf
) -> ComputedPicture:
    """Decode a picture, and draw it as a WebP file of at most `side` × `side` pixels. Raises PictureError."""
    with memory_suffices_for(data):
        picture = decode(data, settings, max_cost=max_cost)
        return ComputedPicture(picture.width, picture.height, b"", draw(picture, side))


def compute_look(data: bytes | memoryview, settings: PictureSettings, *, max_cost: float = math.inf) -> ComputedPicture:
    """Decode a picture, and make its pixels small, to be compared with others. Raises PictureError."""
    with memory_suffices_for(data):
        picture = decode(data, settings, max_cost=max_cost)
        return ComputedPicture(picture.width, picture.height, b"", None, look=Look.of(picture))


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


def compare_signed(
    families: Sequence[Family], a: Signed, b: Signed, thresholds: Mapping[str, float] | None = None
) -> list[Comparison]:
    """Compare two pictures, family by family. Of both, stored rows of these families have to be known.

    `thresholds`: by family, the score of a match, where it is not the family's own `match_score`. Rows of other
    families, where both have them, help to tell what is flat.
    """
    is_identical = a.sha256 == b.sha256 != b""
    pairs = [(first, second) for first in a.backgrounds() for second in b.backgrounds()]
    return [
        _compare(kind, pairs, is_identical, (thresholds or {}).get(kind.name, kind.match_score)) for kind in families
    ]


def _compare(
    family: Family, pairs: Sequence[tuple[Signed, Signed]], is_identical: bool, threshold: float
) -> Comparison:
    """Compare two pictures, of which these are pairs of what they look like over each background.

    The best score over the pairs is told, but that of a pair of which one is flat only where there is no other.
    """
    seen = []
    for first, second in pairs:
        score = _score(family, first, second)
        if not family.asks_as_it_stores:
            score = max(score, _score(family, second, first))
        why_not = structure.why_not(is_flat(family, first.rows), is_flat(family, second.rows), FIRST_AND_SECOND)
        seen.append((why_not is None, score, why_not))
    _, score, why_not = max(seen, key=lambda pair: pair[:2])
    distance, reaches = family.distance_at(score), score >= threshold
    if reaches and why_not is None:
        return Comparison(family.name, score, distance, True)
    if is_identical:
        return Comparison(family.name, score, distance, True, structure.IDENTICAL)
    return Comparison(family.name, score, distance, False, why_not if reaches else None)


def is_flat(family: Family, rows: Mapping[str, Row]) -> bool:
    """Return whether a picture of these stored rows is flat, to the family itself or to the witnesses among all."""

    def of(kind: Family, wanted: NDArray[np.int64]) -> Rows:
        return np.array([rows[kind.name]], kind.dtype)[wanted]

    itself = bool(family.is_flat(of(family, np.arange(1)))[0])
    return itself or bool(structure.are_flat([*map(named, rows)], of, 1)[0])


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
    asked = [named(name) for name in asked_to_compare(families)]

    def question(image: PictureLike) -> Signed:
        picture, digest = load_known(image, settings or PictureSettings())
        return compute_question(picture, asked, digest=digest)

    return compare_signed([named(name) for name in families], question(a), question(b))


def asked_to_compare(families: Sequence[str]) -> list[str]:
    """Return the families whose rows a comparison in these needs: these, and those that tell what is flat."""
    return [*families, *(name for name in structure.WITNESSES[0] if name not in families)]
