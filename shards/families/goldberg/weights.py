"""A query as bit masks, and the sums of its values over the set bits of a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Row
from shards.families.goldberg.columns import BLOCK, Plane

Masks = tuple[np.ndarray[Any, Any], ...]
"""Bits of a query, one 0-dimensional array a word: 4 uint64 and the uint16 of the tail."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The values b of a query. With the opposite weights they are those of its negative."""

    flip: Masks
    """Bits that count where a row's bit is not set, since b is negative there."""

    once: Masks
    """Bits where b is ±1."""

    twice: Masks
    """Bits where b is ±2."""

    counts: tuple[int, int]
    """How many values are ±1, and how many ±2."""

    negative_first: NDArray[np.int64]
    """(273,) int64: the sums of the 0, 1, 2, … largest |b| among the negative b."""

    positive_first: NDArray[np.int64]
    """(273,) int64: the sums of the 0, 1, 2, … largest |b| among the positive b."""

    largest_first: NDArray[np.int64]
    """(273,) int64: the sums of the 0, 1, 2, … largest |b|."""

    @classmethod
    def of(cls, row: Row) -> Asked:
        """Prepare a query."""
        positive, negative, twice = row["planes"]
        once = (positive | negative) & ~twice
        sizes = np.unpackbits(once, bitorder="little").astype(np.int64) + 2 * np.unpackbits(twice, bitorder="little")
        return cls(
            _masks(negative),
            _masks(once),
            _masks(twice),
            (int((sizes == 1).sum()), int((sizes == 2).sum())),
            _largest(sizes * np.unpackbits(negative, bitorder="little")),
            _largest(sizes * np.unpackbits(positive, bitorder="little")),
            _largest(sizes),
        )

    @property
    def weight(self) -> int:
        """Σ |b|: the weight of a row that matches everywhere."""
        return self.counts[0] + 2 * self.counts[1]

    @property
    def square(self) -> int:
        """‖b‖²."""
        return self.counts[0] + 4 * self.counts[1]


def _masks(bits: NDArray[np.uint8]) -> Masks:
    plane = Plane.of(np.ascontiguousarray(bits))
    return *(np.array(word[0]) for word in plane.words), np.array(plane.tail[0])


def _largest(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.sort(sizes)[::-1])])


def matched_weights(asked: list[Asked], plane: Plane) -> NDArray[np.uint16]:
    """Return (queries, n) uint16: Σ |b| over the values where b > 0 and the row's bit is set, or b < 0 and it is not.

    For the bits c of a plane that is Σ b·c plus a constant, and in P - 2N + R the constant cancels out.
    """
    weights = np.empty((len(asked), len(plane)), np.uint16)
    for start in range(0, len(plane), BLOCK):
        _weigh(asked, plane.part(start, start + BLOCK), weights[:, start : start + BLOCK])
    return weights


def _weigh(asked: list[Asked], plane: Plane, out: NDArray[np.uint16]) -> None:
    """Sum one block, word by word, so that each word is read from memory once for all queries."""
    rows = len(plane)
    # counts stay in a byte if they fit: widening them would take most of the time
    ones = [np.empty(rows, np.uint8 if query.counts[0] < 256 else np.uint16) for query in asked]
    twos = [np.empty(rows, np.uint8 if query.counts[1] < 256 else np.uint16) for query in asked]
    counted = np.empty(rows, np.uint8)
    for place in range(len(plane.words) + 1):
        bits = plane.words[place] if place < len(plane.words) else plane.tail
        matched, masked = np.empty_like(bits), np.empty_like(bits)
        for query, once, twice in zip(asked, ones, twos, strict=True):
            np.bitwise_xor(bits, query.flip[place], out=matched)
            for mask, total in ((query.once[place], once), (query.twice[place], twice)):
                np.bitwise_and(matched, mask, out=masked)
                if place == 0:
                    np.bitwise_count(masked, out=total)
                else:
                    np.bitwise_count(masked, out=counted)
                    np.add(total, counted, out=total)
    for total, once, twice in zip(out, ones, twos, strict=True):
        np.add(twice, twice, out=total, dtype=np.uint16)
        np.add(total, once, out=total)
