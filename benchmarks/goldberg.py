"""Goldberg signatures: exact search of every row, beside one matrix product over the unpacked values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.columns import Stored
from benchmarks.measure import Result, median_seconds, seconds
from benchmarks.signatures import crossed_goldberg, real_rows
from shards.families import ColumnReader, Rows
from shards.families.base import search_plainly
from shards.families.goldberg import Goldberg, unpack
from shards.families.resident import Resident

COUNT = 250_000
BATCH = 50_000

UNPACKED = 250_000
"""Limit on the rows of the baseline: 648 float32 of a million are 2.6 GB. Larger counts are scaled from these."""

ASKED = 4
"""Number of pictures to search for, spread over the real ones: each in its first orientation, or in all 8."""

GOLDBERG = Goldberg()


def run(count: int = COUNT, signatures: str | None = None) -> list[Result]:
    """Measure one query, its 8 orientations, and these with their negatives, all for the exact best 10."""
    real = real_rows("goldberg", signatures)
    rows = crossed_goldberg(real, count, seed=0)
    made: dict[str, NDArray[Any]] = {}
    build = seconds(lambda: made.update(GOLDBERG.columns(rows)))
    reader = Resident(made, count)
    stored = sum(array.nbytes for array in made.values()) / count
    baseline = product(rows)
    pictures = real[: len(real) // 8 * 8].reshape(-1, 8)
    orientations = [pictures[n * len(pictures) // ASKED] for n in range(ASKED)]
    singles = [eight[:1] for eight in orientations]
    negatives = [np.concatenate([eight, [GOLDBERG.invert(row) for row in eight]]) for eight in orientations]

    one = search(singles, reader)
    likely = search(singles, reader, min_score=GOLDBERG.match_score)
    eight, sixteen = search(orientations, reader), search(negatives, reader)
    plain = median_seconds(lambda: _plainly(singles[0], reader), runs=3)
    cold = Stored.of(made, count).cold(np.concatenate(singles), _ask)
    scaled = f", scaled from {UNPACKED:,}" if count > UNPACKED else ""
    name = f"float32 product, 648 columns{scaled}"
    # what is stored beside the signatures is what a search reads
    is_small = (stored - GOLDBERG.dtype.itemsize) * 20 <= 2592
    return [
        Result(
            "goldberg, exact top 10",
            one,
            name,
            baseline,
            f"the baseline holds 2,592 B a row; a cold query {cold}",
            "at most 0.2, at 1/20 of the memory",
            one <= 0.2 * baseline and is_small,
            rows=count,
            row_bytes=stored,
            read_bytes=cold.bytes,
            build=build,
            line="goldberg",
        ),
        Result("  those that score 55", likely, name, baseline, "", rows=count),
        Result("  8 orientations", eight, "1 orientation", one, "", "at most 6", eight <= 6 * one, rows=count),
        Result("  8 orientations and their negatives", sixteen, "1 orientation", one, "", rows=count),
        Result("  1 orientation", one, "plain scan", plain, "", rows=count),
    ]


def search(queries: Sequence[Rows], reader: ColumnReader, min_score: float | None = None) -> float:
    """Return the seconds of a query, the mean of the queries' medians."""

    def ask(asked: Rows) -> float:
        return median_seconds(lambda: GOLDBERG.search(asked, reader, limit=10, min_score=min_score), runs=7)

    return float(np.mean([ask(asked) for asked in queries]))


def _ask(queries: Rows, reader: ColumnReader) -> Any:
    return GOLDBERG.search(queries, reader, limit=10)


def _plainly(queries: Rows, reader: ColumnReader) -> Any:
    return search_plainly(GOLDBERG.score, GOLDBERG.name, queries, reader, limit=10, min_score=None, dead=None)


def product(rows: Rows) -> float:
    """Return the seconds of one query's dot products with all rows, which are unpacked to float32 before."""
    some = rows[:UNPACKED]
    unpacked = np.empty((len(some), 648), np.float32)
    for start in range(0, len(some), BATCH):
        unpacked[start : start + BATCH] = unpack(some[start : start + BATCH])
    query = unpacked[len(some) // 2].copy()
    return median_seconds(lambda: unpacked @ query, runs=5) * len(rows) / len(some)
