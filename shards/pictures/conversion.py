"""From what Pillow has decoded, in whatever mode, to a picture of 8-bit RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shards.pictures.depths import Depth, clipped, is_deep, is_white_zero, levels_of, scaled, white_of
from shards.pictures.picture import Picture
from shards.pictures.settings import PictureSettings

if TYPE_CHECKING:
    from PIL import Image

SHOWS = 0.005
"""Share of a picture that is transparent, a half where it is half so, from which on it shows: less, such as that of
rounded corners, moves no signature by more than saving a JPEG does."""


def converted(image: Image.Image, settings: PictureSettings) -> Picture:
    """Convert a loaded image of any mode."""
    if is_deep(image):
        return Picture(np.repeat(_eight_bits(image, settings.depth)[:, :, None], 3, axis=2))
    if image.mode == "La":
        image = image.convert("LA")
    if settings.alpha == "white" and image.has_transparency_data:
        return _over_white(np.asarray(image.convert("RGBA")))
    return Picture(np.asarray(image.convert("RGB")))


def _eight_bits(image: Image.Image, depth: Depth) -> NDArray[np.uint8]:
    """Return (height, width) uint8: the levels of a deep grey picture."""
    if depth == "clip":
        return clipped(np.asarray(image))
    eight = scaled(levels_of(image), white_of(image))
    return ~eight if is_white_zero(image) else eight


def _over_white(rgba: NDArray[np.uint8]) -> Picture:
    """Lay (height, width, 4) over white, row by row so that the 16-bit products stay small."""
    rgb = np.empty((*rgba.shape[:2], 3), np.uint8)
    for row, out in zip(rgba, rgb, strict=True):
        opacity = row[:, 3:].astype(np.uint16)
        # at most 255 · 255 + 127: no overflow, and +127 rounds to nearest since 255 is odd
        out[:] = (row[:, :3] * opacity + np.uint16(255) * (255 - opacity) + np.uint16(127)) // 255
    opacity = rgba[:, :, 3]
    shows = float(opacity.mean()) <= 255 * (1 - SHOWS)
    return Picture(rgb, opacity.copy() if shows else None)
