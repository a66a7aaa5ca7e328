"""The family `crops`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Family, Row, Rows
from shards.families.crops import checks, columns, compute, pairs, scoring, search, text
from shards.families.crops.common_part import common_part
from shards.families.crops.row import QUESTION_ROW, STORED, STORED_ROW, as_question
from shards.families.matches import Matches
from shards.families.overlap import Overlap
from shards.families.reading import ColumnReader
from shards.pictures.decoding import Picture

FLAT_BELOW = 6
"""Features of a picture with content: of fewer, not enough can agree."""


class Crops(Family):
    """Local features: 48 places of the picture, each with the pattern around it as 64 bits.

    Copies are found that were cropped to a quarter, framed, turned by any angle, resized, or put into another picture.
    A score says how many features agree on one way to lay one picture over the other.
    """

    name = "crops"
    version = 1
    dtype = STORED_ROW
    match_score = scoring.MATCH_SCORE
    least_score = scoring.LEAST_SCORE
    is_symmetric = False
    covers_rotations = True

    def compute(self, picture: Picture) -> Row:
        return compute.signature(picture)

    def parse(self, text_form: str) -> Row:
        return text.parse_row(text_form)

    def format(self, row: Row) -> str:
        return text.format_row(row)

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        return np.asarray(rows["count"] < FLAT_BELOW)

    # questions

    @property
    def question_dtype(self) -> np.dtype[np.void]:
        return QUESTION_ROW

    def questions(self, picture: Picture) -> Rows:
        return compute.questions(picture)

    def compute_both(self, picture: Picture) -> tuple[Row, Rows]:
        return compute.signature_and_questions(picture)

    def asked(self, rows: Rows) -> Rows:
        return np.array([as_question(row) for row in rows], QUESTION_ROW)

    def check_question(self, row: Row) -> None:
        checks.check_question(row)

    def is_dear(self, queries: Rows) -> NDArray[np.bool_]:
        return np.asarray(queries["count"] > STORED)

    def with_min_share(self, queries: Rows, min_share: float) -> Rows:
        told = queries.copy()
        # rounded up: what is smaller is left out
        told["min_share"] = math.ceil(round(100 * min_share, 6))
        return told

    # scores

    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        return scoring.score(query, rows)

    def score_pairs(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        return scoring.score_pairs(first, second)

    def overlap(self, query: Row, row: Row) -> Overlap | None:
        return common_part(query, row)

    def near_pairs(
        self, rows: Rows, min_score: float, progress: Callable[[int, int], None] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]] | None:
        return pairs.near_pairs(rows, min_score, progress) if min_score > 0 else None

    # what is stored, and searched

    def columns(self, rows: Rows) -> dict[str, NDArray[Any]]:
        return {self.name: rows, **(columns.build(rows) if len(rows) >= columns.SEARCH_FROM else {})}

    def cold(self, queries: Rows, reader: ColumnReader, *, limit: int, min_score: float | None = None) -> int:
        del min_score
        return search.cold(self.name, queries, reader, limit=limit)

    def search(
        self,
        queries: Rows,
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> Matches:
        return self.search_many([queries], reader, limit=limit, min_score=min_score, dead=dead)[0]

    def search_many(
        self,
        questions: Sequence[Rows],
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> list[Matches]:
        return search.search_many(self.name, questions, reader, limit=limit, min_score=min_score, dead=dead)
