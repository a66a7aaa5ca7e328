"""The contract of a family: one kind of signature, and the way it is searched.

A row is one signature: an element of a numpy structured array of `Family.dtype`, the same in memory, in log
objects and in segments. Adding a family is adding a folder here and a line to the registry in
`shards/families/__init__.py`; `tests/contracts/families.py` is the test class every family passes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import QueryError
from shards.pictures.decoding import Picture

Row: TypeAlias = np.void
"""One signature: an element of an array of `Family.dtype`."""

Rows: TypeAlias = NDArray[np.void]
"""(rows,) of `Family.dtype`."""

BLOCK = 1 << 15
"""Rows a plain scan scores at a time: 32,768 Haar rows are 8.6 MB, so that temporaries stay small."""


FETCHED = 1 << 14
"""Bytes that are read at once from a store, at least: what one checksum covers."""

BRIDGED = 1 << 20
"""Bytes between two pieces of a column below which they are fetched along, where the store is far away."""

SECONDS_A_BYTE = 1 / 64e6
"""Of fetching: a function downloads 50 to 87 MB a second from the bucket beside it."""


class ColumnReader(Protocol):
    """What a family reads its columns through: a segment in a store, or records that are still in memory."""

    @property
    def rows(self) -> int:
        """How many rows there are, dead ones included."""
        ...

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows `start` to `stop` of a column, checked against the checksums it was written with. Read-only."""
        ...

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        """Rows from start up to stop of a column, for each (start, stop), in one request to the store."""
        ...

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        """Bytes that `ranges` would fetch for these rows of a column, or for all of them: whole blocks, and what is
        fetched along between them.

        0 where they are in memory, in a mapped file, or in a cache on this machine. Costs no request.
        """
        ...

    def length(self, name: str) -> int | None:
        """Rows of a column, which for a search column need not be `rows`; None where there is no such column.

        Records that are still in memory have the signatures only, and none of the columns made for searching.
        """
        ...


def scattered(column: int, pieces: int, piece: int = FETCHED) -> int:
    """Bytes fetched for so many pieces, each of `piece` bytes, of a column of so many, wherever they lie: on average.

    Gaps between pieces at random places are distributed exponentially; those below BRIDGED are fetched along.
    """
    taken = pieces * piece
    if not taken or taken >= column:
        return min(taken, column)
    gap = (column - taken) / (pieces + 1)
    return int(taken + (pieces - 1) * (gap - (gap + BRIDGED) * math.exp(-BRIDGED / gap)))


@dataclass(frozen=True, slots=True)
class Matches:
    """Rows that answer a query, best first: by falling score, then by rising row.

    `rows`: (n,) int64. `scores`: (n,) float64. `queries`: (n,) int64, which of the queries scored best there
    (the first of equals).
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    queries: NDArray[np.int64]

    @classmethod
    def none(cls) -> Matches:
        """No rows."""
        return cls(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))

    def take(self, at: NDArray[np.intp]) -> Matches:
        """Those at these places, in this order."""
        return Matches(self.rows[at], self.scores[at], self.queries[at])


class Family(ABC):
    """One kind of signature. Instances are immutable and cheap; equal names mean equal families."""

    name: str
    """The family's name in an index, and of its column in a segment."""

    version: int
    """Of the algorithm in `compute`: rows of different versions must not share an index."""

    dtype: np.dtype[np.void]
    """Of one row: structured, little-endian, packed, without objects."""

    match_score: float
    """From this score on, two pictures usually show the same: what `compare` calls a match by default."""

    @abstractmethod
    def compute(self, picture: Picture) -> Row:
        """The signature of a picture. Deterministic, the same on every CPU."""

    @abstractmethod
    def parse(self, text: str) -> Row:
        """The signature written in the text form that other systems use.

        Raises SignatureError, which says what is wrong with the text.
        """

    @abstractmethod
    def format(self, row: Row) -> str:
        """The text form of a signature. `parse(format(row)) == row`."""

    @abstractmethod
    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        """The plain formula: (rows,) float64, 100 = same, how alike each row is to the query.

        A row's score depends on the query and that row alone, to the last bit: never on the rows beside it,
        on their number, or on the machine. This is the oracle of `search`.
        """

    def invert(self, row: Row) -> Row | None:
        """The signature of the picture's negative where it follows from the signature, else None."""
        del row
        return None

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        """(rows,) bool: signatures of pictures without content, which are alike without showing the same."""
        return np.zeros(len(rows), bool)

    def score_at(self, distance: float) -> float:
        """The score of two signatures at this distance, in the family's own unit.

        Raises QueryError where the family knows scores only.
        """
        raise QueryError(
            f"family {self.name} has no distance, only a score: give min_score instead of max_distance {distance}"
        )

    def distance_at(self, score: float) -> float | None:
        """The distance, in the family's own unit, that gives this score; None where it knows scores only."""
        del score
        return None

    def columns(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """The arrays a segment stores for these rows: the signatures, and what a faster search reads."""
        return {self.name: rows}

    def search(
        self,
        queries: Rows,
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> Matches:
        """The best `limit` living rows **and every row that ties with the last of them**, exactly.

        `queries`: (q,) signatures of one picture (its orientations, its negative); a row's score is its best
        over them. `min_score`: leave out what is below. `dead`: sorted rows that do not count.
        """
        return search_plainly(self.score, self.name, queries, reader, limit=limit, min_score=min_score, dead=dead)

    def cold(self, queries: Rows, reader: ColumnReader, *, limit: int, min_score: float | None = None) -> int:
        """Bytes that `search` would fetch, as far as can be told without fetching any.

        At most; on average, where it is not known where they lie. What only the rows could tell, such as thousands of
        equal signatures, may add to that.
        """
        del queries, limit, min_score
        return reader.cold(self.name)

    def search_many(
        self,
        questions: Sequence[Rows],
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> list[Matches]:
        """What `search` finds for each of these questions. A family that looks at every row does so once for all."""
        return [self.search(queries, reader, limit=limit, min_score=min_score, dead=dead) for queries in questions]

    def score_pairs(self, queries: Rows, rows: Rows) -> NDArray[np.float64]:
        """(n,) float64: what `score` says of `queries[i]` and `rows[i]`, to the last bit."""
        scores = [self.score(query, rows[n : n + 1]) for n, query in enumerate(queries)]
        return np.concatenate([np.empty(0, np.float64), *scores])


def search_plainly(
    score: Callable[[Row, Rows], NDArray[np.float64]],
    column: str,
    queries: Rows,
    reader: ColumnReader,
    *,
    limit: int,
    min_score: float | None,
    dead: NDArray[np.uint32] | None,
) -> Matches:
    """Score every row, block by block: what every faster search must agree with."""
    best = Matches.none()
    floor = -np.inf if min_score is None else min_score
    for start in range(0, reader.rows, BLOCK):
        stop = min(start + BLOCK, reader.rows)
        block = reader.column(column, start, stop)
        by_query = np.stack([score(query, block) for query in queries])
        which = by_query.argmax(axis=0)
        scores = by_query.max(axis=0)
        if dead is not None:
            first, last = np.searchsorted(dead, [start, stop])
            scores[dead[first:last].astype(np.int64) - start] = -np.inf
        near = np.flatnonzero((scores >= floor) & (scores > -np.inf))
        if near.size:
            best = best_of(
                Matches(
                    np.concatenate([best.rows, near + start]),
                    np.concatenate([best.scores, scores[near]]),
                    np.concatenate([best.queries, which[near]]),
                ),
                limit,
            )
            if len(best.rows) >= limit:
                floor = max(floor, float(best.scores[-1]))
    return best


def best_of(matches: Matches, limit: int) -> Matches:
    """The best `limit` of these matches with every tie of the last, sorted."""
    if len(matches.rows) > limit:
        cut = np.partition(matches.scores, len(matches.scores) - limit)[len(matches.scores) - limit]
        keep = np.flatnonzero(matches.scores >= cut)
    else:
        keep = np.arange(len(matches.rows))
    order = keep[np.lexsort((matches.rows[keep], -matches.scores[keep]))]
    return Matches(matches.rows[order], matches.scores[order], matches.queries[order])
