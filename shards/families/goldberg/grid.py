"""The 9 × 9 grid of a Goldberg signature: which values there are, and which of them say everything.

Every grid point is compared with its 8 neighbours, 648 values in all, point by point, row by row. The comparison
of a point with its neighbour is that of the neighbour with the point, negated, and off the grid there is
nothing to compare with: 272 values carry the whole signature.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 9
"""Grid points a side."""

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""(down, right) of the neighbours in the order of a signature: upper left first, lower right last."""

VALUES = SIDE * SIDE * len(NEIGHBOURS)
"""Values of a whole signature: 648."""


def _pairs() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    found = []
    for point in range(SIDE * SIDE):
        row, column = divmod(point, SIDE)
        for place, (down, right) in enumerate(NEIGHBOURS):
            inside = 0 <= row + down < SIDE and 0 <= column + right < SIDE
            neighbour = (row + down) * SIDE + column + right
            if inside and neighbour > point:
                value = point * len(NEIGHBOURS) + place
                # NEIGHBOURS is symmetric about its middle: the last is the opposite of the first
                mirrored = neighbour * len(NEIGHBOURS) + len(NEIGHBOURS) - 1 - place
                found.append((point, neighbour, value, mirrored))
    points, neighbours, values, mirrored_values = np.array(found, np.intp).T
    return points, neighbours, values, mirrored_values


POINTS, OTHERS, INDEPENDENT, MIRRORED = _pairs()
"""(272,) each: the grid points that are compared, the neighbours they are compared with, where the comparison
stands in the 648 values, and where its negation does."""


def expand(values: NDArray[np.int8]) -> NDArray[np.int8]:
    """(n, 272) independent values → (n, 648) whole signatures, both int8."""
    whole = np.zeros((len(values), VALUES), np.int8)
    whole[:, INDEPENDENT] = values
    whole[:, MIRRORED] = -values
    return whole


def is_antisymmetric(whole: NDArray[np.integer]) -> bool:
    """Whether these (n, 648) values are what their independent ones say."""
    return bool(np.array_equal(whole, expand(whole[:, INDEPENDENT].astype(np.int8))))
