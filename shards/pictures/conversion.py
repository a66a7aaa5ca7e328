"""From what Pillow has decoded, in whatever mode, to a picture of 8-bit RGB.

Strip by strip: a whole picture in one mode more would need as much memory again as all that the signatures do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shards.pictures.depths import bounds, clipped, is_deep, is_white_zero, levels_of, stated_white, stretched
from shards.pictures.picture import Picture
from shards.pictures.settings import PictureSettings

if TYPE_CHECKING:
    from PIL import Image

SHOWS = 0.005
"""Share of a picture that is transparent, a half where it is half so, from which on it shows: less, such as that of
rounded corners, moves no signature by more than saving a JPEG does."""

STRIP = 1 << 18
"""Pixels of a strip: with its copies it fits the L2 cache, or nearly."""


def converted(image: Image.Image, settings: PictureSettings) -> Picture:
    """Convert a loaded image of any mode."""
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    if is_deep(image):
        _fill_with_greys(rgb, image, settings)
        return Picture(rgb)
    if settings.alpha == "white" and image.has_transparency_data:
        return Picture(rgb, _fill_over_white(rgb, image))
    for rows, strip in _strips(image):
        rgb[rows] = np.asarray(_without_premultiplied_grey(strip).convert("RGB"))
    return Picture(rgb)


def _strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Yield the rows of each strip, and the strip itself."""
    height = max(1, STRIP // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _without_premultiplied_grey(strip: Image.Image) -> Image.Image:
    """Return the strip in a mode that Pillow converts to colours."""
    return strip.convert("LA") if strip.mode == "La" else strip


def _fill_with_greys(rgb: NDArray[np.uint8], image: Image.Image, settings: PictureSettings) -> None:
    """Fill (height, width, 3) with the levels of a deep grey picture."""
    if settings.depth == "clip":
        for rows, strip in _strips(image):
            rgb[rows] = clipped(np.asarray(strip))[:, :, None]
        return
    black, white = bounds((levels_of(image, strip) for _, strip in _strips(image)), stated_white(image))
    inverted = np.uint8(255 if is_white_zero(image) else 0)
    for rows, strip in _strips(image):
        rgb[rows] = (stretched(levels_of(image, strip), black, white) ^ inverted)[:, :, None]


def _fill_over_white(rgb: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8] | None:
    """Fill (height, width, 3) with the picture over white, and return its opacity, (height, width), if that shows."""
    opacity = np.empty(rgb.shape[:2], np.uint8)
    for rows, strip in _strips(image):
        rgba = np.asarray(_without_premultiplied_grey(strip).convert("RGBA"))
        opacity[rows] = rgba[:, :, 3]
        for row, out in zip(rgba, rgb[rows], strict=True):
            alpha = row[:, 3:].astype(np.uint16)
            # at most 255 · 255 + 127: no overflow, and +127 rounds to nearest since 255 is odd
            out[:] = (row[:, :3] * alpha + np.uint16(255) * (255 - alpha) + np.uint16(127)) // 255
    return opacity if float(opacity.mean()) <= 255 * (1 - SHOWS) else None
