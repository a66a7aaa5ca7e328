"""PDQ's reduction of a picture to 64 × 64: box filters, twice along rows and columns, then every n-th pixel.

Source: W. Jarosz, "Fast Image Convolutions", SIGGRAPH workshop at UIUC, 2001: two box filters make a tent. The
reference implementation keeps one running sum in float32, whose rounding errors depend on the order of additions. This
one keeps the same sum, for all lines at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Pixels along a side of the reduced picture."""


def downscale(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reduce a luma (rows, columns) float32, of at least 5 × 5, to (64, 64) float32. One of 64 × 64 stays as it is."""
    rows, columns = luma.shape
    if (rows, columns) == (SIDE, SIDE):
        return luma
    across, down = _window(columns), _window(rows)
    blurred = _box(_box(luma.T, across).T, down)
    # the last pass treats columns independently: only those that stay are needed
    kept = _box(blurred.T, across)[_centres(columns)].T
    return _box(kept, down)[_centres(rows)]


def _window(length: int) -> int:
    """Return half of the pixels that one of 64 covers, rounded up; half, since the filter is applied twice."""
    return -(-length // (2 * SIDE))


def _centres(length: int) -> NDArray[np.int64]:
    """Return (64,) int64: the pixel in the middle of each 64th."""
    return ((np.arange(SIDE) + 0.5) * length / SIDE).astype(np.int64)


def _box(lines: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Return the mean of each pixel's window along the first axis; windows are narrower at both ends.

    There are at least `window` lines.
    """
    lines = np.ascontiguousarray(lines)
    length = len(lines)
    means = np.empty_like(lines)
    total = np.zeros(lines.shape[1], np.float32)
    ahead = window // 2
    for right in range(ahead):
        total += lines[right]
    for centre in range(length):
        left, right = centre + ahead - window, centre + ahead
        if right < length:
            total += lines[right]
        if left >= 0:
            total -= lines[left]
        pixels = min(right, length - 1) - max(left, -1)
        np.divide(total, np.float32(pixels), out=means[centre])
    return means
