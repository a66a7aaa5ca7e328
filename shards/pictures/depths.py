"""Greys of more than 8 bits become 8 bits: clipped, or scaled by what their file says of black and white."""

from __future__ import annotations

from collections.abc import Iterable
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


def levels_of(image: Image.Image, part: Image.Image) -> NDArray[Any]:
    """Return the levels of a part of a deep picture, (height, width), of the kind of number that its file has."""
    levels = np.asarray(part)
    # Pillow has no whole numbers without a sign beyond 16 bits
    is_unsigned = image.mode == "I" and _tag(image, BITS) == 32 and _tag(image, SAMPLE_FORMAT, 1) == 1
    return levels.view(np.uint32) if is_unsigned else levels


def stated_white(image: Image.Image) -> float | None:
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


def bounds(parts: Iterable[NDArray[Any]], white: float | None) -> tuple[float, float]:
    """Return the levels that become black and white, of a picture in parts whose file states this white, or none.

    Black is 0 where white is stated, and where all are floats from 0 to 1, whose white is 1. Otherwise they are the
    lowest and the highest level of the picture that is a finite number; 0 and 1 where none is.
    """
    if white is not None:
        return 0.0, white
    low, high, is_float = np.inf, -np.inf, False
    for levels in parts:
        is_float = levels.dtype.kind == "f"
        numbers = levels[np.isfinite(levels)] if is_float else levels
        if numbers.size:
            low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
    return (0.0, 1.0) if low > high or (is_float and low >= 0 and high <= 1) else (low, high)


def stretched(levels: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Return the levels rounded to the nearest of 255 steps from black to white; what is no number is black."""
    # a picture of one level has no range: it is black
    span = white - black or 1.0
    numbers = np.nan_to_num(levels.astype(np.float64), nan=black, posinf=white, neginf=black)
    return np.minimum(np.floor((numbers - black) * 255 / span + 0.5), 255).astype(np.uint8)


def _tag(image: Image.Image, number: int, otherwise: int = 0) -> int:
    """Return the first value of a TIFF tag, where the picture is TIFF and has it as a whole number."""
    value = getattr(image, "tag_v2", {}).get(number, otherwise)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else otherwise
