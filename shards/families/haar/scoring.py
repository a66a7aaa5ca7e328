"""How alike two Haar signatures are: IQDB's score, made independent of what else is stored.

    s = Σ w0·|difference of averages| - Σ w[bin] over the signed coefficients that both have
    score = -100 · s / Σ w[bin] over all of the query's coefficients

IQDB scales by those of the query's coefficients that any stored picture has, so that its score of a pair moves
with the rest of the database. Here two pictures score the same wherever they lie.

The weights have two decimals: in hundredths their sums are integers, and a score does not depend on the order
of summation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Row, Rows
from shards.families.haar.row import is_grey
from shards.families.haar.wavelet import SIDE

WEIGHTS = np.array(
    [
        [500, 83, 101, 52, 47, 30],
        [1921, 126, 44, 53, 28, 14],
        [3437, 36, 45, 14, 18, 27],
    ],
    np.int16,
)
"""(3, 6) of Y, I and Q by bin, in hundredths: those of Jacobs et al. for scanned pictures, as IQDB has them.
Bin 0 weighs the averages; coefficient x + 128·y is in bin min(max(x, y), 5)."""

LAST_BIN = WEIGHTS.shape[1] - 1

CHUNK = 4096
"""Rows at a time: their 1 MB, and what is looked up for them, stay in the L2 cache."""


def _bins() -> NDArray[np.intp]:
    y, x = np.divmod(np.arange(SIDE * SIDE), SIDE)
    bins: NDArray[np.intp] = np.minimum(np.maximum(x, y), LAST_BIN)
    return bins


BINS = _bins()
"""(16384,) the bin of every coefficient."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is looked up for one query signature.

    `tables`: (3, 65536) int16, by signed coefficient as uint16: its weight if the query has it, else 0.
    `scale`: the weight of all of them, in hundredths. `channels`: 3, or 1 (Y alone) for a grey picture.
    """

    avgl: NDArray[np.float64]
    tables: NDArray[np.int16]
    scale: int
    channels: int

    @classmethod
    def of(cls, row: Row) -> Query:
        """Prepare the query."""
        channels = 1 if is_grey(np.array([row], row.dtype))[0] else 3
        tables = np.zeros((3, 1 << 16), np.int16)
        for channel in range(channels):
            coefficients = row["sig"][channel]
            tables[channel, coefficients.view(np.uint16)] = WEIGHTS[channel, BINS[np.abs(coefficients)]]
        return cls(row["avgl"], tables, int(tables.sum(dtype=np.int64)), channels)


def score(query: Row, rows: Rows) -> NDArray[np.float64]:
    """(rows,) float64: 100 for the same signature, below 0 where the colours differ more than the shapes agree.

    A grey query is compared by Y alone; a grey row shares coefficients of Y only.
    """
    prepared = Query.of(query)
    scores = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        shared = shared_weight(prepared, chunk)
        scores[start : start + CHUNK] = 100.0 * ((shared - colour_distance(prepared, chunk)) / prepared.scale)
    return scores


def shared_weight(query: Query, rows: Rows) -> NDArray[np.int32]:
    """(rows,) int32: the weight of the coefficients each row has in common with the query, in hundredths."""
    sig = rows["sig"].view(np.uint16)
    shared: NDArray[np.int32] = query.tables[0][sig[:, 0]].sum(axis=1, dtype=np.int32)
    if query.channels > 1:
        chroma = query.tables[1][sig[:, 1]].sum(axis=1, dtype=np.int32)
        chroma += query.tables[2][sig[:, 2]].sum(axis=1, dtype=np.int32)
        chroma[is_grey(rows)] = 0
        shared += chroma
    return shared


def colour_distance(query: Query, rows: Rows) -> NDArray[np.float64]:
    """(rows,) float64: the weighted differences of the averages, in hundredths, added in the order Y, I, Q."""
    apart = np.abs(rows["avgl"] - query.avgl)
    distance = float(WEIGHTS[0, 0]) * apart[:, 0]
    for channel in range(1, query.channels):
        distance = distance + float(WEIGHTS[channel, 0]) * apart[:, channel]
    return distance
