"""The family `goldberg`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families import rates
from shards.families.base import Family, Row, Rows, search_plainly
from shards.families.goldberg import columns, planes, search, signature, text
from shards.families.goldberg.greys import Greys
from shards.families.matches import Matches
from shards.families.reading import ColumnReader
from shards.pictures.decoding import Picture

FEW = 4096
"""Number of rows below which each is scored: that takes less time than a search by planes takes to begin, 0.6 ms."""


class Goldberg(Family):
    """image-match's signature: which of 81 places of a picture are brighter than their neighbours.

    Its distance is the normalised one of the paper, 0 = same, 1 = opposite; pictures within 0.45 usually show the same.
    It ignores colour, and survives plain margins, compression, resizing and changes of contrast.
    """

    name = "goldberg"
    version = 1
    dtype = planes.ROW
    match_score = rates.match_score("goldberg")
    needs_second = True
    unit = "distance"

    def compute(self, picture: Picture) -> Row:
        row: Row = planes.pack_independent(signature.values(Greys.of_rgb(picture.rgb))[None])[0]
        return row

    def parse(self, text_form: str) -> Row:
        return text.parse_row(text_form)

    def format(self, row: Row) -> str:
        return text.format_row(row)

    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        """Return 100 · (1 - distance). A blank signature is like nothing: it scores 0, even against itself."""
        return 100.0 * (1.0 - planes.distances(query, rows))

    def score_pairs(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        return 100.0 * (1.0 - planes.distances_of_pairs(first, second))

    def invert(self, row: Row) -> Row:
        return planes.negate(row)

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        return planes.is_blank(rows)

    def is_dear(self, queries: Rows) -> NDArray[np.bool_]:
        """Return that all are: a search looks at every row, for what other families find at a fraction of the cost."""
        return np.ones(len(queries), bool)

    def score_at(self, distance: float) -> float:
        return 100.0 * (1.0 - distance)

    def distance_at(self, score: float) -> float:
        return 1.0 - score / 100.0

    def columns(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Return the signatures, and from FEW rows on the search columns of `columns`, 106 bytes a row."""
        return {self.name: rows} | (columns.build(rows) if len(rows) >= FEW else {})

    def cold(self, queries: Rows, reader: ColumnReader, *, limit: int, min_score: float | None = None) -> int:
        """Return the size of all search columns, since every row is looked at; often less is read of planes N and R."""
        if not columns.are_there(reader):
            return super().cold(queries, reader, limit=limit, min_score=min_score)
        return sum(map(reader.cold, (columns.CLASSES, columns.PLACES, columns.POSITIVE, columns.REST)))

    def search(
        self,
        queries: Rows,
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> Matches:
        """Search as the contract says. The negative of a query costs little more than the query alone."""
        if not columns.are_there(reader):
            return search_plainly(self.score, self.name, queries, reader, limit=limit, min_score=min_score, dead=dead)
        return search.search(queries, reader, limit=limit, min_score=min_score, dead=dead)
