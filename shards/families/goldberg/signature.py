"""Computing of the values of a Goldberg signature from pixels.

Source: H. C. Wong, M. Bern and D. Goldberg, "An Image Signature for Any Kind of Image", ICIP 2002, with the constants
of image-match. All arithmetic is on integers, scaled so that nothing is rounded: equal differences stay equal, the
negative of a picture has exactly the negated signature, and every machine computes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, lcm
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.families.goldberg.greys import LARGEST_SUM, Greys, blocks
from shards.families.goldberg.grid import ALL_AROUND, SIDE, Grid

Window: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""((top, bottom), (left, right)) of a part of a picture."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """All that a signature depends on besides the picture. Only signatures with the same ones can be compared.

    The family has those of the paper and of image-match, which are the defaults.
    """

    side: int = SIDE
    """Number of grid points along a side, 2 or more."""

    crop: tuple[Fraction, Fraction] | None = (Fraction(5), Fraction(95))
    """Percentiles of the changes of brightness, from edge to edge, between which the grid is laid; None for all of the
    picture."""

    fix_ratio: bool = False
    """Lay the grid between the same two lines in both directions. Only for square pictures."""

    square: int | None = None
    """Side in pixels of the squares around grid points; None for a twentieth of the picture."""

    neighbours: tuple[tuple[int, int], ...] = ALL_AROUND

    same: Fraction = Fraction(2, 255)
    """Difference below which two means count as the same, as a share of white: 2 levels of 255."""

    levels: int = 2
    """Number of sizes of differences that are told apart."""

    @property
    def grid(self) -> Grid:
        """The comparisons."""
        return Grid.of(self.side, self.neighbours)


USUAL = Parameters()


def values(greys: Greys, parameters: Parameters = USUAL) -> NDArray[np.int8]:
    """Return (pairs,) int8, -2..2: how much brighter (+) or darker (-) each grid point is than a neighbour."""
    height, width = greys.levels.shape
    window: Window = ((0, height), (0, width))
    if parameters.crop is not None:
        window = crop_window(greys, *parameters.crop, fix_ratio=parameters.fix_ratio)
    rows, columns = (grid_lines(*limits, parameters.side) for limits in window)
    means, white = _means(greys, rows, columns, parameters.square)
    differences = parameters.grid.compare(means)
    sizes = np.abs(differences)
    sizes[sizes < ceil(parameters.same * white)] = 0
    ranks = np.zeros(len(sizes), np.int64)
    ranks[sizes > 0] = size_ranks(sizes[sizes > 0], white, parameters.levels)
    return np.where(differences < 0, -ranks, ranks).astype(np.int8)


def crop_window(greys: Greys, lower: Fraction, upper: Fraction, *, fix_ratio: bool = False) -> Window:
    """Return the part of the picture where brightness changes, without margins.

    `lower`, `upper`: percentiles of the changes that lie before it. `fix_ratio`: the longer side counts for both.
    """
    grey = greys.levels
    height, width = grey.shape
    across, down = np.zeros(height, np.int64), np.zeros(width, np.int64)
    for rows in blocks(height, width):
        across[rows] = np.abs(np.diff(grey[rows], axis=1)).sum(axis=1, dtype=np.int64)
        with_next = grey[rows.start : rows.stop + 1]
        down += np.abs(np.diff(with_next, axis=0)).sum(axis=0, dtype=np.int64)
    vertical, horizontal = (_middle(np.cumsum(changes), lower, upper) for changes in (across, down))
    if not fix_ratio:
        return vertical, horizontal
    longer = vertical if vertical[1] - vertical[0] > horizontal[1] - horizontal[0] else horizontal
    return longer, longer


def _middle(changes: NDArray[np.int64], lower: Fraction, upper: Fraction) -> tuple[int, int]:
    """Return the positions where the cumulated changes pass these percentiles of them."""
    low = int(np.searchsorted(changes, _percentile(changes, lower)[0], side="right"))
    high = int(np.searchsorted(changes, _percentile(changes, upper)[1], side="left"))
    if low > high:
        # hardly anything changes
        return int(len(changes) * lower / 100), int(len(changes) * upper / 100)
    return low, high


def _percentile(rising: NDArray[Any], percent: Fraction) -> tuple[int, int]:
    """Return a percentile of rising integers, rounded down and up; it lies between neighbours, in proportion."""
    last, whole = len(rising) - 1, 100 * percent.denominator
    below, part = divmod(last * percent.numerator, whole)
    low, high = int(rising[below]), int(rising[min(below + 1, last)])
    exact = low * whole + (high - low) * part
    return exact // whole, -(-exact // whole)


def grid_lines(low: int, high: int, side: int = SIDE) -> list[int]:
    """Return the inner ones of `side` + 2 evenly spaced coordinates."""
    # by the same function as image-match: on some grids, not the usual one, it is 1 below the exact quotient
    lines: list[int] = np.linspace(low, high, side + 2, dtype=int)[1:-1].tolist()
    return lines


def _means(greys: Greys, rows: Sequence[int], columns: Sequence[int], square: int | None) -> tuple[NDArray[Any], int]:
    """Return (points,) integers, the mean of the square around each grid point, and what they are for white."""
    sums, areas = square_sums(greys, rows, columns, square)
    # squares that an edge cuts off have other areas: the common denominator may be too large for an int64
    unit = lcm(*set(areas.tolist()))
    largest = unit * max(greys.white, int(np.abs(sums).max()))
    wide = sums.astype(np.int64 if 2 * largest < LARGEST_SUM else object)
    return wide * (unit // areas), unit * greys.white


def square_sums(
    greys: Greys, rows: Sequence[int], columns: Sequence[int], square: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sum of the square around each grid point, and its number of pixels: (points,) int64 both.

    A square that would lie outside of the picture, as on a grid for a picture of another shape, is moved to its edge.
    """
    height, width = greys.levels.shape
    side = max(2, (min(height, width) + 10) // 20) if square is None else square
    across = [_around(column, side, width) for column in columns]
    sums, areas = [], []
    for row in rows:
        top, bottom = _around(row, side, height)
        line = greys.levels[top:bottom]
        for left, right in across:
            sums.append(line[:, left:right].sum(dtype=np.int64))
            areas.append((bottom - top) * (right - left))
    return np.array(sums, np.int64), np.array(areas, np.int64)


def _around(coordinate: int, side: int, end: int) -> tuple[int, int]:
    """Return where a square around a coordinate begins and ends, in a picture that ends at `end`."""
    low = min(max(2 * coordinate - side, 0) // 2, end - 1)
    return low, min(low + side, end)


def size_ranks(sizes: NDArray[Any], white: int, levels: int = 2) -> NDArray[np.int64]:
    """Return (n,) int64 for n positive differences: 1 for the smallest of `levels` equal parts, up to `levels`.

    `white`: the difference between white and black.
    """
    ranks = np.zeros(len(sizes), np.int64)
    if not len(sizes):
        return ranks
    rising = np.sort(sizes)
    cuts = [_percentile(rising, Fraction(100 * cut, levels)) for cut in range(levels + 1)]
    written = sizes.copy()
    for rank, ((_, low), (high, _)) in enumerate(pairwise(cuts), 1):
        part = (written >= low) & (written <= high)
        ranks[part] = rank
        # image-match writes the ranks over the differences, in which white beside black is 1, part after part: if there
        # is such a difference, the last part includes 1, and with it every 1 that was just written
        written[part] = rank * white
    return ranks
