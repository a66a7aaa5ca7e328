"""Rows: what is stored of a picture, 629 bytes, and by what one is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Row, Rows
from shards.families.crops.features import Features
from shards.families.crops.working import Size

FEATURE = np.dtype([("code", "<u8"), ("x", "u1"), ("y", "u1"), ("packed", "u1", (3,))])
"""Type of a feature, 13 bytes. `x`, `y`: in 255ths of the picture's width and height. `packed`: 24 bits, little-endian:
sigma, angle and the three weak bits of the word (see `Features`), from the bits 0, 6, 12, 16 and 20 on."""

STORED = 48
"""Features of a stored row at most: with 32, 11 copies in a hundred fewer are found of crops by half."""

ASKED = 500
"""Features of a question's row at most."""

LONGEST_SIDE = 65_535
"""Pixels to which the sides of a working image are cut down in a row. Longer ones have no features."""

MIN_SHARE = 3
"""Percent of the stored picture that a part in common has at least, unless a question says otherwise: a caption, or the
interface around a picture, takes less."""

STORED_ROW = np.dtype(
    [("count", "u1"), ("width", "<u2"), ("height", "<u2"), ("features", "u1", (STORED, FEATURE.itemsize))]
)
"""Type of a stored row, 629 bytes. `count`: features; the bytes of the others are 0. `width`, `height`: size of the
working image in pixels. `features`: the bytes of FEATURE, since columns hold numbers and no records within records."""

QUESTION_ROW = np.dtype(
    [
        ("count", "<u2"),
        ("width", "<u2"),
        ("height", "<u2"),
        ("min_share", "u1"),
        ("flags", "u1"),
        ("features", "u1", (ASKED, FEATURE.itemsize)),
    ]
)
"""Type of a question's row, 6,508 bytes: as a stored row, and `min_share` in percent, see MIN_SHARE; `flags` are 0."""


def stored_row(features: Features, size: Size) -> Row:
    """Return the stored row of at most 48 features."""
    rows = np.zeros(1, STORED_ROW)
    _fill(rows, features, size)
    row: Row = rows[0]
    return row


def question_row(features: Features, size: Size) -> Row:
    """Return the question's row of at most 500 features."""
    rows = np.zeros(1, QUESTION_ROW)
    rows["min_share"] = MIN_SHARE
    _fill(rows, features, size)
    row: Row = rows[0]
    return row


def as_question(row: Row) -> Row:
    """Return a stored row as a question's."""
    rows = np.zeros(1, QUESTION_ROW)
    rows["min_share"] = MIN_SHARE
    for name in ("count", "width", "height"):
        rows[name] = row[name]
    rows["features"][0, :STORED] = row["features"]
    question: Row = rows[0]
    return question


def features_of(row: Row) -> NDArray[np.void]:
    """Return (n,) of FEATURE: the features that a row, of either type, has."""
    features: NDArray[np.void] = row["features"][: int(row["count"])].view(FEATURE)[:, 0]
    return features


def sigmas_and_angles(packed: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (…) int64 each: sigmas in eighths of octaves and angles in 64ths of a turn, of `packed` (…, 3)."""
    low, middle = packed[..., 0].astype(np.int64), packed[..., 1].astype(np.int64)
    return low & 63, low >> 6 | (middle & 15) << 2


def weak_bits(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return (…, 3) int64: the weak bits of each word, 0 to 15, of `packed` (…, 3)."""
    middle, high = packed[..., 1].astype(np.int64), packed[..., 2].astype(np.int64)
    return np.stack([middle >> 4, high & 15, high >> 4], axis=-1)


def _fill(rows: Rows, features: Features, size: Size) -> None:
    rows["count"] = len(features)
    rows["width"], rows["height"] = min(size.width, LONGEST_SIDE), min(size.height, LONGEST_SIDE)
    rows["features"][0, : len(features)] = _packed(features).view("u1").reshape(-1, FEATURE.itemsize)


def _packed(features: Features) -> NDArray[np.void]:
    """Return (n,) of FEATURE."""
    packed = np.zeros(len(features), FEATURE)
    packed["code"] = features.code
    for name, place in (("x", features.x), ("y", features.y)):
        packed[name] = np.clip(np.floor(place * np.float32(255) + np.float32(0.5)), 0, 255)
    bits = features.sigma | features.angle << 6
    for rank in range(features.weak.shape[1]):
        bits |= features.weak[:, rank] << (12 + 4 * rank)
    for byte in range(3):
        packed["packed"][:, byte] = bits >> (8 * byte) & 255
    return packed
