"""The 9 × 9 grid of a Goldberg signature: its 648 values, and the 272 of them that determine the others.

Every grid point is compared with its 8 neighbours, point by point, row by row. The comparison of a point with its
neighbour is the negated comparison of the neighbour with the point, and values beyond the edge of the grid are 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 9
"""Number of grid points along a side."""

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""Offsets (down, right) of the neighbours in the order of a signature: upper left first, lower right last."""

VALUES = SIDE * SIDE * len(NEIGHBOURS)
"""Number of values of a whole signature: 648."""


def _pairs() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    pairs = []
    for point in range(SIDE * SIDE):
        row, column = divmod(point, SIDE)
        for place, (down, right) in enumerate(NEIGHBOURS):
            inside = 0 <= row + down < SIDE and 0 <= column + right < SIDE
            neighbour = (row + down) * SIDE + column + right
            if inside and neighbour > point:
                value = point * len(NEIGHBOURS) + place
                # NEIGHBOURS is symmetric about its middle: the last offset is the opposite of the first
                mirrored = neighbour * len(NEIGHBOURS) + len(NEIGHBOURS) - 1 - place
                pairs.append((point, neighbour, value, mirrored))
    points, neighbours, values, mirrored_values = np.array(pairs, np.intp).T
    return points, neighbours, values, mirrored_values


POINTS, OTHERS, INDEPENDENT, MIRRORED = _pairs()
"""The independent comparisons, (272,) each: the grid point, the neighbour it is compared with, the position of the
comparison in the 648 values, and the position of its negation."""

BEYOND = np.setdiff1d(np.arange(VALUES), np.concatenate([INDEPENDENT, MIRRORED]))
"""The positions of comparisons with what lies beyond the edge of the grid, (104,)."""


def expand(values: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the whole signatures, (n, 648) int8, of (n, 272) independent values."""
    whole = np.zeros((len(values), VALUES), np.int8)
    whole[:, INDEPENDENT] = values
    whole[:, MIRRORED] = -values
    return whole


def antisymmetric(whole: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return (n,) bool: which of these (n, 648) values are those that follow from their independent ones."""
    # value by value: 272 places of all signatures are compared at once
    columns = np.ascontiguousarray(whole.T)
    good: NDArray[np.bool_] = (columns[MIRRORED] == -columns[INDEPENDENT]).all(axis=0)
    good &= ~columns[BEYOND].any(axis=0)
    return good
