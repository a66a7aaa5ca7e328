"""The words of a signature, by which image-match looks up candidates. Here they serve interchange only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORDS = 63
LENGTH = 16
"""Number of values in a word. Words overlap; the last of the usual ones reaches past the end, where zeros follow."""


def words(signature: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return (63,) int64, the words of (648,) values, coded."""
    return coded(np.sign(cut(signature)))


def cut(signature: NDArray[np.int8], count: int = WORDS, length: int = LENGTH) -> NDArray[np.int8]:
    """Return (count, length) int8: words of a signature that begin at equal distances."""
    starts = np.linspace(0, len(signature), count, endpoint=False).astype(np.intp)
    padded = np.concatenate([signature, np.zeros(length, np.int8)])
    cut_out: NDArray[np.int8] = padded[starts[:, None] + np.arange(length)].astype(np.int8)
    return cut_out


def coded(signs: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return (words,) int64 of (words, length) signs: -1 0 1 are the digits 0 1 2 of base 3, lowest digit first."""
    numbers: NDArray[np.int64] = (signs.astype(np.int64) + 1) @ 3 ** np.arange(signs.shape[1], dtype=np.int64)
    return numbers
