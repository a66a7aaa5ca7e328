"""The Haar decomposition of a 128 × 128 picture in YIQ, and its largest coefficients.

After C. Jacobs, A. Finkelstein and D. Salesin, "Fast Multiresolution Image Querying", SIGGRAPH 1995, with the
constants of imgSeek and IQDB. Grey pictures have I and Q planes that are nothing but rounding errors, and their
largest coefficients are stored all the same: the order of every float64 operation here is part of the format.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 128
"""Pixels a side of the picture that is decomposed."""

COEFFICIENTS = 40
"""Coefficients a channel that a signature keeps."""

GROUPS = 129
"""Into which the 16,383 coefficients beside the average are divided to find the largest: 127 each."""

STEP = 0.7071
"""What a detail is scaled by at each level: IQDB's √½, to four places."""


def to_yiq(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(height, width, 3) → (3, height, width) float64: NTSC luma and chroma, on the scale of 0..255."""
    r, g, b = np.moveaxis(rgb.astype(np.float64), 2, 0)
    return np.stack(
        [
            0.299 * r + 0.587 * g + 0.114 * b,
            0.596 * r - 0.275 * g - 0.321 * b,
            0.212 * r - 0.523 * g + 0.311 * b,
        ]
    )


def decompose(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(channels, 128, 128) → the standard decomposition of each, of the same shape: all rows, then all columns."""
    rows = _decompose_lines(planes)
    return _decompose_lines(rows.transpose(0, 2, 1)).transpose(0, 2, 1)


def _decompose_lines(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decompose along the last axis."""
    out = planes.copy()
    scale = 1.0
    length = out.shape[-1]
    while length > 1:
        half = length // 2
        scale *= STEP
        left, right = out[..., 0:length:2], out[..., 1:length:2]
        detail = (left - right) * scale
        total = left + right
        out[..., :half] = total
        out[..., half:length] = detail
        length = half
    out[..., 0] *= scale
    return out


def largest(coefficients: NDArray[np.float64]) -> NDArray[np.int16]:
    """(128, 128) → (40,) int16, sorted: +i or -i for each coefficient i = x + 128·y of the largest magnitudes.

    Coefficient 0, the average, is left out. Of equal magnitudes the lowest index is taken first; an exact zero,
    of which flat pictures have nothing else, counts as negative.
    """
    values = coefficients.reshape(-1)[1:]
    magnitudes = np.abs(values)
    # 40 of 129 groups have a value as large as the 40th of their maxima: no other one is among the 40 largest
    likely = np.flatnonzero(magnitudes >= _kept_least(magnitudes.reshape(-1, GROUPS).max(axis=0)))
    cut = _kept_least(magnitudes[likely])
    above = likely[magnitudes[likely] > cut]
    level = likely[magnitudes[likely] == cut]
    kept = np.concatenate([above, level[: COEFFICIENTS - len(above)]])
    return np.sort(np.where(values[kept] > 0, kept + 1, -(kept + 1))).astype(np.int16)


def _kept_least(magnitudes: NDArray[np.float64]) -> np.float64:
    """The last of the COEFFICIENTS largest."""
    least: np.float64 = np.partition(magnitudes, len(magnitudes) - COEFFICIENTS)[len(magnitudes) - COEFFICIENTS]
    return least
