"""Codes: 64 bits of a patch, the signs of its lowest frequencies, and which bits of its word are the least sure.

All sums are of whole numbers that float32 holds, so the order of adding does not matter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shards.families.crops.patches import SIDE

BITS = 64

FIRST_BIT, WORD_BITS = 1, 16
"""The word of a code, by which it is looked up, is its bits 1 to 16, the lowest frequencies but one.

Bit 0 is the gradient along the direction to which the patch is turned, so it is set in 6 codes of 100 and tells little:
with it, a question is compared with half as many entries again."""

WEAK = 3
"""Bits of a word that may differ where two codes are compared: those nearest to the other sign."""

NEAR = 10
"""Bits by which codes of the same place of a picture differ at most."""

SAMPLE_STEPS = 16
"""Steps of a sample to a grey level."""

DEVIATION = 32
"""Standard deviation to which a patch is brought, if its own is at least 1 grey level."""

LARGEST = 127


def _matrix() -> NDArray[np.float32]:
    """Return (64, 144): the cosines of the 64 lowest frequencies without the mean, in 127ths, which is whole numbers.

    Halves are rounded away from zero, those that floats miss by a hair too: the last bit of a cosine differs between
    libraries of mathematics.
    """
    cosines = [
        [math.cos(math.pi * (2 * place + 1) * frequency / (2 * SIDE)) for place in range(SIDE)]
        for frequency in range(SIDE)
    ]
    frequencies = [(down, across) for down in range(SIDE) for across in range(SIDE) if down or across]
    frequencies.sort(key=lambda pair: (pair[0] ** 2 + pair[1] ** 2, pair))
    matrix = [
        [_rounded(LARGEST * cosines[down][y] * cosines[across][x]) for y in range(SIDE) for x in range(SIDE)]
        for down, across in frequencies[:BITS]
    ]
    return np.array(matrix, np.float32)


def _rounded(value: float) -> float:
    return math.copysign(math.floor(abs(value) + 0.5 + 1e-9), value)


MATRIX = _matrix()


def normalised(patches: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return (n, 144) int8: patches with a mean of 0 and a deviation of 32, or less where a patch is nearly plain."""
    samples = np.rint(patches * np.float32(SAMPLE_STEPS)).astype(np.int64)
    count = SIDE * SIDE
    total = samples.sum(1, keepdims=True)
    # count times the deviation, from exact sums
    spread = np.sqrt((count * (samples * samples).sum(1, keepdims=True) - total * total).astype(np.float64))
    scaled: NDArray[np.float64] = (count * samples - total) * DEVIATION / np.maximum(spread, SAMPLE_STEPS * count)
    return np.rint(scaled).clip(-LARGEST, LARGEST).astype(np.int8)


def coefficients(patches: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return (n, 64) float32, whole numbers below 2^22: the frequencies of normalised patches."""
    # without BLAS: whatever it adds up would be the same, but it starts threads
    found: NDArray[np.float32] = np.einsum("np,cp->nc", patches.astype(np.float32), MATRIX)
    return found


def codes(found: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return (n,) uint64: bit i is set where coefficient i is positive."""
    bits = np.packbits(found > 0, axis=1, bitorder="little")
    return bits.view("<u8").astype(np.uint64).ravel()


def weak_bits(found: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return (n, 3): the bits of the word, of the smallest coefficients, 0 for its lowest; of equal ones the lower."""
    sizes = np.abs(found[:, FIRST_BIT : FIRST_BIT + WORD_BITS])
    return np.argsort(sizes, axis=1, kind="stable")[:, :WEAK]


def words(code: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the words of codes, 0 to 65,535."""
    return (code >> np.uint64(FIRST_BIT)) & np.uint64((1 << WORD_BITS) - 1)
