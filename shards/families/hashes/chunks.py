"""Cutting hashes into chunks, and sharing a radius over them: the arithmetic of multi-index hashing.

If every chunk i of two hashes differed in more than tᵢ bits, the hashes would differ in Σ(tᵢ + 1) bits or more. So
with Σ(tᵢ + 1) = radius + 1, whatever is within the radius differs in at most tᵢ bits of some chunk i: it is enough
to look, for every chunk, at the hashes with one of the numbers that differ in so few bits from the query's there.
A chunk that is left out has tᵢ = −1.

Source: M. Norouzi, A. Punjani, D. Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014. Unlike
there the radius is shared unevenly: more of it goes to chunks where few hashes have such numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

CHUNK = 16
"""Bits of a chunk at most."""

MAX_FLIPS = 2
"""Bits flipped in one chunk at most: 137 numbers of 16 bits. A third flip makes them 697, and a scan is as fast."""


@dataclass(frozen=True, slots=True)
class Flips:
    """`masks` (n,) int64: those with at most MAX_FLIPS bits, fewest first. `upto` (MAX_FLIPS + 2,): how many have at
    most −1, 0, 1, … bits."""

    masks: NDArray[np.int64]
    upto: tuple[int, ...]


@lru_cache
def flips(bits: int) -> Flips:
    """What to flip in numbers of so many bits."""
    masks = [sum(1 << bit for bit in chosen) for n in range(MAX_FLIPS + 1) for chosen in combinations(range(bits), n)]
    upto = [sum(mask.bit_count() <= n for mask in masks) for n in range(-1, MAX_FLIPS + 1)]
    return Flips(np.array(masks, np.int64), tuple(upto))


def spread(bits: int, chunks: int) -> list[list[int]]:
    """The bits of each chunk, equally many: bit 0 is the first, in the first row of a square hash.

    Neighbouring bits of a hash are alike; a chunk of neighbours would have few different numbers, each of them often,
    and buckets 20 times larger. So a chunk takes its bits from all rows and columns.
    """
    side = round(bits**0.5)
    step = 1 if chunks <= 4 else chunks // 3 | 1
    order = sorted(range(bits), key=lambda bit: ((bit // side * step + bit % side) % chunks, bit))
    size = bits // chunks
    return [order[chunk * size : (chunk + 1) * size] for chunk in range(chunks)]


def share(radius: int, costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """(chunks,) int64: tᵢ, from −1 on, so that looking costs little and Σ(tᵢ + 1) = radius + 1.

    `costs` (chunks, n): of looking with tᵢ = −1, 0, … n − 2. The cheapest steps are taken, each after those before
    it; with costs that grow faster and faster, as they do, no other choice is cheaper.
    """
    steps = np.maximum.accumulate(np.diff(costs, axis=1), axis=1)
    cheapest = np.argsort(steps.T, axis=None, kind="stable")[: radius + 1]
    return np.bincount(cheapest % len(costs), minlength=len(costs)) - 1


def about(numbers: Sequence[int], radius: int, bits: int, entries: int, skew: int) -> list[tuple[int, int]]:
    """About where what is looked at for a radius lies, (first entry, entry after the last) of each number, before it
    is known how many entries each has: as if all had equally many, and those that are looked at `skew` times as many.

    `numbers`: of the chunks of a hash, counted through all chunks, each of `bits` bits. `entries`: of all of them.
    """
    known = flips(bits)
    shares = share(radius, np.tile(np.array(known.upto, np.float64), (len(numbers), 1)))
    near = [number ^ known.masks[: known.upto[mine + 1]] for number, mine in zip(numbers, shares.tolist(), strict=True)]
    mean = entries / (len(numbers) << bits)
    starts = (np.concatenate(near) * mean).astype(np.int64)
    return list(zip(starts.tolist(), np.minimum(starts + int(skew * mean) + 1, entries).tolist(), strict=True))
