"""Computing of the values of a Goldberg signature from pixels.

Source: H. C. Wong, M. Bern and D. Goldberg, "An Image Signature for Any Kind of Image", ICIP 2002, with the constants
of image-match. All arithmetic is on integers, scaled so that nothing is rounded: equal differences stay equal, the
negative of a picture has exactly the negated signature, and every machine computes the same.
"""

from __future__ import annotations

from math import lcm

import numpy as np
from numpy.typing import NDArray

from shards.families.goldberg.grid import OTHERS, POINTS, SIDE

GREY = np.array([2125, 7154, 721], np.float32)
"""Weights of red, green and blue, × 10,000 (ITU-R 709). In float32 the matrix product is fast, and exact: no sum
reaches 2^24."""

WHITE = 255 * 10_000
"""Value of white in a grey picture."""

SAME = 2 * 10_000
"""Difference below which two means count as the same: 2 levels of 255."""

LOWER, UPPER = 5, 95
"""Percentiles of the changes of brightness, from edge to edge, between which the grid is laid."""

BLOCK_PIXELS = 1 << 18
"""Pixels converted at a time: their float32 RGB is 3 MB, that of a whole photograph would be hundreds of MB."""


def to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Convert (height, width, 3) to grey, (height, width) int32, 0..WHITE."""
    height, width, _ = rgb.shape
    grey = np.empty((height, width), np.int32)
    for rows in _blocks(height, width):
        grey[rows] = rgb[rows].astype(np.float32) @ GREY
    return grey


def crop_window(grey: NDArray[np.int32]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return ((top, bottom), (left, right)): the part of the picture where brightness changes, without margins."""
    height, width = grey.shape
    across, down = np.zeros(height, np.int64), np.zeros(width, np.int64)
    for rows in _blocks(height, width):
        across[rows] = np.abs(np.diff(grey[rows], axis=1)).sum(axis=1, dtype=np.int64)
        with_next = grey[rows.start : rows.stop + 1]
        down += np.abs(np.diff(with_next, axis=0)).sum(axis=0, dtype=np.int64)
    return _middle(np.cumsum(across)), _middle(np.cumsum(down))


def _blocks(height: int, width: int) -> list[slice]:
    """Return the rows of a picture in blocks of about BLOCK_PIXELS."""
    rows = max(1, BLOCK_PIXELS // width)
    return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]


def _middle(changes: NDArray[np.int64]) -> tuple[int, int]:
    """Return the positions where the cumulated changes pass their 5th and 95th percentile.

    Percentiles interpolate between neighbours. In hundredths of the changes, as they are compared, they are integers.
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
    """Return the 9 inner of 11 evenly spaced coordinates."""
    return [low + (high - low) * step // (SIDE + 1) for step in range(1, SIDE + 1)]


def values(rgb: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return (272,) int8, -2..2: how much brighter (+) or darker (-) each grid point is than a neighbour."""
    grey = to_grey(rgb)
    (top, bottom), (left, right) = crop_window(grey)
    means, unit = _means(grey, grid_lines(top, bottom), grid_lines(left, right))
    return _levels(means[POINTS] - means[OTHERS], unit)


def _means(grey: NDArray[np.int32], rows: list[int], columns: list[int]) -> tuple[NDArray[np.int64], int]:
    """Return (81,) int64, the mean of the square around each grid point times a unit; and the unit.

    The grid stays so far from the lower and right edges that only the 2 × 2 squares of tiny pictures are cut off there.
    The means of those have denominators of 1, 2 and 4; the unit is the common one.
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
    """Return (n,) int8 for differences times `unit`: 0 = same, ±1 = the smaller half of the others, ±2 = the larger."""
    sizes = np.abs(differences)
    sizes[sizes < SAME * unit] = 0
    changes = np.sort(sizes[sizes > 0])
    levels = np.zeros(len(sizes), np.int8)
    if not len(changes):
        return levels
    # of an even number of changes the median is half way between the middle two: the lower one separates the same
    median = changes[(len(changes) - 1) // 2]
    levels[sizes > 0] = 1
    # image-match writes the levels over the differences, in which white beside black is 1, one level after the other:
    # if there is such a difference, the larger half includes 1, and with it every level 1 that was just written
    levels[sizes > (0 if changes[-1] == WHITE * unit else median)] = 2
    return np.where(differences < 0, -levels, levels).astype(np.int8)
