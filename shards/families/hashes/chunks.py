"""The arithmetic of multi-index hashing: chunks of hashes, and the shares of a radius among them.

If every chunk i of two hashes differed in more than tᵢ bits, the hashes would differ in Σ(tᵢ + 1) bits or more. So with
Σ(tᵢ + 1) = radius + 1, a hash within the radius differs in at most tᵢ bits in some chunk i. It is enough to look, for
every chunk, at the hashes whose chunk is one of the numbers that differ in so few bits from the query's. A chunk that
is left out has tᵢ = −1.

Source: M. Norouzi, A. Punjani, D. Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014. Other
than there, the radius is shared unevenly: more of it goes to chunks where few hashes have such numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

CHUNK = 16
"""Maximum number of bits in a chunk."""

MAX_FLIPS = 2
"""Maximum number of bits flipped in a chunk: 137 numbers of 16 bits. With a third flip they are 697, and a scan is as
fast."""


@dataclass(frozen=True, slots=True)
class Flips:
    """The masks with which the numbers near a chunk are made of its own number."""

    masks: NDArray[np.int64]
    """(n,) int64: the masks with at most MAX_FLIPS bits, fewest bits first."""

    upto: tuple[int, ...]
    """(MAX_FLIPS + 2,): how many of the masks have at most −1, 0, 1, … bits."""


@lru_cache
def flips(bits: int) -> Flips:
    """Return the masks for numbers of so many bits."""
    masks = [sum(1 << bit for bit in chosen) for n in range(MAX_FLIPS + 1) for chosen in combinations(range(bits), n)]
    upto = [sum(mask.bit_count() <= n for mask in masks) for n in range(-1, MAX_FLIPS + 1)]
    return Flips(np.array(masks, np.int64), tuple(upto))


def spread(bits: int, chunks: int) -> list[list[int]]:
    """Return the bits of each chunk, equally many. Bit 0 is the first bit in the first row of a square hash.

    Neighbouring bits of a hash are alike, so chunks of neighbours would have few different numbers, and buckets 20
    times larger. Therefore a chunk takes its bits from all rows and columns.
    """
    side = round(bits**0.5)
    step = 1 if chunks <= 4 else chunks // 3 | 1
    order = sorted(range(bits), key=lambda bit: ((bit // side * step + bit % side) % chunks, bit))
    size = bits // chunks
    return [order[chunk * size : (chunk + 1) * size] for chunk in range(chunks)]


def share(radius: int, costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return (chunks,) int64: the shares tᵢ, −1 or more, that cost least while Σ(tᵢ + 1) = radius + 1.

    `costs` (chunks, n): the cost of looking with tᵢ = −1, 0, … n − 2. The cheapest steps are taken, those of a chunk in
    order. No other choice is cheaper where costs grow faster with every step, as they do.
    """
    steps = np.maximum.accumulate(np.diff(costs, axis=1), axis=1)
    cheapest = np.argsort(steps.T, axis=None, kind="stable")[: radius + 1]
    return np.bincount(cheapest % len(costs), minlength=len(costs)) - 1


def about(numbers: Sequence[int], radius: int, bits: int, entries: int, skew: int) -> list[tuple[int, int]]:
    """Estimate the spans of entries, (first, after the last), that are looked at for a radius.

    It is for when the entries of each number are not known yet: numbers are taken to have equally many, and those that
    are looked at `skew` times as many. `numbers`: those of the chunks of a hash, counted through all chunks, of `bits`
    bits each. `entries`: of all numbers together.
    """
    around = flips(bits)
    shares = share(radius, np.tile(np.array(around.upto, np.float64), (len(numbers), 1)))
    near = [number ^ around.masks[: around.upto[t + 1]] for number, t in zip(numbers, shares.tolist(), strict=True)]
    mean = entries / (len(numbers) << bits)
    starts = (np.concatenate(near) * mean).astype(np.int64)
    return list(zip(starts.tolist(), np.minimum(starts + int(skew * mean) + 1, entries).tolist(), strict=True))
