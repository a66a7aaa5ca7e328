"""The 63 words of a signature, by which image-match looks up candidates. Here they serve interchange only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.families.goldberg.grid import VALUES

WORDS = 63
LENGTH = 16
"""Number of values in a word. Words overlap; the last reaches past the end, where zeros follow."""


def words(signature: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return (63,) int64, the words of (648,) values: signs -1 0 1 as digits 0 1 2 of base 3, lowest digit first."""
    signs = np.concatenate([np.sign(signature), np.zeros(LENGTH, np.int8)])
    starts = np.arange(WORDS) * VALUES // WORDS
    digits = signs[starts[:, None] + np.arange(LENGTH)].astype(np.int64) + 1
    coded: NDArray[np.int64] = (digits * 3 ** np.arange(LENGTH, dtype=np.int64)).sum(axis=1)
    return coded
