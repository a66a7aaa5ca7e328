"""Counting: what copies score, what strangers score, and how sure the counts are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.rates import RateTable

BINS = 1000
"""Bins of the histogram of strangers' scores."""

STRANGER = np.dtype([("subject", "<u4"), ("transformation", "<u2"), ("other", "<u4"), ("score", "<f8"), ("rule", "u1")])
"""A pair that scores much: places of the picture asked for, of the transformation, of the other one; and the rule by
which they are no strangers, 0 where they are."""

ENOUGH = 10
"""Number of pairs from which on a share of them is called measured."""

POINTS_A_DECADE = 4


@dataclass(frozen=True, slots=True)
class Share:
    """A share, and its standard error."""

    value: float

    error: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} ± {100 * self.error:.1f} %"


def share_of(found: NDArray[np.bool_]) -> Share:
    """Return the share that is True; NaN without any."""
    if found.size == 0:
        return Share(math.nan, math.nan)
    value = float(found.mean())
    return Share(value, math.sqrt(value * (1 - value) / found.size))


def mean_share(found: NDArray[np.bool_]) -> Share:
    """Return the share of (subjects, transformations) bool that is True.

    The copies of one picture are found or missed together, so each picture counts as one observation for the error.
    """
    if found.size == 0:
        return Share(math.nan, math.nan)
    by_subject = found.mean(axis=1)
    error = float(by_subject.std(ddof=1)) / math.sqrt(len(by_subject)) if len(by_subject) > 1 else math.nan
    return Share(float(by_subject.mean()), error)


@dataclass(frozen=True, slots=True)
class Strangers:
    """The scores of all pairs of strangers, the high ones exactly."""

    pairs: int
    """How many there were."""

    counts: NDArray[np.int64]
    """(BINS,) int64: how many scored within each bin of 0 to `top`; the last bin holds `top` itself and above."""

    top: float

    high: NDArray[np.void]
    """(n,) of STRANGER: every pair that scores at least `floor`."""

    floor: float

    apart: NDArray[np.void]
    """(n,) of STRANGER: pairs that score as much, but are not counted; of those rules that name them."""

    def at_least(self, score: float) -> NDArray[np.void]:
        """Return the pairs that score at least this, which is not below `floor`."""
        return self.high[self.high["score"] >= score]

    def rate(self, score: float) -> Share:
        """Return the false rate of a score not below `floor`.

        All copies of one picture against one other are one observation for the error: they score alike.
        """
        pairs = self.at_least(score)
        _, of_each = np.unique(pairs["subject"].astype(np.int64) << 32 | pairs["other"], return_counts=True)
        error = math.sqrt(float((of_each.astype(np.float64) ** 2).sum()))
        return Share(len(pairs) / max(1, self.pairs), error / max(1, self.pairs))

    def can_measure(self, rate: float) -> bool:
        """Return True where so small a rate is still a number of pairs, and not below what was kept."""
        return self.pairs * rate >= ENOUGH

    def threshold(self, rate: float, scores: NDArray[np.float64]) -> float:
        """Return the lowest of these scores, or of the strangers' own, that at most this share of strangers reaches.

        `scores`: those that copies have, so that the threshold is a score that occurs. 100 where none is high enough.
        """
        allowed = int(rate * self.pairs)
        falling = np.sort(self.high["score"])[::-1]
        limit = falling[allowed] if allowed < len(falling) else -np.inf
        above = np.concatenate([falling[falling > limit], scores[(scores > limit) & (scores >= self.floor)]])
        return float(above.min()) if len(above) else self.top

    def table(self) -> list[tuple[float, float, float]]:
        """Return (score, false rate, standard error): what `RateTable` is made of, as far as pairs suffice."""
        points = [(0.0, 1.0, 0.0)]
        at_least = self.counts[::-1].cumsum()[::-1]
        edges = np.arange(BINS) * (self.top / BINS)
        scores = np.unique(self.high["score"])
        for step in range(1, 1000):
            wanted = 10 ** (-step / POINTS_A_DECADE)
            if wanted * self.pairs < ENOUGH:
                break
            low = np.flatnonzero((at_least <= wanted * self.pairs) & (edges < self.floor))
            if len(low) and low[0] > 0:
                score, rate, error = float(edges[low[0]]), float(at_least[low[0]]) / self.pairs, 0.0
            else:
                allowed = int(wanted * self.pairs)
                falling = np.sort(self.high["score"])[::-1]
                over = scores[scores > falling[allowed]] if allowed < len(falling) else scores
                if not len(over):
                    break
                score = float(over[0])
                share = self.rate(score)
                rate, error = share.value, share.error
            if score > points[-1][0] and 0 < rate < points[-1][1] and rate * self.pairs >= ENOUGH:
                points.append((score, rate, error))
        return points


class Tally:
    """The counts of one family, or of all together, while they come in."""

    def __init__(self, top: float, floor: float) -> None:
        """Count scores from 0 to `top`, and keep pairs from `floor` on."""
        self._top, self._floor = top, floor
        self._pairs = 0
        self._counts = np.zeros(BINS, np.int64)
        self._high: list[NDArray[np.void]] = []
        self._apart: list[NDArray[np.void]] = []

    def add(self, subject: int, transformation: int, others: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Count one copy's scores against these other pictures."""
        self._pairs += len(scores)
        bins = np.clip(scores * (BINS / self._top), 0, BINS - 1).astype(np.int64)
        self._counts += np.bincount(bins, minlength=BINS)
        self._high.append(self._kept(subject, transformation, others, scores))

    def set_apart(
        self,
        subject: int,
        transformation: int,
        others: NDArray[np.int64],
        scores: NDArray[np.float64],
        rules: NDArray[np.uint8],
    ) -> None:
        """Keep what one copy scores against these other pictures, without counting it."""
        self._apart.append(self._kept(subject, transformation, others, scores, rules))

    def _kept(
        self,
        subject: int,
        transformation: int,
        others: NDArray[np.int64],
        scores: NDArray[np.float64],
        rules: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.void]:
        at = np.flatnonzero(scores >= self._floor)
        high = np.zeros(len(at), STRANGER)
        high["subject"], high["transformation"] = subject, transformation
        high["other"], high["score"] = others[at], scores[at]
        if rules is not None:
            high["rule"] = rules[at]
        return high

    def strangers(self) -> Strangers:
        """Return what was counted."""
        high = np.concatenate([np.empty(0, STRANGER), *self._high])
        apart = np.concatenate([np.empty(0, STRANGER), *self._apart])
        return Strangers(self._pairs, self._counts.copy(), self._top, high, self._floor, apart)


def together(parts: list[Strangers]) -> Strangers:
    """Return the counts of several parts of the same evaluation as one."""
    first = parts[0]
    return Strangers(
        sum(part.pairs for part in parts),
        np.sum([part.counts for part in parts], axis=0),
        first.top,
        np.concatenate([part.high for part in parts]),
        first.floor,
        np.concatenate([part.apart for part in parts]),
    )


def rate_table(points: list[tuple[float, float, float]]) -> RateTable | None:
    """Return the table of false rates through these points; None where there are too few."""
    return RateTable(tuple((score, rate) for score, rate, _ in points)) if len(points) > 1 else None
