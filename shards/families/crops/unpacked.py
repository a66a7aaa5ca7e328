"""The features of rows, taken apart into arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.crops.codes import WORD_BITS, words
from shards.families.crops.row import weak_bits

WORDS = 1 << WORD_BITS
"""Number of different words."""

FLIPS = 8
"""Words that a question's feature is looked for by: its own, with any of its three weakest bits the other way."""


@dataclass(frozen=True, slots=True, eq=False)
class Unpacked:
    """The features of n rows with room for f of them each: those of stored rows, or of questions.

    Behind a row's `counts` there is no feature, whatever stands there.
    """

    counts: NDArray[np.int64]
    """(n,) int64: number of features of each row, f at most."""

    sizes: NDArray[np.float64]
    """(n, 2) float64: width and height of each row's working image, in pixels."""

    codes: NDArray[np.uint64]
    """(n, f) uint64."""

    places: NDArray[np.uint8]
    """(n, f, 2) uint8: x and y in 255ths of the working image."""

    packed: NDArray[np.uint8]
    """(n, f, 3) uint8: sigma, angle and weak bits, as `row` packs them."""

    @classmethod
    def of(cls, rows: Rows) -> Unpacked:
        """Take rows apart: (n,) of the type of stored rows, or of questions."""
        features = rows["features"]
        counts = np.minimum(rows["count"].astype(np.int64), features.shape[1])
        sizes = np.stack([rows["width"], rows["height"]], axis=1).astype(np.float64)
        codes = np.ascontiguousarray(features[:, :, :8]).view("<u8")[:, :, 0]
        return cls(counts, sizes, codes, features[:, :, 8:10], features[:, :, 10:])

    @property
    def is_there(self) -> NDArray[np.bool_]:
        """(n, f) bool: False behind a row's features."""
        room: int = self.codes.shape[1]
        return np.arange(room) < self.counts[:, None]

    @property
    def words(self) -> NDArray[np.int64]:
        """(n, f) int64: the word of each feature, by which it is looked up."""
        return words(self.codes).astype(np.int64)

    @property
    def weakest(self) -> NDArray[np.int64]:
        """(n, f, 3) int64: the bits of each word that are the likeliest to be the other way, 0 to 15."""
        return weak_bits(self.packed)

    @property
    def flips(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """(n, f, 8) int64 and bool: bits by which a word that matches may differ, and False where one is repeated.

        The three weakest bits of a feature are different ones, but a row may come from anybody.
        """
        weakest = self.weakest
        subsets = np.arange(FLIPS)[:, None] >> np.arange(3) & 1
        flips = np.bitwise_or.reduce(subsets << weakest[..., None, :], axis=-1)
        is_new = np.ones(flips.shape, bool)
        for later, earlier in ((1, 0), (2, 0), (2, 1)):
            repeats = weakest[..., later] == weakest[..., earlier]
            is_new &= ~(repeats[..., None] & (subsets[:, later] == 1))
        return flips, is_new
