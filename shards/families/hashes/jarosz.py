"""PDQ's reduction of a picture to 64 × 64: box filters, twice along rows and columns, then every n-th pixel.

Source: W. Jarosz, "Fast Image Convolutions", SIGGRAPH workshop at UIUC, 2001: two box filters make a tent. The
reference implementation keeps one running sum in float32, whose rounding errors depend on the order of additions. This
one keeps the same sum, for all lines at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Pixels along a side of the reduced picture."""

BLOCK = 1 << 21
"""Pixels that are worked at together: 8 MB, and four copies of that."""


def downscale(luma: Callable[[int, int], NDArray[np.float32]], rows: int, columns: int) -> NDArray[np.float32]:
    """Reduce the luma of a picture of at least 5 × 5 pixels to (64, 64) float32. One of 64 × 64 stays as it is.

    `luma(top, bottom)`: returns these rows of it, (bottom - top, columns) float32. Each is asked for once, from above,
    some at a time: a large picture in float32, and its copies between passes, would be six times as large as itself.
    """
    if (rows, columns) == (SIDE, SIDE):
        return luma(0, rows)
    across, down, centres = _window(columns), _window(rows), _centres(columns)
    height = max(SIDE, BLOCK // columns)
    tops = range(0, rows, height)
    once = (row for top in tops for row in _box(luma(top, min(top + height, rows)).T, across).T)
    running = _Sum(rows, down)
    twice = np.empty((min(height, rows), columns), np.float32)
    kept = np.empty((rows, SIDE), np.float32)
    for top in tops:
        block = twice[: rows - top]
        _fill_with_means(block, once, running)
        # the last pass treats columns independently: only those that stay are needed
        kept[top : top + height] = _box(block.T, across)[centres].T
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
    means = np.empty_like(lines)
    _fill_with_means(means, iter(lines), _Sum(len(lines), window))
    return means


@dataclass(slots=True)
class _Sum:
    """The running sum of a window that moves along lines, of which no more are kept than it has."""

    length: int
    """Number of all lines."""

    window: int

    centre: int = 0
    """The line that is next."""

    within: deque[NDArray[np.float32]] = field(default_factory=deque)

    total: NDArray[np.float32] | None = None


def _fill_with_means(means: NDArray[np.float32], lines: Iterator[NDArray[np.float32]], running: _Sum) -> None:
    """Fill some lines with the next means. `lines`: those that the window has not reached yet."""
    within, ahead = running.within, running.window // 2
    total = running.total
    if total is None:
        total = running.total = np.zeros(means.shape[1], np.float32)
        for _ in range(ahead):
            within.append(next(lines))
            total += within[-1]
    for centre, mean in enumerate(means, start=running.centre):
        left, right = centre + ahead - running.window, centre + ahead
        if right < running.length:
            within.append(next(lines))
            total += within[-1]
        if left >= 0:
            total -= within.popleft()
        pixels = min(right, running.length - 1) - max(left, -1)
        np.divide(total, np.float32(pixels), out=mean)
    running.centre += len(means)
