"""The family `haar`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import ColumnReader, Family, Matches, Row, Rows
from shards.families.haar import inverted, pairs, scoring, text
from shards.families.haar import row as signature
from shards.families.haar import search as sieves
from shards.pictures.decoding import Picture


class Haar(Family):
    """IQDB's signature: the average colour and the 40 largest Haar wavelet coefficients of Y, I and Q.

    It knows where in the picture what is, in colour: it finds what was compressed, resized, blurred, brightened
    or slightly cropped. It does not survive turning, mirroring, or large crops.
    """

    name = "haar"
    version = 1
    dtype = signature.ROW
    match_score = 60.0

    def compute(self, picture: Picture) -> Row:
        return signature.sign(picture.rgb)

    def parse(self, text_form: str) -> Row:
        return text.parse_row(text_form)

    def format(self, row: Row) -> str:
        return text.format_row(row)

    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        return scoring.score(query, rows)

    def score_pairs(self, queries: Rows, rows: Rows) -> NDArray[np.float64]:
        return pairs.score_pairs(queries, rows)

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        return signature.is_flat(rows)

    def columns(self, rows: Rows) -> dict[str, NDArray[Any]]:
        index = inverted.build(rows) if len(rows) >= sieves.SEARCH_FROM else {}
        return {self.name: rows, **index}

    def cold(self, queries: Rows, reader: ColumnReader, *, limit: int, min_score: float | None = None) -> int:
        del min_score
        return sieves.cold(self.name, queries, reader, limit=limit)

    def search(
        self,
        queries: Rows,
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> Matches:
        return sieves.search(self.name, queries, reader, limit=limit, min_score=min_score, dead=dead)
