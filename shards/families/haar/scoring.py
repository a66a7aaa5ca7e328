"""The score of two Haar signatures: IQDB's, made independent of what else is stored.

    s = Σ w0·|difference of averages| - Σ w[bin] over the signed coefficients that both have
    score = -100 · s / Σ w[bin] over all of the query's coefficients

IQDB scales by the weight of only those coefficients of the query that some stored picture has, so its score of a pair
changes with the rest of the database. Here two pictures have the same score in every index.

By this formula a grey copy of a picture in colour scores 39 where the original scores 100 the other way round: a grey
query is compared by Y alone, and a query in colour never is. A question may therefore ask that every pair with a grey
picture be compared by Y alone (`luma_of_greys`). Y alone tells less: so the lack to 100 counts `STRICTNESS` times.

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
"""(3, 6) weights of Y, I and Q by bin, in hundredths: those of Jacobs et al. for scanned pictures, as in IQDB.
Bin 0 weighs the averages; coefficient x + 128·y is in bin min(max(x, y), 5)."""

STRICTNESS = 1.4
"""Factor of what a score by Y alone lacks to 100. Of 656,100 pairs of 810 photographs as many score 60 by all channels
as score 72 by Y alone, and as many score 50 as score 63.5; of 810,000 pairs of drawings, 60 as 69.5 and 50 as 64. With
this factor they score the same: a grey picture has no more false matches than one in colour."""

LAST_BIN = WEIGHTS.shape[1] - 1

CHUNK = 4096
"""Rows scored at a time: their 1 MB, and the weights that are looked up for them, stay in the L2 cache."""


def _bins() -> NDArray[np.intp]:
    y, x = np.divmod(np.arange((1 << 15) + 1), SIDE)
    bins: NDArray[np.intp] = np.minimum(np.maximum(x, y), LAST_BIN)
    return bins


BINS = _bins()
"""(32769,) intp: the bin of every coefficient, of which there are 16,384, and of every other number that a damaged
signature can hold."""


@dataclass(frozen=True, slots=True)
class Line:
    """The straight line from a value, the shared weight less the distance in hundredths, to a score."""

    scale: int
    """The value of equal pictures."""

    strictness: float = 1.0
    """Factor of what the score lacks to 100."""

    def scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of these values."""
        scores: NDArray[np.float64] = 100.0 * (values / self.scale)
        return scores if self.strictness == 1.0 else 100.0 - self.strictness * (100.0 - scores)

    def value(self, score: float) -> float:
        """Return the value of this score, to within rounding."""
        return self.scale * (1.0 - (1.0 - score / 100.0) / self.strictness)


@dataclass(frozen=True, slots=True, eq=False)
class QueryTables:
    """The weights of a query's coefficients, as tables that rows are looked up in."""

    avgl: NDArray[np.float64]
    """(3,) float64: the query's averages."""

    tables: NDArray[np.int16]
    """(3, 65536) int16, by signed coefficient as uint16: its weight if the query has it, else 0."""

    channels: int
    """3, or 1 (Y alone) for a grey picture."""

    line: Line
    """The line of pairs that are compared in all channels of the query."""

    grey_line: Line | None
    """The line of grey rows, where these are compared by Y alone and the query is in colour."""

    @classmethod
    def of(cls, query: Row) -> QueryTables:
        """Return the tables of a query, of QUESTION."""
        channels = 1 if is_grey(np.array([query], query.dtype))[0] else 3
        tables = np.zeros((3, 1 << 16), np.int16)
        for channel in range(channels):
            coefficients = query["sig"][channel]
            tables[channel, coefficients.view(np.uint16)] = WEIGHTS[channel, BINS[np.abs(coefficients)]]
        line = Line(int(tables.sum(dtype=np.int64)))
        by_luma = Line(int(tables[0].sum(dtype=np.int64)), STRICTNESS) if query["luma_of_greys"] else None
        if channels == 1:
            return cls(query["avgl"], tables, channels, by_luma or line, None)
        return cls(query["avgl"], tables, channels, line, by_luma)


def score(query: Row, rows: Rows) -> NDArray[np.float64]:
    """Return (rows,) float64: 100 for the same signature, below 0 where colours differ more than shapes agree.

    `query`: of QUESTION. A grey query is compared by Y alone; a grey row shares coefficients of Y only, and its colours
    do not count where the query says so.
    """
    prepared = QueryTables.of(query)
    scores = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        scores[start : start + CHUNK] = _score(prepared, rows[start : start + CHUNK])
    return scores


def _score(query: QueryTables, rows: Rows) -> NDArray[np.float64]:
    grey = is_grey(rows)
    shared = shared_weight(query, rows, grey)
    # a damaged average may be no number: then the score is none, and no search finds it
    with np.errstate(invalid="ignore", over="ignore"):
        scores = query.line.scores(shared - colour_distance(query, rows, query.channels))
        if query.grey_line is not None and grey.any():
            scores[grey] = query.grey_line.scores(shared[grey] - colour_distance(query, rows[grey], 1))
    return scores


def shared_weight(query: QueryTables, rows: Rows, grey: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return (rows,) int32: the weight of the coefficients that each row shares with the query, in hundredths."""
    sig = rows["sig"].view(np.uint16)
    shared: NDArray[np.int32] = query.tables[0][sig[:, 0]].sum(axis=1, dtype=np.int32)
    if query.channels > 1:
        chroma = query.tables[1][sig[:, 1]].sum(axis=1, dtype=np.int32)
        chroma += query.tables[2][sig[:, 2]].sum(axis=1, dtype=np.int32)
        chroma[grey] = 0
        shared += chroma
    return shared


def colour_distance(query: QueryTables, rows: Rows, channels: int) -> NDArray[np.float64]:
    """Return (rows,) float64: the weighted differences of the averages, in hundredths, added in the order Y, I, Q."""
    differences = np.abs(rows["avgl"] - query.avgl)
    distance = float(WEIGHTS[0, 0]) * differences[:, 0]
    for channel in range(1, channels):
        distance = distance + float(WEIGHTS[channel, 0]) * differences[:, channel]
    return distance
