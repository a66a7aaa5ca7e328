"""From a picture to its stored row, and to the rows by which it is asked for."""

from __future__ import annotations

import numpy as np

from shards.families.base import Row, Rows
from shards.families.crops.features import find, spread
from shards.families.crops.row import ASKED, QUESTION_ROW, STORED, as_question, question_row, stored_row
from shards.families.crops.working import Size
from shards.pictures.decoding import Picture

STORED_AREA, STORED_KEYPOINTS = 90_000, 160
"""Pixels of the working image of a stored row, and how many of its strongest keypoints are looked at."""

ASKED_AREA, ASKED_KEYPOINTS = 250_000, 500
"""The same of a question's row, which has to be found in a screenshot or in a cell of a collage."""


def signature(picture: Picture) -> Row:
    """Return the stored row of a picture, the same on every CPU."""
    size = Size.of(picture.width, picture.height, STORED_AREA)
    found = find(picture.rgb, size, keypoints=STORED_KEYPOINTS, second=False)
    return stored_row(spread(found, STORED), size)


def questions(picture: Picture) -> Rows:
    """Return (2,): the rows by which a picture is asked for, the same on every CPU."""
    return signature_and_questions(picture)[1]


def signature_and_questions(picture: Picture) -> tuple[Row, Rows]:
    """Return the stored row, and (2,) rows by which a picture is asked for: its own, and one of up to 500 features.

    The second alone misses pictures that are strongly symmetric, and the first alone misses screenshots and collages.
    """
    row = signature(picture)
    size = Size.of(picture.width, picture.height, ASKED_AREA)
    found = find(picture.rgb, size, keypoints=ASKED_KEYPOINTS, second=True)
    return row, np.array([as_question(row), question_row(found.take(slice(ASKED)), size)], QUESTION_ROW)
