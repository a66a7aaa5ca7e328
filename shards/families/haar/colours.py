"""Average colours as bit planes: how far apart two pictures' colours are, to a fraction of a coefficient's weight.

A code is the average times its weight, in hundredths of the score's sum, divided by the channel's unit and rounded
down. So the codes of a row and a query bound the distance of their averages from both sides, and leaving out the
lowest plane gives codes of twice the unit. 25 planes are 3.1 bytes a row; the float64 averages are 24.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.haar.bitsliced import Words, bits_of
from shards.families.haar.scoring import WEIGHTS

UNITS = (4, 8, 8)
"""Of Y, I and Q: hundredths of a step of the codes. Few rows lie so near the last answer that only their averages
can decide, and each plane less is an eighth of a byte that a query need not fetch."""

PLANES = (7, 9, 9)
"""Of Y, I and Q: the fewest with which every colour's code lies strictly between 0 and the highest."""

ORIGINS = (1, 256, 256)
"""The codes of an average of 0."""


def codes(rows: Rows, channel: int) -> NDArray[np.uint16]:
    """(rows,) uint16: each row's code in a channel. 0 and the highest stand for whatever lies beyond as well."""
    return _position(rows["avgl"][:, channel], channel).astype(np.uint16)


def _position(averages: NDArray[np.float64], channel: int) -> NDArray[np.float64]:
    """Where averages lie on the scale of the codes: the code before it is rounded down."""
    scaled = averages * (float(WEIGHTS[channel, 0]) / UNITS[channel]) + ORIGINS[channel]
    return np.clip(scaled, 0, (1 << PLANES[channel]) - 1)


@dataclass(frozen=True, slots=True)
class Colour:
    """A query's average in one channel, and where it lies on the scale of the codes."""

    channel: int
    position: float

    @classmethod
    def of(cls, averages: NDArray[np.float64], channel: int) -> Colour:
        return cls(channel, float(_position(averages[[channel]], channel)[0]))

    def nearness(self, planes: Words, unit: int) -> list[Words]:
        """Planes of `ceiling(unit)` less the distance, in units of so many hundredths, the lowest first.

        `planes`: (PLANES[channel], words). `unit`: the channel's own, times a power of two. The distance is that of
        the codes without their lowest planes, and at most `slack(unit)` hundredths more than the true one.
        """
        return _highest_less_distance(planes[self._dropped(unit) :], self._rounded(unit))

    def ceiling(self, unit: int) -> int:
        return (1 << (PLANES[self.channel] - self._dropped(unit))) - 1

    def slack(self, unit: int) -> float:
        return abs(self._scaled(unit) - self._rounded(unit)) * unit

    def _dropped(self, unit: int) -> int:
        """How many of the lowest planes a code in this unit goes without."""
        return (unit // UNITS[self.channel]).bit_length() - 1

    def _scaled(self, unit: int) -> float:
        return self.position / (1 << self._dropped(unit))

    def _rounded(self, unit: int) -> int:
        """To the nearest, since the distance counts a row's code by its lower end where the row is above, and by its
        upper end where it is below."""
        return min(int(self._scaled(unit) + 0.5), self.ceiling(unit))

    def bounds(self, planes: Words, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(rows,) float64 each: these rows' distances are at least the first and at most the second, in hundredths."""
        found = np.dot(1 << np.arange(len(planes)), bits_of([*planes], rows))
        unit = UNITS[self.channel]
        above = found - self.position
        nearest = np.maximum(np.maximum(above, -1 - above), 0) * unit
        farthest = np.maximum(above + 1, -above) * unit
        # beyond the ends of the scale there is no telling how far
        ends = (0, self.ceiling(unit))
        farthest[np.isin(found, ends) | (self.position in ends)] = np.inf
        return nearest, farthest


def _highest_less_distance(planes: Words, code: int) -> list[Words]:
    """Planes of 2^n - 1 - |c - code|, where c is each row's number of n planes; of 2^n - (code - c) where c < code.

    c - code is c plus the complement of `code` plus 1, added bit by bit: the carry out says whether c >= code. The
    complement of the difference is what is wanted there, and elsewhere the difference itself, less than code - c
    as two's complement has it by 1.
    """
    carry: Words | None = None  # None: all ones
    differences: list[tuple[Words, int]] = []
    for bit, plane in enumerate(planes):
        complement = ~code >> bit & 1
        if carry is None:
            differences.append((plane.copy(), 1 - complement))
            carry = None if complement else plane
            continue
        differences.append((plane ^ carry, complement))
        carry = plane | carry if complement else plane & carry
    reached = np.full_like(planes[0], ~np.uint64(0)) if carry is None else carry
    missed = ~reached
    for difference, flip in differences:
        difference ^= missed if flip else reached
    return [difference for difference, _ in differences]
