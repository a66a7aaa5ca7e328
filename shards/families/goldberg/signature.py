"""From pixels to the values of a Goldberg signature.

After H. C. Wong, M. Bern and D. Goldberg, "An Image Signature for Any Kind of Image", ICIP 2002, with the
constants of image-match. All arithmetic is on integers, scaled so that nothing is rounded: equal differences are
equal, the negative of a picture has exactly the negated signature, and every machine computes the same.
"""

from __future__ import annotations

from math import lcm

import numpy as np
from numpy.typing import NDArray

from shards.families.goldberg.grid import OTHERS, POINTS, SIDE

GREY = np.array([2125, 7154, 721], np.float32)
"""Weights of red, green and blue, × 10,000 (ITU-R 709). With float32 the product of matrices is fast, and exact:
no sum reaches 2^24."""

WHITE = 255 * 10_000
"""Of a grey picture: the value of white."""

SAME = 2 * 10_000
"""Means that differ by less than 2 levels of 255 count as the same."""

LOWER, UPPER = 5, 95
"""Percent of the changes of brightness, from edge to edge, between which the grid is laid."""


BLOCK_PIXELS = 1 << 18
"""Pixels at a time: their float32 RGB is 3 MB, where that of a large photograph would be hundreds."""


def to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(height, width, 3) → (height, width) int32, 0..WHITE."""
    height, width, _ = rgb.shape
    grey = np.empty((height, width), np.int32)
    for rows in _blocks(height, width):
        grey[rows] = rgb[rows].astype(np.float32) @ GREY
    return grey


def crop_window(grey: NDArray[np.int32]) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)): where the picture's changes of brightness are, its plain margins left out."""
    height, width = grey.shape
    across, down = np.zeros(height, np.int64), np.zeros(width, np.int64)
    for rows in _blocks(height, width):
        across[rows] = np.abs(np.diff(grey[rows], axis=1)).sum(axis=1, dtype=np.int64)
        with_next = grey[rows.start : rows.stop + 1]
        down += np.abs(np.diff(with_next, axis=0)).sum(axis=0, dtype=np.int64)
    return _middle(np.cumsum(across)), _middle(np.cumsum(down))


def _blocks(height: int, width: int) -> list[slice]:
    """The rows of a picture in blocks of about BLOCK_PIXELS."""
    rows = max(1, BLOCK_PIXELS // width)
    return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]


def _middle(changes: NDArray[np.int64]) -> tuple[int, int]:
    """Where the cumulated changes pass their 5th and 95th percentile.

    The percentiles interpolate between neighbours; compared in hundredths of the changes, they are integers.
    """
    last = len(changes) - 1

    def percentile(percent: int) -> int:
        below, fraction = divmod(last * percent, 100)
        low, high = int(changes[below]), int(changes[min(below + 1, last)])
        return low * 100 + (high - low) * fraction

    low = int(np.searchsorted(changes * 100, percentile(LOWER), side="right"))
    high = int(np.searchsorted(changes * 100, percentile(UPPER), side="left"))
    if low > high:
        # hardly anything changes
        return len(changes) * LOWER // 100, len(changes) * UPPER // 100
    return low, high


def grid_lines(low: int, high: int) -> list[int]:
    """The 9 inner of 11 evenly spaced coordinates."""
    return [low + (high - low) * step // (SIDE + 1) for step in range(1, SIDE + 1)]


def values(rgb: NDArray[np.uint8]) -> NDArray[np.int8]:
    """(272,) int8, -2..2: how much brighter (+) or darker (-) each grid point is than a neighbour."""
    grey = to_grey(rgb)
    (top, bottom), (left, right) = crop_window(grey)
    means, unit = _means(grey, grid_lines(top, bottom), grid_lines(left, right))
    return _levels(means[POINTS] - means[OTHERS], unit)


def _means(grey: NDArray[np.int32], rows: list[int], columns: list[int]) -> tuple[NDArray[np.int64], int]:
    """(81,) int64: the mean of the square about each grid point, times the second result.

    The grid keeps so far from the lower and right edges that only the 2 × 2 squares of tiny pictures are cut off
    there. Their means have different denominators, 1, 2 and 4, and so a common one.
    """
    height, width = grey.shape
    side = max(2, (min(height, width) + 10) // 20)
    sums, areas = [], []
    for row in rows:
        top = max(2 * row - side, 0) // 2
        bottom = min(top + side, height)
        for column in columns:
            left = max(2 * column - side, 0) // 2
            right = min(left + side, width)
            sums.append(int(grey[top:bottom, left:right].sum(dtype=np.int64)))
            areas.append((bottom - top) * (right - left))
    unit = lcm(*areas)
    return np.array(sums) * (unit // np.array(areas)), unit


def _levels(differences: NDArray[np.int64], unit: int) -> NDArray[np.int8]:
    """(n,) int8 of differences times `unit`: 0 = same, ±1 = the smaller half of the others, ±2 = the larger half."""
    sizes = np.abs(differences)
    sizes[sizes < SAME * unit] = 0
    changes = np.sort(sizes[sizes > 0])
    levels = np.zeros(len(sizes), np.int8)
    if not len(changes):
        return levels
    # of an even number of changes the median lies half way between the middle two, where no change is
    median = changes[(len(changes) - 1) // 2]
    levels[sizes > 0] = 1
    # image-match writes the levels over the differences, one after the other. Where a white square lies beside a
    # black one the larger half reaches up to 1, and every 1 just written counts as part of it.
    levels[sizes > (0 if changes[-1] == WHITE * unit else median)] = 2
    return np.where(differences < 0, -levels, levels).astype(np.int8)
