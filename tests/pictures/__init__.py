"""Pictures for the tests of hashes: drawn ones that have what photographs, scans and drawings have, and real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

GOLDEN = Path(__file__).parents[1] / "golden"


def drawn(seed: int) -> NDArray[np.uint8]:
    """(height, width, 3) uint8: soft gradients, shapes, for some seeds text, and no, little or much noise.

    Sides from 16 to 500 pixels, from 1 for every 7th seed; many are very wide or very tall.
    """
    rng = np.random.default_rng(seed)
    shortest = 1 if seed % 7 == 0 else 16
    height, width = (int(side) for side in np.exp(rng.uniform(np.log(shortest), np.log(500), 2)))
    patches = rng.integers(0, 256, (*rng.integers(1, 9, 2), 3), dtype=np.uint8)
    image = Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(0, 12)):
        left, right = sorted(rng.integers(0, width + 1, 2).tolist())
        top, bottom = sorted(rng.integers(0, height + 1, 2).tolist())
        shape = (draw.rectangle, draw.ellipse, draw.line)[rng.integers(3)]
        shape((left, top, right, bottom), fill=tuple(rng.integers(0, 256, 3).tolist()))
    if seed % 3 == 0:
        for _ in range(20):
            corner = (int(rng.integers(width)), int(rng.integers(height)))
            draw.text(corner, "sphinx of quartz", fill=tuple(rng.integers(0, 256, 3).tolist()))
    noise = rng.normal(0, (0, 2, 10)[seed % 3], (height, width, 3))
    return (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)


def real() -> Iterator[NDArray[np.uint8]]:
    """The golden pictures; and by turns a part of each, or the picture beside its mirror image."""
    rng = np.random.default_rng(0)
    for number, path in enumerate(sorted(GOLDEN.glob("*/images/*"))):
        with Image.open(path) as image:
            rgb = np.asarray(image.convert("RGB"))
        yield rgb
        height, width = rgb.shape[:2]
        if min(height, width) < 90:
            continue
        if number % 2:
            top, left = int(height * rng.uniform(0, 0.3)), int(width * rng.uniform(0, 0.3))
            yield rgb[top : int(height * rng.uniform(0.7, 1)), left : int(width * rng.uniform(0.7, 1))]
        else:
            # symmetry makes half of the cosine transform 0 but for rounding errors
            yield np.concatenate([rgb, rgb[:, ::-1]], axis=1)
