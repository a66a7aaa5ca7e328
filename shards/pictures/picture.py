"""Decoded pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shards.pictures.orientations import turned

LUMA_WEIGHTS = np.array([19595, 38470, 7471], np.float32) / np.float32(65536)
LUMA_ROWS = 64
"""Rows of luma computed at a time: their float32 copy of a wide picture still fits the L2 cache."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture."""

    rgb: NDArray[np.uint8]
    """(height, width, 3) uint8, C-contiguous; over white where the file is transparent and its settings say so."""

    opacity: NDArray[np.uint8] | None = None
    """(height, width) uint8, 255 where nothing shines through; None where the transparency of the file, if it has any,
    does not show, or was dropped."""

    @property
    def over_black(self) -> NDArray[np.uint8] | None:
        """The picture over black, (height, width, 3) uint8, computed at each look; None where `opacity` is.

        A copy of a cut-out may lie over any colour; and ink that is white shows over black alone.
        """
        if self.opacity is None:
            return None
        # c·a + 127 over 255, rounded down, is 255 - a less than the same over white: exactly what was added there
        return self.rgb - (255 - self.opacity)[:, :, None]

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """ITU-R 601 luma, (height, width) uint8, exactly as Pillow's `convert("L")` rounds it.

        That is (19595 R + 38470 G + 7471 B + 32768) >> 16. The same in float32 is exact, since every partial
        sum is a multiple of 1/65536 below 256 and so has at most 24 bits; and it is three times faster.
        """
        luma = np.empty(self.rgb.shape[:2], np.uint8)
        for start in range(0, self.height, LUMA_ROWS):
            block = self.rgb[start : start + LUMA_ROWS].astype(np.float32)
            luma[start : start + LUMA_ROWS] = block @ LUMA_WEIGHTS + np.float32(0.5)
        luma.flags.writeable = False
        return luma

    def orientations(self) -> list[Picture]:
        """Return the picture, and it in the 7 other orientations of the plane, in the order of `ORIENTATIONS`."""
        return [self, *(self.turned(orientation) for orientation in range(2, 9))]

    def turned(self, orientation: int) -> Picture:
        """Return the picture turned as EXIF orientation 1 to 8 asks a viewer to."""
        return Picture(
            turned(self.rgb, orientation), None if self.opacity is None else turned(self.opacity, orientation)
        )

    def backgrounds(self) -> list[Picture]:
        """Return the picture, and where its transparency shows that over black, too."""
        over_black = self.over_black
        return [self] if over_black is None else [self, Picture(over_black)]
