"""Lanczos resampling of grey pictures, with the same result whatever is installed.

It computes Pillow's `resize(size, LANCZOS)` for 8-bit pictures, on which the hashes of the ImageHash package are based.
It is here because hashes outlive releases: Pillow 13 changed the order of its passes for tall pictures, and with it
some hashes. The geometry is that of Pillow 13, which equals that of earlier releases for every picture whose height
is at most about twice its width.

Pillow rounds each weight to a multiple of 2 ** -22 and sums in 32-bit integers. Such sums stay far below 2 ** 53, so
the float64 matrix products here are exact, in whatever order a BLAS adds, on every CPU.

Source of the filter, a windowed sinc: C. E. Duchon, "Lanczos Filtering in One and Two Dimensions", J. Appl. Meteorol.
18 (1979).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOBES = 3
"""Lobes of the sinc on each side."""

ONE = float(1 << 22)
"""The integer that stands for a weight of 1."""

OUTPUTS = 32
"""Outputs of each line that a pass makes at a time: few, since most of the matrix for all outputs would be zeros."""

PRODUCTS = 1 << 18
"""Maximum number of multiplications in a matrix product: temporaries stay small for pictures of any size, and a BLAS
starts no threads, which would only disturb each other where signatures of several pictures are computed at once."""


def resize(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize (rows, columns) uint8 to (height, width) uint8, rounding to 8 bits after each of the two passes."""
    rows, columns = pixels.shape
    # Pillow's rule for which pass comes first, which matters because of the rounding in between
    if rows - height > max(0, 2 * (columns - width)):
        return _resize_lines(_resize_lines(pixels.T, height).T, width)
    return _resize_lines(_resize_lines(pixels, width).T, height).T


def _resize_lines(lines: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """Resize (lines, any length) uint8 to (lines, length) uint8."""
    count, old = lines.shape
    if old == length:
        return lines
    starts, weights = _windows(old, length)
    resized = np.empty((count, length), np.uint8)
    for first in range(0, length, OUTPUTS):
        outputs = slice(first, min(first + OUTPUTS, length))
        low = int(starts[outputs].min())
        high = min(int(starts[outputs].max()) + weights.shape[1], old)
        matrix = _matrix(starts[outputs] - low, weights[outputs], high - low)
        step = max(1, PRODUCTS // matrix.size)
        for top in range(0, count, step):
            sums = lines[top : top + step, low:high].astype(np.float64) @ matrix
            resized[top : top + step, outputs] = np.floor(sums / ONE + 0.5).clip(0, 255)
    return resized


def _windows(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the start of each output's window of inputs, (new,) int64, and its weights, (new, taps).

    Weights are in units of 2 ** -22, and 0 past an output's window.
    """
    scale = old / new
    stretch = max(scale, 1.0)
    support = LOBES * stretch
    centres = (np.arange(new) + 0.5) * scale
    starts = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    stops = np.minimum((centres + support + 0.5).astype(np.int64), old)
    inputs = starts[:, None] + np.arange(int((stops - starts).max()))
    distances = (inputs - centres[:, None] + 0.5) * (1.0 / stretch)
    inside = (inputs < stops[:, None]) & (distances >= -LOBES) & (distances < LOBES)
    weights = np.where(inside, np.sinc(distances) * np.sinc(distances / LOBES), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return starts, np.trunc(weights * ONE + np.copysign(0.5, weights))


def _matrix(starts: NDArray[np.int64], weights: NDArray[np.float64], inputs: int) -> NDArray[np.float64]:
    """Return (inputs, outputs) float64: each output's weights at its own inputs."""
    outputs, taps = weights.shape
    matrix = np.zeros((outputs, int(starts.max()) + taps))
    np.put_along_axis(matrix, starts[:, None] + np.arange(taps), weights, axis=1)
    # what lies past the last input is 0
    return matrix[:, :inputs].T
