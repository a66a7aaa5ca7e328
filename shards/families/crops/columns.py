"""The columns that a search reads: the features of a segment's rows by their words.

A bucket holds the features of one word. It is ⌈3n/2⌉ numbers of 64 bits for n features: their codes, then their rows,
32 bits each, by rising row. So one range of bytes has both the codes to compare and the rows they belong to; where the
features lie in their pictures stands in the rows alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.crops.unpacked import WORDS, Unpacked
from shards.families.reading import ColumnReader, has_columns

STARTS = "crops.starts"
"""Column (65,537,) uint32: the number of 64 bits where the bucket of each word begins, and the end of the last."""

BUCKETS = "crops.buckets"
"""Column (numbers,) uint64: the buckets, by rising word."""

SEARCH_FROM = 1 << 12
"""Number of rows from which on there are these columns: `STARTS` are 262 KB, 64 bytes a row of so few."""

BLOCK = 1 << 15
"""Rows whose features are sorted together: up to 1.6 million, which take 60 MB."""


def build(rows: Rows) -> dict[str, NDArray[Any]]:
    """Return the columns for these rows. Memory: the columns and 60 MB."""
    sizes = np.zeros(WORDS, np.int64)
    for start in range(0, len(rows), BLOCK):
        features = Unpacked.of(rows[start : start + BLOCK])
        sizes += np.bincount(features.words[features.is_there], minlength=WORDS)
    starts = np.zeros(WORDS + 1, np.int64)
    np.cumsum(sizes + (sizes + 1) // 2, out=starts[1:])
    buckets = np.zeros(int(starts[-1]), "<u8")
    halves = buckets.view("<u4")
    # where the next feature of each word goes
    to_code = starts[:-1].copy()
    to_row = 2 * (starts[:-1] + sizes)
    for start in range(0, len(rows), BLOCK):
        features = Unpacked.of(rows[start : start + BLOCK])
        row, feature = np.nonzero(features.is_there)
        words = features.words[row, feature]
        # keys of 16 bits are sorted by radix
        order = np.argsort(words.astype(np.uint16), kind="stable")
        counts = np.bincount(words, minlength=WORDS)
        within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        buckets[np.repeat(to_code, counts) + within] = features.codes[row, feature][order]
        halves[np.repeat(to_row, counts) + within] = row[order] + start
        to_code += counts
        to_row += counts
    return {STARTS: starts.astype("<u4"), BUCKETS: buckets}


def is_there(reader: ColumnReader) -> bool:
    """Return True if a segment has the columns. Raises CorruptObject where one is missing, or of another form."""
    return has_columns(reader, {STARTS: ("<u4", (WORDS + 1,)), BUCKETS: ("<u8", (None,))})


def read_starts(reader: ColumnReader) -> NDArray[np.int64]:
    """Return (65,537,) int64: where the buckets begin. Raises CorruptObject where they cannot begin there."""
    starts = reader.column(STARTS).astype(np.int64)
    lengths = np.diff(starts)
    if starts[0] or starts[-1] != reader.length(BUCKETS) or (lengths < 0).any() or (lengths % 3 == 1).any():
        raise reader.damaged(STARTS, "has buckets that do not follow each other, or do not end where their column ends")
    return starts
