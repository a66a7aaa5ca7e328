"""Copies of another size, shape or part of the picture."""

from __future__ import annotations

from random import Random

from PIL import Image

OFF_CENTRE = 0.25
"""Smallest distance of a crop from the middle, as a share of the room that it has, in one direction at least: a crop
around the middle is the easiest to find."""


def resized(image: Image.Image, width: float, height: float) -> Image.Image:
    """Return the picture with its sides times these factors, 16 pixels at least."""
    size = max(16, round(image.width * width)), max(16, round(image.height * height))
    return image.resize(size, Image.Resampling.LANCZOS)


def fitted(image: Image.Image, side: int) -> Image.Image:
    """Return the picture with its longer side of so many pixels."""
    scale = side / max(image.size)
    size = max(8, round(image.width * scale)), max(8, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def cropped(image: Image.Image, removed: float, chance: Random) -> Image.Image:
    """Return a part of the same shape without this share of the area, somewhere beside the middle."""
    side = (1 - removed) ** 0.5
    width, height = round(image.width * side), round(image.height * side)
    while True:
        across, down = chance.random(), chance.random()
        if max(abs(across - 0.5), abs(down - 0.5)) >= OFF_CENTRE:
            break
    x, y = round(across * (image.width - width)), round(down * (image.height - height))
    return image.crop((x, y, x + width, y + height))


def cut(image: Image.Image, removed: float, chance: Random) -> Image.Image:
    """Return the picture without this share of it at one of its four sides."""
    width, height = image.size
    x, y = round(width * removed), round(height * removed)
    kept = (x, 0, width, height), (0, y, width, height), (0, 0, width - x, height), (0, 0, width, height - y)
    return image.crop(kept[chance.randrange(len(kept))])


def rotated(image: Image.Image, degrees: float) -> Image.Image:
    """Return the whole picture rotated counterclockwise, with black corners."""
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
