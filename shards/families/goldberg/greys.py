"""Grey pictures of whole numbers, so that nothing that is computed of them is rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS = np.array([2125, 7154, 721], np.float32)
"""Weights of red, green and blue, × 10,000 (ITU-R 709). In float32 the matrix product is fast, and exact: no sum
reaches 2^24."""

WHITE = 255 * 10_000
"""White in a grey picture of 8-bit colours."""

FINER = 64
"""Steps between two levels of such a picture, for a picture of floats: then it is exact to 6e-9 of white."""

BLOCK_PIXELS = 1 << 18
"""Pixels converted at a time: their float32 RGB is 3 MB, that of a whole photograph would be hundreds of MB."""

LARGEST_SUM = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Greys:
    """A grey picture."""

    levels: NDArray[np.integer[Any]]
    """(height, width) integers."""

    white: int
    """The level of white; black is 0. Pictures of floats may have other levels, too."""

    @classmethod
    def of_rgb(cls, rgb: NDArray[np.uint8]) -> Greys:
        """Convert (height, width, 3)."""
        height, width, _ = rgb.shape
        levels = np.empty((height, width), np.int32)
        for rows in blocks(height, width):
            levels[rows] = rgb[rows].astype(np.float32) @ WEIGHTS
        return cls(levels, WHITE)

    @classmethod
    def of_shares(cls, shares: NDArray[np.floating[Any]]) -> Greys:
        """Convert (height, width) floats, 1.0 for white. Those of an 8-bit picture become what `of_rgb` makes of it.

        Raises ValueError for what is no number.
        """
        brightest = float(np.abs(shares).max(initial=1.0))
        if not np.isfinite(brightest):
            raise ValueError("a grey picture has levels that are no numbers, or infinite")
        # no sum over the picture of the changes between its levels can become larger than an int64
        white = min(WHITE * FINER, int(LARGEST_SUM / (2 * brightest * max(1, shares.size))))
        if white < 1:
            raise ValueError(f"a grey picture has a level of {brightest:.3g}: white is 1.0")
        levels = np.empty(shares.shape, np.int64)
        for rows in blocks(*shares.shape):
            levels[rows] = np.rint(shares[rows].astype(np.float64) * white)
        return cls(levels, white)

    def to_shares(self) -> NDArray[np.float64]:
        """Return (height, width) float64, 1.0 for white."""
        shares: NDArray[np.float64] = self.levels / self.white
        return shares


def blocks(height: int, width: int) -> list[slice]:
    """Return the rows of a picture in blocks of about BLOCK_PIXELS."""
    rows = max(1, BLOCK_PIXELS // max(1, width))
    return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]
