"""Resizing of a picture by area average, with libgd's rounding errors.

Every output pixel is the mean of the rectangle of the source that it covers; pixels on the edge of the rectangle count
by the share of them that lies inside. IQDB leaves this to libgd, which adds up line by line in float32 and weighs each
pixel by its opacity, 127. Means are often a half to within float32, and the way such a mean is rounded shows in the
averages that IQDB prints: with exact sums, 2 of 49 pictures differ in the last digits. Interpolating filters, such as
Pillow's BOX, change coefficients too.

Every step is an elementwise float32 operation in a fixed order, so the result is the same on every CPU.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OPACITY = np.float32(127)
"""Weight that libgd gives a pixel without transparency."""


def area_average(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize (height, width, 3) to (side, side, 3) uint8, whatever the aspect ratio."""
    height, width, _ = rgb.shape
    rows, row_shares = _windows(height, side)
    columns, column_shares = _windows(width, side)
    # a fourth channel of ones adds up the weights, and makes a pixel 16 bytes that are gathered as one
    lines = np.ones((side, width, 4), np.uint8)
    weighted = np.empty(lines.shape, np.float32)
    pixels = np.empty((side, side), np.complex128)
    channels = pixels.view(np.float32)
    sums = np.zeros((side, side, 4), np.float32)
    areas = np.zeros((side, side, 1), np.float32)
    for row, row_share in zip(rows, row_shares, strict=True):
        line = rgb[row]
        for channel in range(3):
            # channel by channel: numpy copies three values to four places at a fifth of the speed
            lines[:, :, channel] = line[:, :, channel]
        # exact, with 8 bits of the pixel, 7 of the opacity and 7 of the share: only the next product is rounded
        np.multiply(lines, (row_share * OPACITY)[:, None, None], out=weighted)
        whole = weighted.view(np.complex128)[:, :, 0]
        for column, column_share in zip(columns, column_shares, strict=True):
            # indices are in range: clipping only spares numpy a buffer
            whole.take(column, axis=1, out=pixels, mode="clip")
            channels *= np.repeat(column_share, 4)
            sums += channels.reshape(sums.shape)
            areas += np.outer(row_share, column_share)[:, :, None]
    sums /= areas
    means = sums[:, :, :3] / sums[:, :, 3:]
    rounded: NDArray[np.uint8] = np.floor(means + np.float32(0.5)).astype(np.uint8)
    return rounded


def _windows(length: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the pixels under each of `side` equal parts of a line, and the share of each pixel that lies in the part.

    Both are (pixels of the widest part, side): the first pixel of every part, the second of every part, and so on.
    Shares are multiples of 1/side, exact in float32 for a side that is a power of two, and 0 beyond a part.
    """
    # in units of 1/side pixel all coordinates are integers
    starts = np.arange(side) * length
    first = starts // side
    widest = int(((starts + length - 1) // side - first).max()) + 1
    pixels = first + np.arange(widest)[:, None]
    covered = np.minimum(starts + length, (pixels + 1) * side) - np.maximum(starts, pixels * side)
    return np.minimum(pixels, length - 1), (np.maximum(covered, 0) / side).astype(np.float32)
