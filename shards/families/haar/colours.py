"""Average colours as bit planes: bounds of the distance of two colours, to a fraction of a coefficient's weight.

The code of an average is the average times its weight, in hundredths of the score's sum, divided by the channel's unit
and rounded down. So the codes of a row and a query bound the distance of their averages from both sides, and codes
without their lowest plane have twice the unit. 25 planes are 3.1 bytes a row; the float64 averages are 24.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.haar.bitsliced import Words, bits_of
from shards.families.haar.row import GREY
from shards.families.haar.scoring import WEIGHTS

UNITS = (4, 8, 8)
"""Hundredths in a step of the codes of Y, I and Q. Finer codes would seldom decide, since few rows lie so near the last
match; and each plane that is left out saves a query an eighth of a byte a row."""

PLANES = (7, 9, 9)
"""Number of planes of Y, I and Q: the fewest with which every colour's code lies strictly between 0 and the highest."""

ORIGINS = (1, 256, 256)
"""Codes of an average of 0, in Y, I and Q."""

NEAR_GREY = tuple(math.ceil(GREY * float(WEIGHTS[channel, 0]) / UNITS[channel] - 1e-9) for channel in (1, 2))
"""Steps from the origin, in I and Q, within which all codes of grey pictures lie."""


def codes(rows: Rows, channel: int) -> NDArray[np.uint16]:
    """Return (rows,) uint16: each row's code in a channel. Averages outside the scale get 0 or the highest code."""
    return _position(rows["avgl"][:, channel], channel).astype(np.uint16)


def _position(averages: NDArray[np.float64], channel: int) -> NDArray[np.float64]:
    """Return the positions of averages on the scale of the codes: the codes before they are rounded down."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = averages * (float(WEIGHTS[channel, 0]) / UNITS[channel]) + ORIGINS[channel]
    # unlike np.clip, these two take a damaged average that is no number for the highest
    return np.fmax(np.fmin(scaled, (1 << PLANES[channel]) - 1), 0)


@dataclass(frozen=True, slots=True)
class Colour:
    """A query's average in one channel."""

    channel: int

    position: float
    """Position on the scale of the codes."""

    @classmethod
    def of(cls, averages: NDArray[np.float64], channel: int) -> Colour:
        return cls(channel, float(_position(averages[[channel]], channel)[0]))

    @property
    def from_grey(self) -> float:
        """Hundredths between this average and 0."""
        return abs(self.position - ORIGINS[self.channel]) * UNITS[self.channel]

    def nearness(self, planes: Words, unit: int) -> list[Words]:
        """Return planes of `ceiling(unit)` minus the distance of each row, the lowest plane first.

        `planes`: (PLANES[channel], words). `unit`: hundredths, the channel's own unit times a power of two. The
        distance is that of the codes without their lowest planes, which exceeds the true distance by `slack(unit)`
        hundredths or less.
        """
        return _highest_less_distance(planes[self._dropped(unit) :], self._rounded(unit))

    def ceiling(self, unit: int) -> int:
        """Return the greatest code in this unit."""
        return (1 << (PLANES[self.channel] - self._dropped(unit))) - 1

    def slack(self, unit: int) -> float:
        """Return the hundredths by which the distance of codes in this unit may exceed the true distance."""
        return abs(self._scaled(unit) - self._rounded(unit)) * unit

    def _dropped(self, unit: int) -> int:
        """Return the number of low planes that a code in this unit does not have."""
        return (unit // UNITS[self.channel]).bit_length() - 1

    def _scaled(self, unit: int) -> float:
        return self.position / (1 << self._dropped(unit))

    def _rounded(self, unit: int) -> int:
        """Return the position rounded to the nearest code.

        Nearest, since the distance counts from the lower end of a row's code where the row is above the query, and from
        the upper end where it is below.
        """
        return min(int(self._scaled(unit) + 0.5), self.ceiling(unit))

    def bounds(self, planes: Words, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a lower and an upper bound of these rows' distances, in hundredths: (rows,) float64 each."""
        row_codes = np.dot(1 << np.arange(len(planes)), bits_of([*planes], rows))
        unit = UNITS[self.channel]
        above = row_codes - self.position
        nearest = np.maximum(np.maximum(above, -1 - above), 0) * unit
        farthest = np.maximum(above + 1, -above) * unit
        # the codes at the ends of the scale stand for averages at any distance beyond
        ends = (0, self.ceiling(unit))
        farthest[np.isin(row_codes, ends) | (self.position in ends)] = np.inf
        return nearest, farthest


def _highest_less_distance(planes: Words, code: int) -> list[Words]:
    """Return planes of 2^n - 1 - (c - code) for rows of c >= code, and of 2^n - (code - c) for rows of c < code.

    c is each row's number of n planes. c - code is c plus the complement of `code` plus 1, added bit by bit, and the
    carry out says whether c >= code. The result is the complement of the difference for those rows, and for the others
    the difference itself, in two's complement.
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


def near_grey(planes: Sequence[Words]) -> Words:
    """Return the bitmap of rows that may be grey: all that are, and some of little colour.

    `planes`: those of I and those of Q.
    """
    near: Words = np.full_like(planes[0][0], ~np.uint64(0))
    unlike = np.empty_like(near)
    for channel, steps in zip(planes, NEAR_GREY, strict=True):
        # 256 is 1 0000 0000: from 256 - 2^n to 255 + 2^n, each bit from n on is unlike the highest
        *lower, highest = channel[(steps - 1).bit_length() :]
        for plane in lower:
            np.bitwise_xor(plane, highest, out=unlike)
            near &= unlike
    return near
