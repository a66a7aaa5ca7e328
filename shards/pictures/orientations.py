"""The 8 orientations of the plane, in the order and with the numbers of EXIF's Orientation tag (EXIF 2.32, 4.6.4)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Level = TypeVar("Level", bound=np.generic)

ORIENTATIONS = (
    "as is",
    "mirrored",
    "rotated 180",
    "flipped",
    "transposed",
    "rotated 90",
    "transversed",
    "rotated 270",
)
"""The turns that EXIF orientations 1 to 8 ask a viewer for. Mirrored is left for right, flipped is top for bottom,
angles are clockwise, transposed is mirrored along the main diagonal and transversed along the other one."""


def number_of(variant: str) -> int:
    """Return the number of the orientation that a variant names, such as "rotated 90, negative"; 1 if it names none."""
    name = variant.partition(",")[0]
    return ORIENTATIONS.index(name) + 1 if name in ORIENTATIONS else 1


def place_before(x: float, y: float, orientation: int) -> tuple[float, float]:
    """Return where a place of a turned picture was before `turned`, both in shares of width and height."""
    if orientation in (2, 3, 6, 7):
        x = 1 - x
    if orientation in (3, 4, 7, 8):
        y = 1 - y
    return (y, x) if orientation >= 5 else (x, y)


def turned(pixels: NDArray[Level], orientation: int) -> NDArray[Level]:
    """Turn a picture as EXIF orientation 1 to 8 asks a viewer to.

    `pixels`: (height, width, …); 5 to 8 swap height and width. The result is C-contiguous; it is
    the very array that was given where there is nothing to do.
    """
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
