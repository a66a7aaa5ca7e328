"""Integers that a row must reach to score enough, so that square roots are taken only of rows that do.

A score of at least f is a distance of at most δ = 1 - f / 100, that is a·b ≥ (‖a‖² + ‖b‖² - δ²(‖a‖ + ‖b‖)²) / 2. What
is known of a row limits how large a·b can become:

    its class            z values are 0, t are ±2; no t values of the query weigh more than L(t)
    plane P: m           the weight matched; a·b ≤ 2m - Σ|b| + (the z zeros, as if all matched) + (±2s)
    plane N: d           a·b with every ±2 of the row as ±1; a·b ≤ d + (±2s)

The ±2s add at most L(t), and no more than the weight of equal sign, which is m, or (d + all weight that meets a value)
/ 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.goldberg.columns import Classes
from shards.families.goldberg.weights import Asked

LEAST_FLOOR = -1.0
"""A score below all others, which are 0 to 100 but for rounding errors."""

SLACK = 1e-6
"""Slack of a·b for rounding errors of scores, which amount to less than 1e-10. Rows that pass because of it are scored,
too."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The minimum that a row of each class needs to score enough for one query: (classes,) int64 all."""

    matched: NDArray[np.int64]
    """Weight matched in plane P."""

    difference: NDArray[np.int64]
    """a·b with every ±2 of the row as ±1."""

    dot: NDArray[np.int64]
    """a·b."""

    def least(self, which: slice) -> tuple[int, int, int]:
        """Return (matched, difference, dot) that no row of these classes can do without."""
        return int(self.matched[which].min()), int(self.difference[which].min()), int(self.dot[which].min())


def needs(asked: Asked, classes: Classes, floor: float, *, negated: bool) -> Needs:
    """Return the needs for scores of at least `floor`, at most 100, by a query or, if `negated`, its negative."""
    delta = 1.0 - max(floor, LEAST_FLOOR) / 100.0
    lengths = np.sqrt(asked.square) + np.sqrt(classes.squares)
    dot = np.ceil((asked.square + classes.squares - (delta * lengths) ** 2) / 2 - SLACK).astype(np.int64)
    unmatched = asked.negative_first if negated else asked.positive_first
    twos = asked.largest_first[classes.twos]
    signs = dot + asked.weight - unmatched[classes.zeros]
    met = asked.largest_first[classes.values]
    return Needs(
        np.maximum(_ceil(signs, 3), _ceil(signs - twos, 2)),
        np.maximum(_ceil(2 * dot - met, 3), dot - twos),
        dot,
    )


def _ceil(values: NDArray[np.int64], divisor: int) -> NDArray[np.int64]:
    return -(-values // divisor)
