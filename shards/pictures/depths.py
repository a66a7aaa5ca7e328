"""Greys of more than 8 bits become 8 bits: clipped, or scaled by what their file says of black and white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Depth: TypeAlias = Literal["clip", "scale"]

DEEPEST = 65535
"""White of 16 bits."""

BITS, PHOTOMETRIC, MAX_SAMPLE, SAMPLE_FORMAT = 258, 262, 281, 339
"""Tags of TIFF 6.0: bits of a level; 0 where level 0 is white; the highest level; 1 where levels have no sign."""


def is_deep(image: Image.Image) -> bool:
    """Return whether this is a grey picture of more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def levels_of(image: Image.Image) -> NDArray[Any]:
    """Return the levels of a deep picture, (height, width), of the kind of number that its file has."""
    levels = np.asarray(image)
    # Pillow has no whole numbers without a sign beyond 16 bits
    is_unsigned = image.mode == "I" and _tag(image, BITS) == 32 and _tag(image, SAMPLE_FORMAT, 1) == 1
    return levels.view(np.uint32) if is_unsigned else levels


def white_of(image: Image.Image) -> float | None:
    """Return the level that the file of a deep picture calls white, where its black is 0; None where it says neither.

    16 bits have their highest level, unless TIFF states fewer of them: in the bits of a level, or by a highest level
    that is all ones, such as 1023. Others that have no sign state nothing: they may hold anything from counts to
    probabilities. PGM states it in any number of bits, and Pillow makes 16 of them.
    """
    if image.format == "PPM" and image.mode == "I":
        return DEEPEST
    if not image.mode.startswith("I;16"):
        return None
    highest = _tag(image, MAX_SAMPLE) or DEEPEST
    if highest > 255 and highest & (highest + 1) == 0:
        return min(highest, (1 << _tag(image, BITS, 16)) - 1)
    return (1 << _tag(image, BITS, 16)) - 1


def is_white_zero(image: Image.Image) -> bool:
    """Return whether level 0 of a deep picture is white, which Pillow heeds in others alone."""
    return _tag(image, PHOTOMETRIC, 1) == 0


def clipped(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the levels as Pillow's `convert("RGB")` makes them 8 bits: 255 above that, and without fractions.

    What is no number is black. Pillow does the same today, but it has changed its mind about 16 bits before, and casts
    NaN to anything.
    """
    eight: NDArray[np.uint8] = np.nan_to_num(levels, nan=0.0).clip(0, 255).astype(np.uint8)
    return eight


def scaled(levels: NDArray[Any], white: float | None) -> NDArray[np.uint8]:
    """Return the levels rounded to the nearest of 255 steps from black, at 0, to white.

    Where that is None: floats from 0 to 1 are white at 1, and all others are scaled to the range of the picture, whose
    darkest level is black and whose brightest one is white. What is no number is black.
    """
    if white is not None:
        return _stretched(levels, 0.0, white)
    low, high = _range(levels)
    is_share = levels.dtype.kind == "f" and low >= 0 and high <= 1
    return _stretched(levels, 0.0, 1.0) if is_share else _stretched(levels, low, high)


def _tag(image: Image.Image, number: int, otherwise: int = 0) -> int:
    """Return the first value of a TIFF tag, where the picture is TIFF and has it as a whole number."""
    value = getattr(image, "tag_v2", {}).get(number, otherwise)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else otherwise


def _range(levels: NDArray[Any]) -> tuple[float, float]:
    """Return the lowest and the highest level that is a finite number; (0, 0) where none is."""
    if levels.dtype.kind != "f":
        return float(levels.min()), float(levels.max())
    finite = np.isfinite(levels)
    if not finite.any():
        return 0.0, 0.0
    return float(levels.min(where=finite, initial=np.inf)), float(levels.max(where=finite, initial=-np.inf))


def _stretched(levels: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Return the levels scaled from black to white, row by row to save memory."""
    out = np.empty(levels.shape, np.uint8)
    # a picture of one level has no range: it is black
    span = white - black or 1.0
    for row, eight in zip(levels, out, strict=True):
        numbers = np.nan_to_num(row.astype(np.float64), nan=black, posinf=white, neginf=black)
        eight[:] = np.minimum(np.floor((numbers - black) * 255 / span + 0.5), 255)
    return out
