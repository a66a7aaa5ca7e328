"""The text form of a stored row: the hex digits of its bytes, up to the last feature."""

from __future__ import annotations

import re

import numpy as np

from shards.errors import SignatureError
from shards.families.base import Row
from shards.families.crops.checks import check_stored
from shards.families.crops.row import FEATURE, STORED, STORED_ROW

HEAD_DIGITS = 2 * STORED_ROW.fields["features"][1]  # type: ignore[index]
"""Digits before the features: their number, and the width and height of the working image."""

FEATURE_DIGITS = 2 * FEATURE.itemsize


def format_row(row: Row) -> str:
    """Return the text, in lower case: 10 digits, and 26 for each feature."""
    return row.tobytes().hex()[: HEAD_DIGITS + FEATURE_DIGITS * min(int(row["count"]), STORED)]


def parse_row(text: str) -> Row:
    """Return the signature in hex digits of either case. Raises SignatureError."""
    if not HEAD_DIGITS <= len(text) <= 2 * STORED_ROW.itemsize or (len(text) - HEAD_DIGITS) % FEATURE_DIGITS:
        raise SignatureError(
            f"a crops signature has {HEAD_DIGITS} hex digits, and {FEATURE_DIGITS} for each of {STORED} features at "
            f"most; this one has {len(text):,} characters"
        )
    if stranger := re.search("[^0-9A-Fa-f]", text):
        raise SignatureError(f"crops signature: character {stranger.start() + 1} is {stranger.group()!a}, no hex digit")
    data = bytes.fromhex(text)
    row: Row = np.frombuffer(data.ljust(STORED_ROW.itemsize, b"\0"), STORED_ROW).copy()[0]
    features = (len(text) - HEAD_DIGITS) // FEATURE_DIGITS
    if row["count"] != features:
        raise SignatureError(f"crops signature: it says that it has {row['count']} features, and has {features}")
    check_stored(row)
    return row
