"""The contract of a family: one kind of signature, and the way it is searched.

A row is one signature: an element of a numpy structured array of `Family.dtype`, the same in memory, in log objects and
in segments. A family is a folder here and a line of the registry in `shards/families/__init__.py`, or part of another
package (docs/families.md). `shards.testing.FamilyTests` is the test class that every family passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import QueryError, SignatureError
from shards.families.matches import BestRows, Matches
from shards.families.reading import ColumnReader
from shards.pictures.decoding import Picture

Row: TypeAlias = np.void
"""One signature: an element of an array of `Family.dtype`."""

Rows: TypeAlias = NDArray[np.void]
"""(rows,) of `Family.dtype`."""

BLOCK = 1 << 15
"""Rows that a plain scan scores at a time: 32,768 Haar rows are 8.6 MB, so temporaries stay small."""


@dataclass(frozen=True, slots=True)
class PairWords:
    """Words of 64 bits by which pairs of rows are found by sorting, instead of comparing each row with each.

    Every pair of rows that scores at least the `min_score` that was asked for differs in at most `radius` bits in one
    of `words`.
    """

    words: tuple[NDArray[np.uint64], ...]
    """One or more arrays, (rows,) uint64 each: a hash of every row."""

    bits: int
    """Number of bits of each word that carry the hash, counted from the lowest: 64 at most."""

    radius: int
    """Number of bits; -1 where no pair scores enough."""

    decides: bool
    """True if every pair within `radius` also scores at least `min_score`, so that none has to be scored."""


class Family(ABC):
    """One kind of signature. Instances are immutable and cheap; equal names mean equal families."""

    name: str
    """Name in an index, and of the family's column in a segment: lower-case letters, digits and underscores."""

    version: int
    """Version of the algorithm in `compute`, from 1 on: rows of different versions must not share an index."""

    dtype: np.dtype[np.void]
    """Type of a row: structured, little-endian, packed, without objects."""

    match_score: float
    """Score from which on two pictures usually show the same: what `compare` calls a match by default."""

    unit: str | None = None
    """Unit of `score_at`, `distance_at` and `max_distance`, such as "bits"; None where there are only scores."""

    @property
    def duplicate_score(self) -> float:
        """Score from which on one of two pictures is usually a copy that can go: `match_score`, or above it."""
        return self.match_score

    # signatures

    @abstractmethod
    def compute(self, picture: Picture) -> Row:
        """Return the signature of a picture. Deterministic, the same on every CPU."""

    @abstractmethod
    def parse(self, text: str) -> Row:
        """Return the signature written in the text form that other systems use.

        Raises SignatureError, which says what is wrong with the text.
        """

    @abstractmethod
    def format(self, row: Row) -> str:
        """Return the text form of a signature. `parse(format(row)) == row`."""

    def of_bits(self, bits: NDArray[np.bool_]) -> Row:
        """Return the signature that these bits are, (height, width) as another program has computed them.

        Raises SignatureError where signatures are no hashes, or hashes of another shape.
        """
        shape = " × ".join(map(str, bits.shape))
        raise SignatureError(f"a hash of {shape} bits is no signature of {self.name}, which is no hash")

    def invert(self, row: Row) -> Row | None:
        """Return the signature of the picture's negative; None in families where it does not follow from the row."""
        del row
        return None

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        """Return (rows,) bool: signatures of pictures without content, which are alike without showing the same."""
        return np.zeros(len(rows), bool)

    # scores

    @abstractmethod
    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        """Return (rows,) float64, how alike each row is to the query, 100 = same: the plain formula.

        A row's score depends on the query and that row alone, to the last bit: never on the rows beside it, on their
        number, or on the machine. Tests compare `search` with it.
        """

    def score_pairs(self, queries: Rows, rows: Rows) -> NDArray[np.float64]:
        """Return (n,) float64: the score of `queries[i]` and `rows[i]`, to the last bit as `score` gives it."""
        scores = [self.score(query, rows[n : n + 1]) for n, query in enumerate(queries)]
        return np.concatenate([np.empty(0, np.float64), *scores])

    def score_at(self, distance: float) -> float:
        """Return the score of two signatures at this distance, which is in `unit`.

        Raises QueryError where the family knows scores only.
        """
        raise QueryError(
            f"family {self.name} has no distance, only a score: give min_score instead of max_distance {distance}"
        )

    def distance_at(self, score: float) -> float | None:
        """Return the distance, in `unit`, of two signatures of this score; None where the family knows scores only."""
        del score
        return None

    # pairs

    def word(self, rows: Rows) -> NDArray[np.uint64] | None:
        """Return (rows,) uint64: hashes of 64 bits that differ in few bits where pictures are alike.

        Such a hash can suggest candidates for duplicates to another family. None in families that have no such hash,
        whatever the rows: ask with no rows to learn whether there is one.
        """
        del rows
        return None

    def pair_words(self, rows: Rows, min_score: float) -> PairWords | None:
        """Return words by which all pairs of these rows that score at least `min_score` are found.

        None in families whose pairs are found only by scoring each row against each, or through candidates that
        another family suggests.
        """
        del rows, min_score
        return None

    # what is stored, and searched

    def columns(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Return the arrays that a segment stores for these rows: the signatures, and what a faster search reads.

        The name of the former is the family's, those of the others begin with it and a dot.
        """
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
        """Return the best `limit` living rows **and every row that ties with the last of them**, exactly.

        `queries`: (q,) signatures of one picture (its orientations, its negative); a row's score is its best over them.
        `min_score`: leaves out rows that score less. `dead`: sorted rows that do not count.
        """
        return search_plainly(self.score, self.name, queries, reader, limit=limit, min_score=min_score, dead=dead)

    def search_many(
        self,
        questions: Sequence[Rows],
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> list[Matches]:
        """Return what `search` finds for each question, which is the queries of one picture.

        A family that looks at every row does so once for all questions.
        """
        return [self.search(queries, reader, limit=limit, min_score=min_score, dead=dead) for queries in questions]

    def cold(self, queries: Rows, reader: ColumnReader, *, limit: int, min_score: float | None = None) -> int:
        """Return the number of bytes that `search` would fetch, as far as can be told without fetching any.

        An upper bound; a mean for rows that may lie anywhere. What only the rows could tell, such as thousands of equal
        signatures, may come on top.
        """
        del queries, limit, min_score
        return reader.cold(self.name)


def search_plainly(
    score: Callable[[Row, Rows], NDArray[np.float64]],
    column: str,
    queries: Rows,
    reader: ColumnReader,
    *,
    limit: int,
    min_score: float | None,
    dead: NDArray[np.uint32] | None,
    max_score: float = np.inf,
) -> Matches:
    """Search by scoring every row, block by block. Every faster search must find the same.

    `max_score`: leaves out rows that score more.
    """
    best = BestRows(limit, min_score, dead, distinct=True)
    for start in range(0, reader.rows, BLOCK):
        stop = min(start + BLOCK, reader.rows)
        block = reader.column(column, start, stop)
        scores = np.stack([score(query, block) for query in queries])
        best_scores = scores.max(axis=0)
        good = np.flatnonzero(best_scores <= max_score)
        best.add(good + start, best_scores[good], scores.argmax(axis=0)[good])
        best.settle()
    return best.settle()
