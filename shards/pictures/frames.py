"""Of an animation, the frame that stands for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shards.pictures.picture import Picture

if TYPE_CHECKING:
    from PIL import Image

ANIMATIONS = frozenset({"AVIF", "FLI", "GIF", "PNG", "WEBP"})
"""Formats whose further pictures are later moments of the first. Those of others are pages, layers, sizes or views."""

FRAMES = 10
"""Frames that are looked at: titles that fade in from nothing are there by then, and each costs a decoding."""

PLAIN = 8
"""Levels by which the pixels of a picture of one colour may differ: what lossy formats make of one."""


def with_content(image: Image.Image, convert: Callable[[Image.Image], Picture]) -> Picture:
    """Return the first of the first FRAMES frames that is not all of one colour; the very first where all are.

    `image`: loaded, at its first frame. `convert`: makes a picture of a loaded frame. A frame that cannot be decoded,
    or is of another size than the first, ends the search: the first one is a picture.
    """
    first, size = convert(image), image.size
    if image.format not in ANIMATIONS or not _is_plain(first):
        return first
    try:
        for number in range(1, FRAMES):
            image.seek(number)
            if image.size != size:
                # one that makes a GIF grow would pass the limits, which were compared with the first
                break
            image.load()
            later = convert(image)
            if not _is_plain(later):
                return later
    except MemoryError:
        raise
    except Exception:
        # no animation, or the end of it, or of its intact part
        return first
    return first


def _is_plain(picture: Picture) -> bool:
    """Return whether the picture has next to one colour."""
    # few rows tell of most pictures that they have content
    for rows in (picture.rgb[:: max(1, picture.height // 8)], picture.rgb):
        if (rows.max(axis=(0, 1)) - rows.min(axis=(0, 1))).max() > PLAIN:
            return False
    return True
