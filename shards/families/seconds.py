"""Second words: where several families are asked, what some of them say counts only if another sees something, too.

goldberg compares the brightness of neighbouring places. Two pages of text, with words in the same lines and white
around them, are often the same to it, and have nothing in common for any other family.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Family
from shards.families.rates import WEAK_RATE

SECOND_RATE = 1e-3
"""False rate that another family has to reach for a second word. Of copies, 0.02 % are missed by it (98 % of those that
only goldberg calls a match are seconded); of pages of text that goldberg takes for the same, none reaches it."""

ALONE = "no other family sees anything in common"
"""Reason why two pictures are no match, where the only family that calls them one needs a second word."""


def heard(families: Sequence[Family], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return false rates as they count where all of these families are asked.

    `rates`: (families, …) float64, those of the same pairs of pictures in each. Where a family needs a second word and
    no other has a rate of at most `SECOND_RATE`, its own counts as `WEAK_RATE` at least: as no match.
    """
    counted = rates.copy()
    if len(families) == 1:
        return counted
    for n, family in enumerate(families):
        if family.needs_second:
            is_alone = np.delete(rates, n, axis=0).min(axis=0) > SECOND_RATE
            counted[n] = np.where(is_alone, np.maximum(rates[n], WEAK_RATE), rates[n])
    return counted
