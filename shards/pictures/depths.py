"""Greys of more than 8 bits become 8 bits: clipped or scaled."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Depth: TypeAlias = Literal["clip", "scale"]

DEEPEST = 65535
"""White of 16 bits."""


def to_8_bits(levels: NDArray[Any], depth: Depth) -> NDArray[np.uint8]:
    """Convert a grey picture, (height, width) of integers or floats, to uint8 of the same shape.

    "clip": what is above 255 is white, and fractions are dropped, as Pillow's `convert("RGB")` does. "scale": the
    brightest level that the kind of number has is white. That is 65535 of integers, and 1 of floats; where a picture
    has a level beyond, or a negative one, its own darkest level is black and its own brightest one white.
    What is no number is black.
    """
    if depth == "clip":
        # Pillow does the same today, but it has changed its mind about 16 bits before, and casts NaN to anything
        clipped: NDArray[np.uint8] = np.nan_to_num(levels, nan=0.0).clip(0, 255).astype(np.uint8)
        return clipped
    white = 1.0 if levels.dtype.kind == "f" else float(DEEPEST)
    low, high = _range(levels)
    return _scaled(levels, 0.0, white) if low >= 0 and high <= white else _scaled(levels, low, high)


def _range(levels: NDArray[Any]) -> tuple[float, float]:
    """Return the lowest and the highest level that is a finite number; (0, 0) where none is."""
    if levels.dtype.kind != "f":
        return float(levels.min()), float(levels.max())
    finite = np.isfinite(levels)
    if not finite.any():
        return 0.0, 0.0
    return float(levels.min(where=finite, initial=np.inf)), float(levels.max(where=finite, initial=-np.inf))


def _scaled(levels: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Return the levels rounded to the nearest of 255 steps from black to white, row by row to save memory."""
    out = np.empty(levels.shape, np.uint8)
    # a picture of one level has no range: it is black
    span = white - black or 1.0
    for row, eight in zip(levels, out, strict=True):
        numbers = np.nan_to_num(row.astype(np.float64), nan=black, posinf=white, neginf=black)
        eight[:] = np.floor((numbers - black) * 255 / span + 0.5)
    return out
