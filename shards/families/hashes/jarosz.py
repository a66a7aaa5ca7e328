"""PDQ's reduction of a picture to 64 × 64: box filters, twice along rows and columns, then every n-th pixel.

W. Jarosz, "Fast Image Convolutions", SIGGRAPH workshop at UIUC, 2001: two box filters make a tent. The reference
keeps one running sum in float32, whose rounding errors depend on the order of its additions; so does this, one
step for all lines at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 64


def downscale(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """(64, 64) float32 of a luma (rows, columns) float32 of at least 5 × 5. One of 64 × 64 stays as it is."""
    rows, columns = luma.shape
    if (rows, columns) == (SIDE, SIDE):
        return luma
    across, down = _window(columns), _window(rows)
    blurred = _box(_box(luma.T, across).T, down)
    # columns are independent now: the last pass is needed for those that stay only
    kept = _box(blurred.T, across)[_centres(columns)].T
    return _box(kept, down)[_centres(rows)]


def _window(length: int) -> int:
    """Half of what one of 64 pixels covers, rounded up, since two passes follow each other."""
    return -(-length // (2 * SIDE))


def _centres(length: int) -> NDArray[np.int64]:
    """(64,) int64: the pixels in the middle of each 64th."""
    return ((np.arange(SIDE) + 0.5) * length / SIDE).astype(np.int64)


def _box(lines: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """The mean of each pixel's window along the first axis, narrower at both ends: (n, any) float32, n >= window."""
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
