"""From an image to its signatures: one decode serves every family."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from shards.errors import PictureError
from shards.families import DEFAULT, Family, Row, family
from shards.pictures.decoding import Picture, PictureSettings, decode
from shards.pictures.decoding import thumbnail as draw
from shards.table.format.records import Order, Record

Image: TypeAlias = Picture | bytes | memoryview | str | os.PathLike[str]
"""What can be signed: a decoded picture, an encoded one, or the path of one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How alike two pictures are to one family. `is_match`: whether the score reaches the family's usual bar."""

    family: str
    score: float
    distance: float | None
    is_match: bool


def read(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """The bytes of a file. Raises PictureError where there are none, or too many."""
    try:
        size = Path(path).stat().st_size
        if size > max_bytes:
            raise PictureError("too_large_bytes", f"{path} has {size:,} bytes, the limit is {max_bytes:,}")
        return Path(path).read_bytes()
    except OSError as error:
        raise PictureError("unreadable", f"{path}: {error.strerror or error}") from error


def load(image: Image, settings: PictureSettings) -> Picture:
    """The picture. Raises PictureError, which names the file where there is one."""
    if isinstance(image, Picture):
        return image
    if isinstance(image, bytes | memoryview):
        return decode(image, settings)
    try:
        return decode(read(image, settings.max_bytes), settings)
    except PictureError as error:
        if str(image) in str(error):
            raise
        raise PictureError(error.reason, f"{image}: {error}") from error


def sign(picture: Picture, families: Iterable[Family]) -> dict[str, Row]:
    """The picture's signature in each family, by name."""
    return {one.name: one.compute(picture) for one in families}


def record(
    key: str,
    data: bytes | memoryview,
    *,
    order: Order,
    families: Sequence[Family],
    settings: PictureSettings,
    thumbnail: int = 0,
    meta: Mapping[str, Any] | None = None,
    source: Mapping[str, Any] | None = None,
) -> Record:
    """What an index stores of an encoded image. `thumbnail`: its longer side in pixels, or 0. Raises PictureError."""
    picture = decode(data, settings)
    return Record(
        key=key,
        order=order,
        sha256=sha256(data).digest(),
        width=picture.width,
        height=picture.height,
        meta=meta,
        source=source,
        rows=sign(picture, families),
        thumbnail=draw(picture, thumbnail) if thumbnail else None,
    )


def compare_rows(families: Iterable[Family], a: Mapping[str, Row], b: Mapping[str, Row]) -> list[Comparison]:
    """How alike two signed pictures are, to each family."""
    found = []
    for one in families:
        score = float(one.score(a[one.name], np.array([b[one.name]], one.dtype))[0])
        found.append(Comparison(one.name, score, one.distance_at(score), score >= one.match_score))
    return found


def compare(
    a: Image, b: Image, *, families: Sequence[str] = DEFAULT, settings: PictureSettings | None = None
) -> list[Comparison]:
    """How alike two images are, to each of these families. No index is needed. Raises PictureError."""
    signers = [family(name) for name in families]
    pictures = [load(image, settings or PictureSettings()) for image in (a, b)]
    rows = [sign(picture, signers) for picture in pictures]
    return compare_rows(signers, rows[0], rows[1])
