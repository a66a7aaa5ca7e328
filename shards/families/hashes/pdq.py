"""PDQ, the 256-bit hash of ThreatExchange.

Source: Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019. Computed as in the
reference implementation in C++: in float32 and in its order of additions, so every bit is the same.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from shards.errors import SignatureError
from shards.families.base import Row, Rows
from shards.families.hashes.hamming import HammingFamily, number_of, words_of, words_of_number
from shards.families.hashes.jarosz import SIDE, downscale
from shards.pictures.decoding import Picture

SMALLEST = 5
"""Pixels of a side below which a picture has no hash: all bits 0, and quality 0."""

FREQUENCIES = 16
"""Frequencies in each direction that make the bits."""

RELIABLE = 50
"""Quality from which on the authors of PDQ use a hash at all."""

LUMA_ROWS = 64
"""Rows of a picture converted at a time, so that temporaries in float64 stay small."""

COSINES = (
    np.float64(np.float32(np.sqrt(2.0 / SIDE)))
    * np.cos(np.pi / 2 / SIDE * np.arange(1, FREQUENCIES + 1)[:, None] * (2 * np.arange(SIDE) + 1))
).astype(np.float32)
"""(16, 64) float32: frequencies 1 to 16 of the DCT of type II over 64 pixels; the mean is left out."""


class Pdq(HammingFamily):
    """A hash of 256 bits, and a quality from 0 to 100 that says how much structure the picture has.

    **A hash of quality 49 or less is unreliable**: such pictures are nearly plain, and alike without showing the same.
    The usual threshold for the same picture is 31 bits of 256. Measured, one pair of strangers in a million is within
    71 bits, which is what counts as a match here.

    Row: `hash`, 4 words `<u8`, and `quality` u1. Text: the 64 hexadecimal digits that the reference's tools print, the
    highest frequencies (row 15, column 15) first, then `:` and the quality in three digits, `f8f8…:087`. The 64 digits
    alone are taken for quality 100, since databases of known hashes hold reliable ones.
    """

    name = "pdq"
    version = 1
    bits = FREQUENCIES * FREQUENCIES
    dtype = np.dtype([("hash", "<u8", (4,)), ("quality", "u1")])

    def __init__(self) -> None:
        self.match_score = self.match_score_measured()

    def compute(self, picture: Picture) -> Row:
        if min(picture.height, picture.width) < SMALLEST:
            return self._row(np.zeros(4, np.uint64), 0)
        small = downscale(lambda top, bottom: _luma(picture.rgb[top:bottom]), picture.height, picture.width)
        frequencies = _products(_products(small.T, COSINES).T, COSINES)
        # the lower of the two middle values, as Torben's method finds it
        median = np.sort(frequencies, axis=None)[self.bits // 2 - 1]
        return self._row(words_of((frequencies > median)[::-1, ::-1]), _quality(small))

    def parse(self, text: str) -> Row:
        parts = re.fullmatch(r"([0-9a-fA-F]{64})(?::([0-9]{3}))?", text)
        if parts is None or int(parts[2] or 100) > 100:
            raise SignatureError(
                f"{text[:80]!a} is no pdq: that is 64 hexadecimal digits, and optionally ':' and the quality "
                "from 000 to 100"
            )
        return self._row(words_of_number(int(parts[1], 16), 4), int(parts[2] or 100))

    def format(self, row: Row) -> str:
        return f"{number_of(row['hash']):064x}:{int(row['quality']):03d}"

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        """Return (rows,) bool: hashes of quality 49 or less, and hashes without a bit, whatever their quality."""
        flat: NDArray[np.bool_] = (rows["quality"] < RELIABLE) | (self.count_ones(rows) == 0)
        return flat

    def _row(self, words: NDArray[np.uint64], quality: int) -> Row:
        row: Row = np.array([(words, quality)], self.dtype)[0]
        return row


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (rows, columns) float32: ITU-R 601 luma, not rounded to whole numbers."""
    luma = np.empty(rgb.shape[:2], np.float32)
    for start in range(0, len(rgb), LUMA_ROWS):
        red, green, blue = np.moveaxis(rgb[start : start + LUMA_ROWS].astype(np.float64), 2, 0)
        luma[start : start + LUMA_ROWS] = red * 0.299 + green * 0.587 + blue * 0.114
    return luma


def _products(lines: NDArray[np.float32], cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return lines @ cosines.T in float32, added from the first pixel to the last; a BLAS has its own order."""
    products = np.zeros((len(lines), len(cosines)), np.float32)
    for pixel in range(SIDE):
        products += lines[:, pixel, None] * cosines[:, pixel]
    return products


def _quality(small: NDArray[np.float32]) -> int:
    """Return 0 to 100: the steps between neighbouring pixels, in whole percents of full contrast, added up, over 90."""
    steps = 0
    for axis in (0, 1):
        percent = np.diff(small, axis=axis) * np.float32(100) / np.float32(255)
        steps += int(np.abs(percent.astype(np.int32)).sum())
    return min(steps // 90, 100)
