"""From an image to its signatures: one decode serves every family."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import TypeAlias

import numpy as np

from lookalike.signatures.computed import ComputedPicture, Signed, asked_of
from shards.errors import PictureError
from shards.families import Family, Row, Rows
from shards.pictures.decoding import Picture, PictureSettings, decode
from shards.pictures.decoding import thumbnail as draw
from shards.pictures.looks import Look
from shards.pictures.orientations import ORIENTATIONS
from shards.storage import originals

PictureLike: TypeAlias = Picture | bytes | memoryview | str | os.PathLike[str]
"""What signatures are computed of: a decoded picture, an encoded one, or the path of one."""


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


def question_rows(family: Family, given: Row | Rows) -> Rows:
    """Return the rows by which a family is asked, of what a question brings: those, or one that is stored."""
    rows: Rows = np.atleast_1d(given)
    return rows if rows.dtype == family.question_dtype else family.asked(rows)
