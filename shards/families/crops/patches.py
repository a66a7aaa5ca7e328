"""Patches: 12 × 12 samples around a keypoint, turned so that the strongest gradients point the same way in each.

Places, samples and gradients are float32 sums and products in a fixed order, and histograms are added up in float64 in
a fixed order, so everything has the same bits everywhere. Directions need no arctangent and no square root: a gradient
is split between the two directions beside it by its cross products with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.crops.keypoints import Keypoints
from shards.families.crops.pyramid import SIGMA, STEPS, Pyramid

SIDE = 12
"""Samples along a side of a patch."""

STEP = 1.4
"""From a sample to the next, in sigmas of the keypoint."""

TURNS = 256
"""Directions that a patch can have: with 64, two copies in a hundred fewer are found of crops by half."""

BINS, QUARTER = 36, 9
"""Directions that gradients are added up in, of 10° each, and how many are a right angle."""

SPREAD = 4.5
"""Sigma of the Gaussian by which gradients count for the direction, in sigmas of the keypoint."""

SECOND = 0.8
"""Share of the strongest direction's gradients from which on another one counts as well."""

FINE = 64
"""Steps of the table of powers to an octave."""

_LINE = [(place - (SIDE - 1) / 2) * STEP for place in range(SIDE)]
ACROSS = np.array(_LINE * SIDE, np.float32)
DOWN = np.repeat(np.array(_LINE, np.float32), SIDE)
"""(144,): where the samples lie beside the keypoint, in its sigmas."""

_TURNED = [2 * math.pi * turn / TURNS for turn in range(TURNS)]
TURN_COS = np.array([math.cos(angle) for angle in _TURNED], np.float32)
TURN_SIN = np.array([math.sin(angle) for angle in _TURNED], np.float32)

_EDGES = [math.pi * edge / (2 * QUARTER) for edge in range(QUARTER + 1)]
EDGE_COS = np.array([math.cos(angle) for angle in _EDGES], np.float32)
EDGE_SIN = np.array([math.sin(angle) for angle in _EDGES], np.float32)
"""(10,): the directions between which gradients are split, in the first quarter."""

WEIGHTS = np.array(
    [[math.exp(-(x * x + y * y) / (2 * SPREAD * SPREAD)) for x in _LINE[1:-1]] for y in _LINE[1:-1]], np.float32
)
"""(10, 10): how much the gradient at each inner sample counts."""

SIGMAS = np.float32(SIGMA) * np.array([2 ** (step / FINE) for step in range(2 * FINE)], np.float32)
"""Blurs in pixels of the octave, by the scale in steps of FINE to an octave."""

_INSIDE = np.float32(1.001)
"""Pixels that a place stays away from the last line and column: it is interpolated with the next pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class Sampler:
    """The surroundings of a picture's keypoints."""

    pyramid: Pyramid
    keypoints: Keypoints
    sigmas: NDArray[np.float32]
    """(keypoints,): pixels of the octave."""

    starts: NDArray[np.int32]
    """(keypoints,): where the keypoint's level begins in the buffer."""

    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    """(keypoints,): size of the level in pixels."""

    @classmethod
    def of(cls, pyramid: Pyramid, keypoints: Keypoints) -> Sampler:
        """Return the surroundings of these keypoints of a pyramid."""
        octave_starts = np.array([octave.start for octave in pyramid.octaves])
        heights, widths = np.array([octave.levels.shape[1:] for octave in pyramid.octaves]).T[:, keypoints.octave]
        starts = octave_starts[keypoints.octave] + keypoints.level * heights * widths
        step = np.floor(keypoints.scale * np.float32(FINE / STEPS) + np.float32(0.5)).astype(np.int64)
        return cls(
            pyramid,
            keypoints,
            SIGMAS[step],
            starts.astype(np.int32),
            widths.astype(np.int32),
            heights.astype(np.int32),
        )

    def upright(self) -> NDArray[np.float32]:
        """Return (keypoints, 144) float32: the samples around each, line by line."""
        sigma = self.sigmas[:, None]
        every = np.arange(len(self.keypoints))
        return self._samples(every, ACROSS * sigma, DOWN * sigma)

    def turned(self, which: NDArray[np.int64], turns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (n, 144) float32: the samples around these keypoints, each turned by so many of TURNS."""
        cos, sin = TURN_COS[turns, None], TURN_SIN[turns, None]
        sigma = self.sigmas[which, None]
        return self._samples(which, (ACROSS * cos - DOWN * sin) * sigma, (ACROSS * sin + DOWN * cos) * sigma)

    def _samples(
        self, which: NDArray[np.int64], across: NDArray[np.float32], down: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the samples at these places beside the keypoints, interpolated between four pixels."""
        width, height = self.widths[which, None], self.heights[which, None]
        x = np.clip(self.keypoints.x[which, None] + across, 0, width.astype(np.float32) - _INSIDE)
        y = np.clip(self.keypoints.y[which, None] + down, 0, height.astype(np.float32) - _INSIDE)
        column, line = x.astype(np.int32), y.astype(np.int32)
        x -= column
        y -= line
        place = self.starts[which, None] + line * width + column
        above = self._between(place, x)
        below = self._between(place + width, x)
        below -= above
        below *= y
        above += below
        return above

    def _between(self, place: NDArray[np.int32], share: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what lies between pixels and those to their right."""
        left, right = self.pyramid.buffer[place], self.pyramid.buffer[place + 1]
        right -= left
        right *= share
        left += right
        return left


def directions(patches: NDArray[np.float32], *, second: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (n,) the patch and (n,) the direction, of TURNS, in which the gradients of each patch are strongest.

    `patches`: (patches, 144). `second`: return a second direction as well of patches that have two.
    """
    histogram = _histogram(patches)
    after, before = np.roll(histogram, -1, 1), np.roll(histogram, 1, 1)
    if second:
        patch, peak = _peaks(histogram, before, after)
    else:
        patch, peak = np.arange(len(patches)), histogram.argmax(1)
    before, here, after = before[patch, peak], histogram[patch, peak], after[patch, peak]
    bend = np.minimum(before - 2 * here + after, -1e-9)
    turns = np.floor((peak + 0.5 * (before - after) / bend) * (TURNS / BINS) + 0.5)
    return patch, turns.astype(np.int64) % TURNS


def _peaks(
    histogram: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (n,) the patch and (n,) the bin of one or two peaks of each, the higher first."""
    high = histogram >= SECOND * histogram.max(1, keepdims=True)
    peaks = np.where((histogram > before) & (histogram >= after) & high, histogram, 0)
    # a patch without gradients has the first direction
    peaks[~(peaks > 0).any(1), 0] = np.finfo(np.float64).tiny
    best = np.argsort(-peaks, axis=1, kind="stable")[:, :2]
    patch, rank = np.nonzero(np.take_along_axis(peaks, best, 1) > 0)
    return patch, best[patch, rank]


def _histogram(patches: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (patches, 36): the gradients of each patch by direction, smoothed."""
    count = len(patches)
    square = patches.reshape(count, SIDE, SIDE)
    gx = (square[:, 1:-1, 2:] - square[:, 1:-1, :-2]) * WEIGHTS
    gy = (square[:, 2:, 1:-1] - square[:, :-2, 1:-1]) * WEIGHTS
    second_half = (gy < 0) | ((gy == 0) & (gx < 0))
    odd = np.where(second_half, gx >= 0, gx <= 0)
    gx, gy = np.abs(gx), np.abs(gy)
    # as if all were in the first quarter
    x, y = np.where(odd, gy, gx), np.where(odd, gx, gy)
    sector = np.zeros(x.shape, np.uint8)
    for edge in range(1, QUARTER):
        sector += y * EDGE_COS[edge] >= x * EDGE_SIN[edge]
    from_low = y * EDGE_COS[sector] - x * EDGE_SIN[sector]
    from_high = x * EDGE_SIN[sector + 1] - y * EDGE_COS[sector + 1]
    low = sector + np.uint8(2 * QUARTER) * second_half + np.uint8(QUARTER) * odd
    first = np.arange(count)[:, None, None] * BINS
    histogram: NDArray[np.float64] = np.zeros(count * BINS)
    for bins, weight in ((low, from_high), ((low + 1) % BINS, from_low)):
        histogram += np.bincount((first + bins).ravel(), weight.ravel(), count * BINS)
    histogram = histogram.reshape(count, BINS)
    for _ in range(2):
        histogram = 0.25 * (np.roll(histogram, 1, 1) + np.roll(histogram, -1, 1)) + 0.5 * histogram
    return histogram
