"""Grids of points, each compared with its neighbours: the values of a signature, and those that determine the others.

The comparisons are in order point by point, row by row, and for each point neighbour by neighbour. The comparison of a
point with its neighbour is the negated comparison of the neighbour with the point, and values beyond the edge of the
grid are 0. So the 648 values of the usual grid of 9 × 9 points with 8 neighbours follow from 272 of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 9
"""Number of grid points along a side of the usual grid."""

ALL_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""Offsets (down, right) of the neighbours in the order of a signature: upper left first, lower right last."""

STRAIGHT = tuple(offset for offset in ALL_AROUND if 0 in offset)
"""The neighbours but for the diagonal ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The comparisons of a grid, each pair of neighbours once: (pairs,) intp arrays."""

    values: int
    """Number of values of a whole signature."""

    points: NDArray[np.intp]
    """The point that comes first in the grid."""

    others: NDArray[np.intp]
    """The neighbour that it is compared with."""

    independent: NDArray[np.intp]
    """The position of the comparison among all values."""

    mirrored: NDArray[np.intp]
    """The position of its negation."""

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, side: int, neighbours: tuple[tuple[int, int], ...] = ALL_AROUND) -> Grid:
        """Return the grid of `side` × `side` points."""
        pairs = []
        for point in range(side * side):
            row, column = divmod(point, side)
            for place, (down, right) in enumerate(neighbours):
                inside = 0 <= row + down < side and 0 <= column + right < side
                neighbour = (row + down) * side + column + right
                if inside and neighbour > point:
                    value = point * len(neighbours) + place
                    # the neighbours are symmetric about their middle: the last offset is the opposite of the first
                    mirrored = neighbour * len(neighbours) + len(neighbours) - 1 - place
                    pairs.append((point, neighbour, value, mirrored))
        points, others, independent, mirrored_values = np.array(pairs, np.intp).T
        return cls(side * side * len(neighbours), points, others, independent, mirrored_values)

    def compare(self, levels: NDArray[Any]) -> NDArray[Any]:
        """Return (pairs,) differences of (points,) levels, of the same dtype."""
        differences: NDArray[Any] = levels[self.points] - levels[self.others]
        return differences

    def expand(self, pairs: NDArray[Any]) -> NDArray[Any]:
        """Return (n, values) of the same dtype, what follows from the (n, pairs) independent ones."""
        whole = np.zeros((len(pairs), self.values), pairs.dtype)
        whole[:, self.independent] = pairs
        whole[:, self.mirrored] = -pairs
        return whole


USUAL = Grid.of(SIDE)

VALUES = USUAL.values
"""Number of values of a whole signature of the usual grid: 648."""

INDEPENDENT = USUAL.independent
"""(272,) intp: positions of the values that determine the others."""

BEYOND = np.setdiff1d(np.arange(VALUES), np.concatenate([INDEPENDENT, USUAL.mirrored]))
"""The positions of comparisons with what lies beyond the edge of the grid, (104,)."""


def antisymmetric(whole: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return (n,) bool: which of these (n, 648) values are those that follow from their independent ones."""
    mirrored, independent = whole.take(USUAL.mirrored, axis=1), whole.take(INDEPENDENT, axis=1)
    good: NDArray[np.bool_] = (mirrored == -independent).all(axis=1)
    good &= ~whole.take(BEYOND, axis=1).any(axis=1)
    return good
