"""Features of a picture: its keypoints with what is stored of them, and which of them are worth storing."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.families.crops import codes
from shards.families.crops.keypoints import Keypoints
from shards.families.crops.patches import TURNS, Sampler, directions
from shards.families.crops.pyramid import SIGMA, SMALLEST, STEPS, Pyramid
from shards.families.crops.working import Size, working_image

ANGLES = 64
"""Angles that are told apart, of a whole turn."""

EIGHTHS = 8
"""Sigmas are told apart in eighths of an octave."""

CELLS = 4
"""Cells along a side of the grid over which the features of a row are spread."""

FAIR = 1.5
"""Share of a cell's fair part of all features that it may have before all cells had theirs."""

Which: TypeAlias = NDArray[np.int64] | slice


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of a picture, the strongest first."""

    code: NDArray[np.uint64]
    """(n,)"""

    weak: NDArray[np.int64]
    """(n, 3): the three bits of the word that are the least sure, the least sure first, 0 to 15."""

    x: NDArray[np.float32]
    """(n,): from 0 to 1, shares of the picture's width."""

    y: NDArray[np.float32]

    sigma: NDArray[np.int64]
    """(n,): the feature's blur in eighths of octaves above 1 pixel of the working image, 0 to 63."""

    angle: NDArray[np.int64]
    """(n,): direction of its gradients in 64ths of a turn, clockwise from the right."""

    def __len__(self) -> int:
        return len(self.code)

    def take(self, which: Which) -> Features:
        """Return some of the features."""
        return Features(*(getattr(self, field.name)[which] for field in fields(self)))


NONE = Features(
    np.zeros(0, np.uint64),
    np.zeros((0, codes.WEAK), np.int64),
    np.zeros(0, np.float32),
    np.zeros(0, np.float32),
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
)


def find(rgb: NDArray[np.uint8], size: Size, *, keypoints: int, second: bool) -> Features:
    """Return the features of a picture that differ enough from stronger ones.

    `rgb`: (height, width, 3) pixels. `size`: that of the working image. `keypoints`: the most that are looked at.
    `second`: of a keypoint with two directions, look at both.
    """
    # a wide or high picture of a few lines has no octave: its working image would be large, and of no use
    if not has_octave(size):
        return NONE
    pyramid = Pyramid.of(working_image(rgb, size))
    found = Keypoints.of(pyramid, keypoints)
    if not len(found):
        return NONE
    sampler = Sampler.of(pyramid, found)
    which, turns = directions(sampler.upright(), second=second)
    coefficients = codes.coefficients(codes.normalised(sampler.turned(which, turns)))
    scale = (1 << found.octave).astype(np.float32)
    features = Features(
        codes.codes(coefficients),
        codes.weak_bits(coefficients),
        (found.x * scale)[which] / np.float32(size.width),
        (found.y * scale)[which] / np.float32(size.height),
        _sigma(found)[which],
        (turns + TURNS // ANGLES // 2) // (TURNS // ANGLES) % ANGLES,
    )
    return features.take(_distinct(features.code))


def has_octave(size: Size) -> bool:
    """Return whether a working image of this size is searched for keypoints at all."""
    return min(size.width, size.height) >= SMALLEST


def _sigma(found: Keypoints) -> NDArray[np.int64]:
    octaves: NDArray[np.float32] = found.octave.astype(np.float32) + found.scale / np.float32(STEPS)
    eighths: NDArray[np.float32] = octaves * np.float32(EIGHTHS) + np.float32(EIGHTHS * math.log2(SIGMA) + 0.5)
    return np.floor(eighths).clip(0, 63).astype(np.int64)


def _distinct(code: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the places of codes that are not near a kept one before: patterns that repeat would match anything."""
    near = np.bitwise_count(code[:, None] ^ code) <= codes.NEAR
    keep = np.ones(len(code), bool)
    for place in range(len(code)):
        if keep[place]:
            keep[place + 1 :] &= ~near[place, place + 1 :]
    return np.flatnonzero(keep)


def spread(features: Features, count: int) -> Features:
    """Return `count` of the features, the strongest first: of each cell of a grid not many more than its fair part.

    A crop may show any part of the picture, so no part should be without features.
    """
    most = round(FAIR * count / (CELLS * CELLS))
    lines, columns = (np.minimum(place * CELLS, CELLS - 1).astype(np.int64) for place in (features.y, features.x))
    seen = [0] * (CELLS * CELLS)
    first: list[int] = []
    rest: list[int] = []
    for place, cell in enumerate((lines * CELLS + columns).tolist()):
        (first if seen[cell] < most else rest).append(place)
        seen[cell] += 1
    return features.take(np.array(sorted((first + rest)[:count]), np.int64))
