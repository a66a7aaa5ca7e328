"""Pictures that are made of arithmetic alone, so that they have the same pixels whatever has been released since."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def painted(seed: int) -> NDArray[np.uint8]:
    """Return (height, width, 3) uint8: soft gradients, rectangles, and no, little or much noise.

    Sides from 16 to 400 pixels, from 5 for every 7th seed; many are very wide or very tall.
    """
    rng = np.random.default_rng(seed)
    shortest = 5 if seed % 7 == 0 else 16
    height, width = (int(side) for side in rng.integers(shortest, (401, 120)[seed % 2], 2))
    corners = rng.integers(0, 256, (4, 3)).astype(np.int64)
    down, across = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
    top = corners[0] * (width - 1 - across) + corners[1] * across
    bottom = corners[2] * (width - 1 - across) + corners[3] * across
    picture = (top * (height - 1 - down) + bottom * down) // max(1, (height - 1) * (width - 1))
    for _ in range(rng.integers(0, 12)):
        upper, lower = sorted(rng.integers(0, height + 1, 2).tolist())
        left, right = sorted(rng.integers(0, width + 1, 2).tolist())
        picture[upper:lower, left:right] = rng.integers(0, 256, 3)
    reach = (0, 4, 24)[seed % 3]
    return (picture + rng.integers(-reach, reach + 1, picture.shape)).clip(0, 255).astype(np.uint8)
