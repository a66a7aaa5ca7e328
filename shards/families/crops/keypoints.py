"""Keypoints: places of a pyramid that differ from all around them, in place and in scale.

Source: D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", 2004: extrema of differences of Gaussians,
without those on edges. Places between pixels are found along each axis alone, so no matrix has to be inverted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.crops.pyramid import LEVELS, Octave, Pyramid
from shards.families.crops.scratch import SCRATCH

CONTRAST = 0.6
"""Grey levels by which a keypoint differs from its surroundings at least."""

EDGE = 2
"""Pixels along the edge of an octave where there are no keypoints: their surroundings are half mirrored."""

STRETCHED, STRETCHED_SQUARED = 10, 11 * 11
"""A keypoint's curvatures in two directions differ by less than a factor of 10: trace² / det < (10 + 1)² / 10."""


PLACES = 1 << 12
"""Places that are compared with all their neighbours at a time: in stripes without end most of them stay."""


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Keypoints of a picture, the strongest first; ties by octave, level, line and column."""

    x: NDArray[np.float32]
    """(n,): pixels of the octave, with fractions."""

    y: NDArray[np.float32]

    octave: NDArray[np.int64]

    level: NDArray[np.int64]
    """(n,): the level of the octave that the keypoint was found at, 1 to STEPS."""

    scale: NDArray[np.float32]
    """(n,): the level with a fraction, ± ½."""

    strength: NDArray[np.float32]
    """(n,): grey levels."""

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def of(cls, pyramid: Pyramid, limit: int) -> Keypoints:
        """Return the strongest `limit` of a pyramid that has an octave."""
        fields = [_of_octave(number, octave) for number, octave in enumerate(pyramid.octaves)]
        x, y, number, level, scale, strength = (np.concatenate(field) for field in zip(*fields, strict=True))
        best = np.argsort(-strength, kind="stable")[:limit]
        return cls(x[best], y[best], number[best], level[best], scale[best], strength[best])


def _of_octave(number: int, octave: Octave) -> tuple[NDArray[Any], ...]:
    """Return the fields of an octave's keypoints, by level, line and column."""
    _, height, width = octave.levels.shape
    differences = SCRATCH.array("differences", (LEVELS - 1, height, width), np.float32)
    np.subtract(octave.levels[1:], octave.levels[:-1], out=differences)
    flat = differences.reshape(-1)
    # steps to the neighbours: right, down, and to the level that is blurred more
    x, y, z = 1, width, height * width
    places = _extrema(flat, (LEVELS - 1, height, width))
    here = flat[places]
    right, left, down, up = flat[places + x], flat[places - x], flat[places + y], flat[places - y]
    twice = here + here
    xx, yy = right + left - twice, down + up - twice
    xy = flat[places + y + x] - flat[places + y - x] - flat[places - y + x] + flat[places - y - x]
    xy *= np.float32(0.25)
    det, trace = xx * yy - xy * xy, xx + yy
    round_ones = (det > 0) & (trace * trace * np.float32(STRETCHED) < det * np.float32(STRETCHED_SQUARED))
    places, here, twice = places[round_ones], here[round_ones], twice[round_ones]
    coarser, finer = flat[places + z], flat[places - z]
    level, place = np.divmod(places, z)
    line, column = np.divmod(place, width)
    return (
        column.astype(np.float32) + _top(left[round_ones], right[round_ones], xx[round_ones]),
        line.astype(np.float32) + _top(up[round_ones], down[round_ones], yy[round_ones]),
        np.full(len(places), number),
        level,
        level.astype(np.float32) + _top(finer, coarser, coarser + finer - twice),
        np.abs(here),
    )


def _extrema(flat: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """Return the elements of the middle levels that are strong enough and no smaller, or no larger, than all around."""
    levels, height, width = shape
    level = height * width
    first, last = level, (levels - 1) * level
    middle = flat[first:last]
    largest = SCRATCH.array("largest", middle.shape, np.bool_)
    smallest = SCRATCH.array("smallest", middle.shape, np.bool_)
    told = SCRATCH.array("told", middle.shape, np.bool_)
    np.greater(middle, np.float32(CONTRAST), out=largest)
    np.less(middle, np.float32(-CONTRAST), out=smallest)
    # four neighbours leave few, of which the other 22 are then looked up
    for step in (-1, 1, -width, width):
        neighbour = flat[first + step : last + step]
        largest &= np.greater_equal(middle, neighbour, out=told)
        smallest &= np.less_equal(middle, neighbour, out=told)
    largest |= smallest
    inner = largest.reshape(levels - 2, height, width)
    inner[:, :EDGE] = inner[:, -EDGE:] = False
    inner[:, :, :EDGE] = inner[:, :, -EDGE:] = False
    places: NDArray[np.int64] = np.flatnonzero(largest) + first
    found = [
        _standing_out(flat, places[start : start + PLACES], width, level) for start in range(0, len(places), PLACES)
    ]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _standing_out(flat: NDArray[np.float32], places: NDArray[np.int64], width: int, level: int) -> NDArray[np.int64]:
    """Return those of the places that are no smaller, or no larger, than the neighbours on other lines or levels."""
    square = (np.array([-width, 0, width])[:, None] + [-1, 0, 1]).ravel()
    diagonal = np.array([-width - 1, -width + 1, width - 1, width + 1])
    # the likeliest to be larger first: few places are left to be compared with the rest
    for steps in (-level, level, np.concatenate([square - level, square + level, diagonal])):
        here, there = flat[places], flat[places + np.reshape(steps, (-1, 1))]
        places = places[np.where(here > 0, here >= there, here <= there).all(axis=0)]
    return places


def _top(before: NDArray[np.float32], after: NDArray[np.float32], bend: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return where the parabola through a value and its two neighbours has its top, ½ pixel away at most."""
    top = ((before - after) * np.float32(0.5) / np.where(bend == 0, np.float32(1), bend)).astype(np.float32)
    return np.clip(top, np.float32(-0.5), np.float32(0.5), out=top)
