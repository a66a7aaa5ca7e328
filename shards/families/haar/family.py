"""The family `haar`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import SignatureError
from shards.families import rates
from shards.families.base import Family, Row, Rows
from shards.families.haar import inverted, pairs, row, scoring, search, text
from shards.families.matches import Matches
from shards.families.reading import ColumnReader
from shards.pictures.decoding import Picture


class Haar(Family):
    """IQDB's signature: the average colour and the 40 largest Haar wavelet coefficients of Y, I and Q.

    The coefficients say where in the picture which shapes and colours are. So compressed, resized, blurred, brightened
    and slightly cropped copies are found; turned, mirrored or heavily cropped ones are not.
    """

    name = "haar"
    version = 1
    dtype = row.ROW
    match_score = rates.match_score("haar")

    @property
    def question_dtype(self) -> np.dtype[np.void]:
        return row.QUESTION

    def compute(self, picture: Picture) -> Row:
        return row.compute(picture.rgb)

    def questions(self, picture: Picture) -> Rows:
        return self.compute_both(picture)[1]

    def compute_both(self, picture: Picture) -> tuple[Row, Rows]:
        stored = self.compute(picture)
        return stored, self.asked(np.array([stored], self.dtype))

    def asked(self, rows: Rows) -> Rows:
        """Return questions for pictures like these, grey copies of pictures in colour and the other way round too."""
        return row.question(rows, luma_of_greys=True)

    def as_original(self, queries: Rows) -> Rows:
        """Return the questions as IQDB asks them: a grey picture finds its original in colour, but not the reverse."""
        return row.question(queries, luma_of_greys=False)

    def check_question(self, row: Row) -> None:
        stored = np.array([row], row.dtype)[list(self.dtype.names or ())].astype(self.dtype)
        self.check_stored(stored[0])
        if row["luma_of_greys"] > 1:
            raise SignatureError(f"{row.nbytes:,} bytes are no question of {self.name}")

    def parse(self, text_form: str) -> Row:
        return text.parse_row(text_form)

    def format(self, row: Row) -> str:
        return text.format_row(row)

    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        return scoring.score(query, rows)

    def score_pairs(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        return pairs.score_pairs(first, second)

    def is_flat(self, rows: Rows) -> NDArray[np.bool_]:
        return row.is_flat(rows)

    def columns(self, rows: Rows) -> dict[str, NDArray[Any]]:
        index = inverted.build(rows) if len(rows) >= search.SEARCH_FROM else {}
        return {self.name: rows, **index}

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
        return search.search(self.name, queries, reader, limit=limit, min_score=min_score, dead=dead)
