"""Looks of pictures: small copies of their pixels, by which two files are told to show the same or not.

Hashes only suggest that. Frames of a burst, icons that differ in a letter and pages of one layout have hashes that are
a few bits apart, as copies have. Here the pixels themselves are laid on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shards.pictures.picture import Picture

SIDE = 256
"""Most pixels of a look across and down: a word on a page, or what moved in a burst, is still some pixels large."""

COLOURS = 32
"""Cells of the colours across and down."""

GRID = 32
"""Blocks across and down in which two looks are compared."""

RESIZED = 0.67
"""Pixels at which a picture is compared, for each of the smaller copy's: compression changes the finest detail, and
every way to resize leaves its own, rings along edges and half a pixel here and there."""

LEAST = 16
"""Pixels of the shorter side below which two pictures are too small to be told apart."""

GREY = 3.0
"""Mean distance of the colours from grey, up to which a picture counts as grey: JPEG adds 1 or 2."""

ASPECT = 0.015
"""Share by which the ratios of the sides may differ, beside a pixel of rounding."""

GAIN = (0.8, 1.25)
"""Least and greatest contrast of a copy, as a multiple of the other's."""

OFFSET = 48.0
"""Levels by which a copy may be brighter or darker."""

CORRELATION = 0.97
"""Least correlation of the pixels."""

NOISE = 5.0
"""Levels (root of the mean square in a block) that compression may change anywhere. JPEG of quality 40 changes 4."""

SHARE = 0.35
"""Share of the contrast around a block that resizing may change in it. What is replaced changes 1.4 of it."""

COLOUR = 22.0
"""Levels by which a cell's colour may differ, where both are coloured."""


@dataclass(frozen=True, slots=True)
class Look:
    """The pixels of a picture, made small."""

    width: int
    """Pixels of the picture itself."""

    height: int

    luma: NDArray[np.uint8]
    """(down, across) uint8: means of the luma; up to SIDE each way, never enlarged."""

    colours: NDArray[np.int8]
    """(2, COLOURS, COLOURS) int8: means of red and of blue, less the luma, halved."""

    @property
    def is_grey(self) -> bool:
        return float(np.abs(self.colours.astype(np.float32)).mean()) * 2 <= GREY

    def to_bytes(self) -> bytes:
        """Return the pixels as bytes; `size_of` says how many."""
        return self.luma.tobytes() + self.colours.tobytes()

    @classmethod
    def of(cls, picture: Picture) -> Look:
        """Return the look of a picture."""
        luma = _reduced(picture.luma, min(SIDE, picture.height), min(SIDE, picture.width))
        small = [_reduced(picture.rgb[:, :, channel], COLOURS, COLOURS) for channel in (0, 2)]
        grey = _reduced(picture.luma, COLOURS, COLOURS)
        colours = np.stack([np.rint((channel - grey) / 2) for channel in small]).clip(-128, 127).astype(np.int8)
        return cls(picture.width, picture.height, np.rint(luma).astype(np.uint8), colours)

    @classmethod
    def from_bytes(cls, width: int, height: int, data: bytes) -> Look:
        """Return the look that `to_bytes` wrote. Raises ValueError for another number of bytes."""
        if len(data) != size_of(width, height):
            raise ValueError(f"{len(data):,} bytes are no look of {width} × {height} pixels")
        down, across = min(SIDE, height), min(SIDE, width)
        luma = np.frombuffer(data, np.uint8, down * across).reshape(down, across)
        colours = np.frombuffer(data, np.int8, offset=down * across).reshape(2, COLOURS, COLOURS)
        return cls(width, height, luma, colours)


def size_of(width: int, height: int) -> int:
    """Return the bytes of the look of a picture of so many pixels."""
    return min(SIDE, height) * min(SIDE, width) + 2 * COLOURS * COLOURS


@dataclass(frozen=True, slots=True)
class Sameness:
    """The result of laying two looks on each other."""

    is_same: bool

    correlation: float
    """-1 to 1, of the luma."""

    worst: float
    """The largest difference in a block, in what is allowed there: above 1 is too much."""

    why_not: str | None
    """What tells the pictures apart; None where they are the same."""


def compared(first: Look, second: Look) -> Sameness:
    """Tell whether two pictures show the same: re-encoded, resized, made grey, a little brighter, but nothing else."""
    if _sides_differ(first, second):
        return Sameness(False, 0.0, np.inf, "the sides have another ratio")
    down = _common(first.height, second.height)
    across = _common(first.width, second.width)
    if min(down, across) < LEAST:
        return Sameness(False, 0.0, np.inf, "the pictures are too small")
    a, b = (_reduced(look.luma, down, across) for look in (first, second))
    a_deep, b_deep = a - a.mean(), b - b.mean()
    a_power, b_power = float((a_deep * a_deep).mean()), float((b_deep * b_deep).mean())
    if min(a_power, b_power) < 1.0:
        return Sameness(False, 0.0, np.inf, "a picture is flat")
    covariance = float((a_deep * b_deep).mean())
    correlation = covariance / float(np.sqrt(a_power * b_power))
    gain, offset = covariance / a_power, float(b.mean() - a.mean())
    worst = _worst(a_deep * gain, b_deep)
    why_not = None
    if correlation < CORRELATION:
        why_not = "the pixels do not correlate"
    elif not GAIN[0] <= gain <= GAIN[1] or abs(offset) > OFFSET:
        why_not = "brightness or contrast differ"
    elif worst > 1:
        why_not = "a part differs"
    elif not (first.is_grey or second.is_grey) and _colours_differ(first, second):
        why_not = "the colours differ"
    return Sameness(why_not is None, correlation, worst, why_not)


def _common(length: int, other: int) -> int:
    """Return the pixels of a side at which two pictures are compared whose sides are so long."""
    smaller = min(length, other)
    return min(SIDE, max(min(smaller, 2 * LEAST), int(smaller * RESIZED)))


def _sides_differ(first: Look, second: Look) -> bool:
    """Return whether no resizing makes one picture of the other, rounded to whole pixels."""
    ratio = (first.width * second.height) / (first.height * second.width)
    rounding = 1 / min(first.width, first.height, second.width, second.height)
    return bool(abs(np.log(ratio)) > ASPECT + rounding)


def _colours_differ(first: Look, second: Look) -> bool:
    apart = np.abs(first.colours.astype(np.float32) - second.colours.astype(np.float32)) * 2
    # a share of the cells may lie on an edge that resizing has moved by half a pixel
    return float(np.quantile(apart.max(axis=0), 0.98)) > COLOUR


def _worst(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the largest difference in a block as a multiple of what is allowed there."""
    down, across = (min(GRID, length // 4) for length in a.shape)
    difference = np.sqrt(_reduced((a - b) ** 2, down, across))
    means = _reduced(a, down, across)
    # the contrast of a block and of those around it: an edge at its border counts
    variance = np.maximum(_reduced(a * a, down, across) - means**2, 0.0)
    around = np.maximum(_around(variance), _around(means**2) - _around(means) ** 2)
    return float((difference / (NOISE + SHARE * np.sqrt(np.maximum(around, 0.0)))).max())


def _around(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each cell and its eight neighbours."""
    padded = np.pad(cells, 1, mode="edge")
    down, across = cells.shape
    total = np.zeros_like(cells)
    for y in range(3):
        for x in range(3):
            total += padded[y : y + down, x : x + across]
    return total / np.float32(9)


def _reduced(pixels: NDArray[np.generic], down: int, across: int) -> NDArray[np.float32]:
    """Return (down, across) float32: means over equal rectangles of the pixels."""
    by_rows = _weights(pixels.shape[0], down) @ _narrowed(pixels, across)
    return np.asarray(by_rows, np.float32)


def _narrowed(pixels: NDArray[np.generic], across: int) -> NDArray[np.float32]:
    height, width = pixels.shape
    weights = _weights(width, across).T
    narrowed = np.empty((height, across), np.float32)
    for top in range(0, height, 256):
        narrowed[top : top + 256] = pixels[top : top + 256].astype(np.float32) @ weights
    return narrowed


@lru_cache(maxsize=64)
def _weights(length: int, parts: int) -> NDArray[np.float32]:
    """Return (parts, length) float32: the share of each pixel in the mean of each part."""
    edges = np.arange(parts + 1) * (length / parts)
    places = np.arange(length)
    overlap = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    weights = np.clip(overlap, 0.0, 1.0) * (parts / length)
    return np.asarray(weights, np.float32)
