"""The working image: a picture's luma, brought to a certain number of pixels.

Every value is a sum of float32 products in a fixed order, so it has the same bits everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.crops.scratch import SCRATCH

RED, GREEN, BLUE, WHOLE = 77, 150, 29, 256
"""Weights of the colours in luma: their sum is `WHOLE`, and a pixel's luma times it fits 16 bits."""

LARGEST_FACTOR = 2.0
"""Small pictures are enlarged, but beyond this there is nothing more to be found."""

SOURCE_PIXELS = 1 << 17
"""Pixels of the picture that are read at a time: their luma, at 8 bytes each, stays in a core's second cache."""

STRIP_PIXELS = 1 << 18
"""Pixels of the picture's width times lines of the working image that are held at a time."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a working image in pixels."""

    width: int
    height: int

    @classmethod
    def of(cls, width: int, height: int, area: int) -> Size:
        """Return the size for a picture of `width` × `height` pixels: about `area` pixels of the same shape."""
        factor = min(math.sqrt(area / (height * width)), LARGEST_FACTOR)
        return cls(max(1, round(width * factor)), max(1, round(height * factor)))


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """How the pixels of a line become those of a shorter or longer one: sums of a few, each with its weight."""

    pixels: NDArray[np.int64]
    """(taps, size): which pixels of the line; rising along both axes."""

    weights: NDArray[np.int64]
    """(taps, size): in parts of `whole`."""

    whole: int

    @classmethod
    def of(cls, length: int, size: int) -> Taps:
        """Return the taps from `length` pixels to `size`.

        A shorter line has the exact averages of what each of its pixels covers. A longer one is interpolated between
        two neighbours with the centres aligned: averages would be steps, in which flat pictures have keypoints.
        """
        if size > length:
            twice = 2 * size
            at = (2 * np.arange(size) + 1) * length - size
            low = at // twice
            share = at - low * twice
            return cls(np.clip(np.stack([low, low + 1]), 0, length - 1), np.stack([twice - share, share]), twice)
        start = np.arange(size) * length
        stop = start + length
        first = start // size
        most = int(((stop - 1) // size - first).max()) + 1
        pixels = first + np.arange(most)[:, None]
        covered = np.minimum(stop, (pixels + 1) * size) - np.maximum(start, pixels * size)
        return cls(np.minimum(pixels, length - 1), np.maximum(covered, 0), length)

    def shares(self, unit: int) -> NDArray[np.float32]:
        """Return the weights as shares of `unit` wholes."""
        return (self.weights / (self.whole * unit)).astype(np.float32)


def working_image(rgb: NDArray[np.uint8], size: Size) -> NDArray[np.float32]:
    """Return (height, width) float32 of this size, 0 to 255, of (height, width, 3) pixels in any memory order.

    First the lines are averaged, then the columns. Temporaries are a few MB, whatever the size of the picture. The
    image lies in scratch memory: it is valid until the thread makes the next one.
    """
    down, across = Taps.of(rgb.shape[0], size.height), Taps.of(rgb.shape[1], size.width)
    weights_down, weights_across = down.shares(WHOLE), across.shares(1)
    image = SCRATCH.array("working image", (size.height, size.width), np.float32)
    lines = max(1, STRIP_PIXELS // rgb.shape[1])
    for top in range(0, size.height, lines):
        strip = slice(top, min(top + lines, size.height))
        averaged = _average_lines(rgb, down.pixels[:, strip], weights_down[:, strip])
        image[strip] = _average_columns(averaged, across.pixels, weights_across)
    return image


def _average_lines(
    rgb: NDArray[np.uint8], pixels: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return (lines, width) float32: luma of the lines that these taps make of a picture's lines."""
    width, count = rgb.shape[1], pixels.shape[1]
    lines = SCRATCH.array("lines", (count, width), np.float32)
    read_for_each = (int(pixels[-1, -1]) + 1 - int(pixels[0, 0])) / count
    columns = max(1, min(width, int(SOURCE_PIXELS / (read_for_each + len(pixels)))))
    at_a_time = max(1, int(SOURCE_PIXELS / (columns * read_for_each)))
    for top in range(0, count, at_a_time):
        some = slice(top, min(top + at_a_time, count))
        low, high = int(pixels[0, top]), int(pixels[-1, some.stop - 1]) + 1
        for left in range(0, width, columns):
            part = slice(left, min(left + columns, width))
            luma = _luma(rgb[low:high, part])
            _add_taps(luma, pixels[:, some] - low, weights[:, some], lines[some, part])
    return lines


def _average_columns(
    lines: NDArray[np.float32], pixels: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return (lines, columns) float32 of the columns that these taps make of those of the lines."""
    turned = SCRATCH.array("turned lines", lines.shape[::-1], np.float32)
    turned[:] = lines.T
    columns = SCRATCH.array("columns", (pixels.shape[1], len(lines)), np.float32)
    _add_taps(turned, pixels, weights, columns)
    return columns.T


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (height, width) float32: luma × `WHOLE`, exactly."""
    shape = rgb.shape[:2]
    luma = SCRATCH.array("luma", shape, np.uint16)
    part = SCRATCH.array("part of luma", shape, np.uint16)
    np.multiply(rgb[:, :, 0], np.uint16(RED), out=luma)
    for channel, weight in ((1, GREEN), (2, BLUE)):
        np.multiply(rgb[:, :, channel], np.uint16(weight), out=part)
        luma += part
    floats = SCRATCH.array("luma in floats", shape, np.float32)
    floats[:] = luma
    return floats


def _add_taps(
    lines: NDArray[np.float32], pixels: NDArray[np.int64], weights: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Write the weighted sums of lines to `out`, the first tap first."""
    part: NDArray[Any] = SCRATCH.array("tap", out.shape, np.float32)
    for tap, (line, weight) in enumerate(zip(pixels, weights, strict=True)):
        np.take(lines, line, axis=0, out=part, mode="clip")
        if tap:
            part *= weight[:, None]
            out += part
        else:
            np.multiply(part, weight[:, None], out=out)
