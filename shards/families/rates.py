"""False rates: how often two pictures that do not show the same score so much, and what a score is worth by that.

A false rate is the share of pairs of strangers, two pictures that have nothing in common, that score at least so much.
`shards/families/measured.py` has what `lookalike evaluate` measured. A false rate of 1e-6 in an index of a million
images means one wrong match for each question.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import QueryError

Confidence: TypeAlias = Literal["certain", "likely", "weak"]

MATCH_RATE = 1e-6
"""False rate at which a family's `match_score` lies."""

WEAK_RATE = 1e-5
"""False rate above which a hit is worth no word: that many strangers score as much."""

CERTAIN, LIKELY = 0.001, 0.1
"""Wrong hits expected for a question of the whole index, up to which a hit is certain, or likely."""

LEAST = 1e-12
"""Least rate that is ever stated: nobody has looked at so many pairs."""

TAIL = 100.0
"""Ratio of the two rates whose line is followed beyond the last point: two decades even out the noise of one."""


@dataclass(frozen=True, slots=True)
class RateTable:
    """The false rates of one family."""

    points: tuple[tuple[float, float], ...]
    """(score, false rate): from (0, 1) on, the scores rise and the rates fall. Between two points log10 of the rate is
    a straight line, which for families of few scores, such as hashes, is never too low. Beyond the last point it goes
    on straight, as steep as over the last two decades: the scores of strangers fall off faster than that."""

    def __post_init__(self) -> None:
        scores, rates = zip(*self.points, strict=True)
        rising = all(low < high for low, high in pairwise(scores))
        falling = all(high > low for high, low in pairwise(rates))
        if len(self.points) < 2 or self.points[0] != (0.0, 1.0) or not (rising and falling and rates[-1] > 0):
            raise QueryError(
                f"{self.points} is no table of false rates: it goes from (0, 1) on, with rising scores, and falling"
                " rates above 0"
            )

    @classmethod
    def assumed(cls, match_score: float) -> RateTable:
        """Return the table of a family that nobody has measured, whose author states the score at a rate of 1e-6."""
        return cls(((0.0, 1.0), (match_score, MATCH_RATE)))

    def rate(self, score: float) -> float:
        """Return the false rate of this score, `LEAST` to 1."""
        if score <= 0:
            return 1.0
        scores = [point[0] for point in self.points]
        at = bisect_right(scores, score)
        if at == len(scores):
            last, rate = self.points[-1]
            log = math.log10(rate) - self._steepness() * (score - last)
        else:
            (low, low_rate), (high, high_rate) = self.points[at - 1], self.points[at]
            share = (score - low) / (high - low)
            log = math.log10(low_rate) * (1 - share) + math.log10(high_rate) * share
        return max(LEAST, math.pow(10.0, log))

    def rates(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the false rate of each score, as `rate` gives it but for the last digits."""
        at, logs = zip(*((score, math.log10(rate)) for score, rate in self.points), strict=True)
        beyond = 1000.0
        logs_there = np.interp(scores, (*at, at[-1] + beyond), (*logs, logs[-1] - beyond * self._steepness()))
        rates: NDArray[np.float64] = np.maximum(LEAST, np.power(10.0, logs_there))
        return rates

    def score(self, rate: float) -> float:
        """Return the score from which on the false rate is at most this; 100 where that is never so."""
        if rate >= 1:
            return 0.0
        falling = [-point[1] for point in self.points]
        at = bisect_left(falling, -rate)
        if at == len(falling):
            last, last_rate = self.points[-1]
            return min(100.0, last + math.log10(last_rate / rate) / self._steepness())
        (low, low_rate), (high, high_rate) = self.points[at - 1], self.points[at]
        share = math.log10(low_rate / rate) / math.log10(low_rate / high_rate)
        return low + share * (high - low)

    def _steepness(self) -> float:
        """Return by how much log10 of the rate falls for one point of score, at the end of the table."""
        last, rate = self.points[-1]
        before = next(point for point in reversed(self.points[:-1]) if point[1] >= TAIL * rate or point[0] == 0)
        return math.log10(before[1] / rate) / (last - before[0])


def table(family: str) -> RateTable:
    """Return the measured table of a family, by its name. Raises QueryError where it was not measured."""
    from shards.families.measured import TABLES

    if family not in TABLES:
        raise QueryError(f"the false rates of {family} were not measured; those of {', '.join(TABLES)} were")
    return TABLES[family]


def score_at(family: str, rate: float) -> float:
    """Return the score of this measured family at a false rate. Raises QueryError as `table` does."""
    return table(family).score(rate)


def match_score(family: str) -> float:
    """Return the score of this measured family that is called a match, rounded up to a tenth."""
    return math.ceil(10 * score_at(family, MATCH_RATE)) / 10


def confidence(rate: float, images: int) -> Confidence | None:
    """Return how sure a hit of this false rate is in an index of so many images; None where it says nothing.

    `rate · images` wrong hits are expected for a question. "certain" and "likely" are matches.
    """
    expected = rate * max(1, images)
    if rate <= MATCH_RATE and expected <= CERTAIN:
        return "certain"
    if rate <= MATCH_RATE and expected <= LIKELY:
        return "likely"
    return "weak" if rate <= WEAK_RATE else None


def is_match(rate: float, images: int) -> bool:
    """Return whether a hit of this false rate is a match in an index of so many images."""
    return confidence(rate, images) in ("certain", "likely")
