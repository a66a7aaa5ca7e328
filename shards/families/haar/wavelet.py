"""The Haar decomposition of a 128 × 128 picture in YIQ, and its largest coefficients.

Source: C. Jacobs, A. Finkelstein and D. Salesin, "Fast Multiresolution Image Querying", SIGGRAPH 1995, with the
constants of imgSeek and IQDB. The I and Q planes of grey pictures are nothing but rounding errors, and their largest
coefficients are stored all the same: the order of every float64 operation here is part of the format.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 128
"""Width and height in pixels of the picture that is decomposed."""

COEFFICIENTS = 40
"""Number of coefficients that a signature keeps of each channel."""

GROUPS = 129
"""Number of groups of 127 into which the 16,383 coefficients beside the average are divided to find the largest."""

STEP = 0.7071
"""Factor by which details are scaled at each level: √½ to four places, as in IQDB."""


def to_yiq(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Convert (height, width, 3) to (3, height, width) float64: NTSC luma and chroma, on the scale of 0..255."""
    r, g, b = np.moveaxis(rgb.astype(np.float64), 2, 0)
    return np.stack(
        [
            0.299 * r + 0.587 * g + 0.114 * b,
            0.596 * r - 0.275 * g - 0.321 * b,
            0.212 * r - 0.523 * g + 0.311 * b,
        ]
    )


def decompose(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard decomposition of (channels, 128, 128), of the same shape: all rows, then all columns."""
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
    """Return (40,) int16, sorted: +i or -i for each of the largest coefficients i = x + 128·y of (128, 128).

    Coefficient 0, the average, is left out. Of equal magnitudes the lowest index is taken first. An exact zero counts
    as negative; flat pictures have nothing else.
    """
    values = coefficients.reshape(-1)[1:]
    magnitudes = np.abs(values)
    # 40 of 129 groups have a value as large as the 40th of their maxima: no smaller value is among the 40 largest
    likely = np.flatnonzero(magnitudes >= _smallest_kept(magnitudes.reshape(-1, GROUPS).max(axis=0)))
    cut = _smallest_kept(magnitudes[likely])
    above = likely[magnitudes[likely] > cut]
    level = likely[magnitudes[likely] == cut]
    kept = np.concatenate([above, level[: COEFFICIENTS - len(above)]])
    return np.sort(np.where(values[kept] > 0, kept + 1, -(kept + 1))).astype(np.int16)


def _smallest_kept(magnitudes: NDArray[np.float64]) -> np.float64:
    """Return the smallest of the COEFFICIENTS largest magnitudes."""
    smallest: np.float64 = np.partition(magnitudes, len(magnitudes) - COEFFICIENTS)[len(magnitudes) - COEFFICIENTS]
    return smallest
