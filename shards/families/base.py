"""The contract of a family: one kind of signature, and the way it is searched.

A row is one signature: an element of a numpy structured array of `Family.dtype`, the same in memory, in log objects and
in segments. A family is a folder here and a line of the registry in `shards/families/__init__.py`, or part of another
package (docs/families.md). `shards.testing.FamilyTests` is the test class that every family passes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import QueryError, SignatureError
from shards.families.matches import BestRows, Matches
from shards.families.measured import TABLES
from shards.families.overlap import Overlap
from shards.families.rates import RateTable
from shards.families.reading import ColumnReader
from shards.pictures.decoding import Picture

Row: TypeAlias = np.void
"""One signature: an element of an array of `Family.dtype`, or in a question of `Family.question_dtype`."""

Rows: TypeAlias = NDArray[np.void]
"""(rows,) of `Family.dtype`, or in a question of `Family.question_dtype`."""

BLOCK = 1 << 15
"""Rows that a plain scan scores at a time: 32,768 Haar rows are 8.6 MB, so temporaries stay small."""

QUESTION_ROWS = 16
"""Most rows by which a family asks for one picture."""


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
    """Score from which on two pictures usually show the same: what is called a match by default. One pair of strangers
    in a million scores as much."""

    least_score: float = -math.inf
    """Score that a row must reach to be found by a search at all: what scores less has nothing that could be ranked."""

    is_symmetric: bool = True
    """Whether two pictures score the same whichever of them is the question."""

    covers_rotations: bool = False
    """Whether a picture is found however it is turned, so that of its orientations only the mirrored one is asked."""

    needs_second: bool = False
    """Whether its word for a match counts only if another family sees something too, where several are asked."""

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

    # questions

    @property
    def question_dtype(self) -> np.dtype[np.void]:
        """Type of a question's row: as `dtype`, which it is unless a family asks otherwise than it stores."""
        return self.dtype

    @property
    def asks_as_it_stores(self) -> bool:
        """True where a picture is asked for by nothing but the row that would be stored of it."""
        return type(self).questions is Family.questions

    def questions(self, picture: Picture) -> Rows:
        """Return (n,) of `question_dtype`, 1 to QUESTION_ROWS: the rows by which a picture is asked for.

        A hit's score is its best over them. Deterministic, the same on every CPU.
        """
        return np.array([self.compute(picture)], self.dtype)

    def compute_both(self, picture: Picture) -> tuple[Row, Rows]:
        """Return what `compute` and `questions` return. A family that needs the same for both overrides it."""
        row = self.compute(picture)
        return row, np.array([row], self.dtype) if self.asks_as_it_stores else self.questions(picture)

    def asked(self, rows: Rows) -> Rows:
        """Return (n,) of `question_dtype`: the rows by which one stored row, (1,) of `dtype`, is asked for.

        For questions that bring no picture: a key, or a signature's text.
        """
        return rows

    def check_question(self, row: Row) -> None:
        """Raise SignatureError where a question's row is none that a picture can have, whatever its bytes are.

        Rows come from processes that decode what strangers send.
        """
        self.check_stored(row)

    def check_stored(self, row: Row) -> None:
        """Raise SignatureError where a stored row is none that a picture can have.

        The text form, which anybody may send, says what a row can be.
        """
        try:
            is_one = self.parse(self.format(row)).tobytes() == row.tobytes()
        except SignatureError:
            is_one = False
        if not is_one:
            raise SignatureError(f"{row.nbytes:,} bytes are no signature of {self.name}")

    def as_original(self, queries: Rows) -> Rows:
        """Return a question's rows as the program asks that the family comes from, for protocols that answer like it.

        They are the rows themselves unless a family sees more in them than that program.
        """
        return queries

    def is_dear(self, queries: Rows) -> NDArray[np.bool_]:
        """Return (q,) bool: rows of a question that take many times as long to search for as the others.

        A question to several families has them asked last, where nothing else has found the picture for certain.
        """
        return np.zeros(len(queries), bool)

    def with_min_share(self, queries: Rows, min_share: float) -> Rows:
        """Return a question's rows, told to leave out hits whose part in common is smaller.

        `min_share`: the part's area as a share of the stored picture, from 0 to 1. Families that compare whole pictures
        have no such part, and return the rows as they are.
        """
        del min_share
        return queries

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
        """Return (rows,) bool: signatures of pictures without structure, which are alike without showing the same.

        `rows`: stored ones, or those of a question.
        """
        return np.zeros(len(rows), bool)

    # scores

    @abstractmethod
    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        """Return (rows,) float64, how alike each stored row is to the question's row, 100 = same: the plain formula.

        A row's score depends on the query and that row alone, to the last bit: never on the rows beside it, on their
        number, or on the machine. Tests compare `search` with it.
        """

    def score_pairs(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        """Return (n,) float64: the score of the stored rows `first[i]` and `second[i]`, to the last bit as by `score`.

        Where that depends on which of them is the question, the greater of both scores.
        """
        scores = np.empty(len(first))
        for n in range(len(first)):
            one, other = first[n : n + 1], second[n : n + 1]
            scores[n] = self.score_asked(self.asked(one), other)[0]
            if not self.is_symmetric:
                scores[n] = max(scores[n], self.score_asked(self.asked(other), one)[0])
        return scores

    def score_asked(self, queries: Rows, rows: Rows) -> NDArray[np.float64]:
        """Return (rows,) float64: the best score of each row over all rows of one question, at least one."""
        best: NDArray[np.float64] = np.stack([self.score(query, rows) for query in queries]).max(axis=0)
        return best

    def overlap(self, query: Row, row: Row) -> Overlap | None:
        """Return where the question's picture and the stored one show the same; None where that is not known."""
        del query, row
        return None

    @property
    def knows_overlaps(self) -> bool:
        """True where `overlap` may return something."""
        return type(self).overlap is not Family.overlap

    @property
    def rates(self) -> RateTable:
        """The false rates of its scores, as measured; of a family that was not, what `match_score` says."""
        return TABLES.get(self.name) or RateTable.assumed(self.match_score)

    def false_rate(self, score: float) -> float:
        """Return the measured share of pairs of strangers that score at least this much."""
        return self.rates.rate(score)

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

    def near_pairs(
        self, rows: Rows, min_score: float, progress: Callable[[int, int], None] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]] | None:
        """Return an iterator over pairs of these rows, the smaller row first; each pair comes once, in parts of (n,).

        Among the pairs are all that score at least `min_score`, and it is they that are scored. Equal rows are one.
        `progress` gets (rows done, rows in all). None in families that find pairs by `pair_words`, or not at all.
        """
        del rows, min_score, progress
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

        `queries`: (q,) rows of one question (its orientations, its negative), of `question_dtype`; a stored row's score
        is its best over them.
        `min_score`: leaves out rows that score less; those below `least_score` are left out in any case. `dead`: sorted
        rows that do not count.
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
