"""Copies with other colours, less detail, or the losses of a compression."""

from __future__ import annotations

import io
from random import Random

import numpy as np
from PIL import Image, ImageFilter


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Return the picture after it was a JPEG of this quality."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    with Image.open(io.BytesIO(file.getvalue())) as read:
        return read.convert("RGB")


def grey(image: Image.Image) -> Image.Image:
    return image.convert("L").convert("RGB")


def gamma(image: Image.Image, exponent: float) -> Image.Image:
    """Return the picture with its levels, 0 to 1, raised to this power: below 1, it is brighter."""
    return image.point([round(255 * (level / 255) ** exponent) for level in range(256)] * 3)


def blurred(image: Image.Image, pixels: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(pixels))


def noisy(image: Image.Image, deviation: float, chance: Random) -> Image.Image:
    """Return the picture with normal noise of this deviation, in levels, in each channel of each pixel."""
    pixels = np.asarray(image).astype(np.float64)
    noise = np.random.default_rng(chance.randrange(1 << 30)).normal(0, deviation, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def of_few_colours(image: Image.Image, colours: int) -> Image.Image:
    """Return the picture with a palette of so many colours, dithered."""
    return image.quantize(colours).convert("RGB")
