"""The Gaussian pyramid of a working image: the picture at ever coarser scales, where its keypoints are sought.

Every value is a sum of float32 products in a fixed order, so it has the same bits everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.families.crops.scratch import SCRATCH

SIGMA = 1.6
"""Blur of the first level in pixels, as in D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", 2004,
which the pyramid and the search for keypoints follow."""

OWN_BLUR = 0.5
"""Blur that a picture is taken to have by itself, in pixels."""

STEPS = 3
"""Levels from one octave to the next: each is blurred 2^⅓ times as much as the one before."""

LEVELS = STEPS + 3
"""Levels of an octave: keypoints of `STEPS` scales lie in differences of neighbours that have neighbours themselves."""

SMALLEST = 16
"""Pixels of a side below which an image has no octave: the widest kernel needs 11."""


Kernel: TypeAlias = list[NDArray[np.float32]]
"""Weights, () each: numpy multiplies by an array of no dimension in less time than by a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Octave:
    """An image at half the resolution of the octave before, at several blurs."""

    start: int
    """Where its first level begins in the pyramid's buffer, in elements."""

    levels: NDArray[np.float32]
    """(LEVELS, height, width) float32, a part of the buffer; level i is blurred by SIGMA · 2^(i / STEPS) pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Pyramid:
    """All octaves of a working image."""

    buffer: NDArray[np.float32]
    """(n,): the levels of all octaves, one behind the other."""

    octaves: list[Octave]

    @classmethod
    def of(cls, image: NDArray[np.float32]) -> Pyramid:
        """Return the pyramid of a working image, in scratch memory: it is valid until the thread makes the next one."""
        shapes = octave_shapes(*image.shape)
        buffer = SCRATCH.array("pyramid", (sum(LEVELS * height * width for height, width in shapes),), np.float32)
        octaves: list[Octave] = []
        start = 0
        for shape in shapes:
            levels = buffer[start : start + LEVELS * shape[0] * shape[1]].reshape(LEVELS, *shape)
            if octaves:
                levels[0] = octaves[-1].levels[STEPS, ::2, ::2]
            else:
                _blur(image, KERNELS[0], levels[0])
            for level in range(1, LEVELS):
                _blur(levels[level - 1], KERNELS[level], levels[level])
            octaves.append(Octave(start, levels))
            start += levels.size
        return cls(buffer, octaves)


def octave_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Return (height, width) of each octave; none where a side of the image is too short."""
    shapes = []
    while min(height, width) >= SMALLEST:
        shapes.append((height, width))
        height, width = (height + 1) // 2, (width + 1) // 2
    return shapes


def _kernel(sigma: float) -> Kernel:
    """Return half of a Gaussian kernel, from its middle on, cut off at 3 sigma."""
    values = [math.exp(-distance * distance / (2 * sigma * sigma)) for distance in range(math.ceil(3 * sigma) + 1)]
    total = values[0] + 2 * sum(values[1:])
    return [np.array(value / total, np.float32) for value in values]


def _kernels() -> list[Kernel]:
    """Return the kernel that makes each level: the first of the image, the others of the level before."""
    blurs = [SIGMA * 2 ** (level / STEPS) for level in range(LEVELS)]
    return [
        _kernel(math.sqrt(SIGMA**2 - OWN_BLUR**2)),
        *(_kernel(math.sqrt(after * after - before * before)) for before, after in pairwise(blurs)),
    ]


KERNELS = _kernels()


def _blur(image: NDArray[np.float32], kernel: Kernel, out: NDArray[np.float32]) -> None:
    """Blur along lines, then along columns; at the edges the image is mirrored, its edge pixel not repeated."""
    radius = len(kernel) - 1
    height, width = image.shape
    high = SCRATCH.array("blurred lines", (height + 2 * radius, width), np.float32)
    high[radius : radius + height] = _blurred_lines(image, kernel)
    high[:radius] = high[2 * radius : radius : -1]
    high[radius + height :] = high[radius + height - 2 : height - 2 : -1]
    _add_both_sides(high.reshape(-1), kernel, width, out.reshape(-1))


def _blurred_lines(image: NDArray[np.float32], kernel: Kernel) -> NDArray[np.float32]:
    """Return the lines blurred. They are laid out as one long line, and what mixes two of them is thrown away."""
    radius = len(kernel) - 1
    height, width = image.shape
    padded = SCRATCH.array("padded lines", (height, width + 2 * radius), np.float32)
    padded[:, radius : radius + width] = image
    padded[:, :radius] = image[:, radius:0:-1]
    padded[:, radius + width :] = image[:, width - 2 : width - 2 - radius : -1]
    blurred = SCRATCH.array("one long line", padded.shape, np.float32)
    _add_both_sides(padded.reshape(-1), kernel, 1, blurred.reshape(-1)[: padded.size - 2 * radius])
    return blurred[:, :width]


def _add_both_sides(line: NDArray[np.float32], kernel: Kernel, step: int, out: NDArray[np.float32]) -> None:
    """Write the kernel's sums to `out`: the middle first, then the neighbours of both sides, the nearest first.

    `line`: longer than `out` by the kernel's radius on each side. `step`: elements from a pixel to its neighbour.
    """
    middle = (len(kernel) - 1) * step
    size = len(out)
    both = SCRATCH.array("both sides", (size,), np.float32)
    np.multiply(line[middle : middle + size], kernel[0], out=out)
    for distance, weight in enumerate(kernel[1:], 1):
        before, after = middle - distance * step, middle + distance * step
        np.add(line[before : before + size], line[after : after + size], out=both)
        both *= weight
        out += both
