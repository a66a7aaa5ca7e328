"""Goldberg signatures: exact search of every row, beside one matrix product over the unpacked values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Result, human, median_seconds, seconds
from benchmarks.signatures import perturbed, real_rows
from shards.families import Rows
from shards.families.base import search_plainly
from shards.families.goldberg import Goldberg, unpack

COUNT = 250_000
BATCH = 50_000

UNPACKED = 250_000
"""Rows of the baseline at most: 648 float32 of a million are 2.6 GB. Larger counts are scaled from these."""

PICTURES = (0, 9, 20, 33)
"""Which of the real rows are asked for: each the first of 8 orientations."""

GOLDBERG = Goldberg()


class Columns:
    """A segment's columns in memory, which count the requests and bytes that a store would have served."""

    def __init__(self, arrays: dict[str, NDArray[Any]], rows: int) -> None:
        self.rows = rows
        self.requests = 0
        self.bytes = 0
        self._arrays = arrays

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.ranges(name, [(start, len(self._arrays[name]) if stop is None else stop)])[0]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        found = [self._arrays[name][start:stop] for start, stop in ranges]
        self.requests += 1
        self.bytes += sum(part.nbytes for part in found)
        return found

    def length(self, name: str) -> int | None:
        return len(self._arrays[name]) if name in self._arrays else None


def run(count: int = COUNT) -> list[Result]:
    """One query, its 8 orientations, and these with their negatives, all for the exact best 10."""
    rows = np.concatenate(
        [perturbed(min(BATCH, count - start), seed=start)["goldberg"] for start in range(0, count, BATCH)]
    )
    arrays: dict[str, NDArray[Any]] = {}
    building = seconds(lambda: arrays.update(GOLDBERG.columns(rows)))
    reader = Columns(arrays, count)
    stored = sum(array.nbytes for name, array in arrays.items() if name != GOLDBERG.name)
    baseline = product(rows)
    orientations = [real_rows()["goldberg"][8 * picture : 8 * picture + 8] for picture in PICTURES]
    negatives = [np.concatenate([eight, [GOLDBERG.invert(row) for row in eight]]) for eight in orientations]

    one = search([eight[:1] for eight in orientations], reader)
    likely = search([eight[:1] for eight in orientations], reader, min_score=GOLDBERG.match_score)
    eight, sixteen = search(orientations, reader), search(negatives, reader)
    plain = median_seconds(
        lambda: search_plainly(
            GOLDBERG.score, GOLDBERG.name, orientations[0][:1], reader, limit=10, min_score=None, dead=None
        ),
        runs=3,
    )
    requests, read = cold(orientations[0][:1], reader)
    name = "float32 product, 648 columns"
    what = f"goldberg, exact top 10 of {count:,}"
    return [
        Result(
            what,
            one,
            name,
            baseline,
            f"{stored / count:.0f} B a row against 2,592, {read / count:.0f} read in {requests} requests, "
            f"built in {human(building)}",
            "at most 0.2, at 1/20 of the memory",
            one <= 0.2 * baseline and stored * 20 <= 2592 * count,
        ),
        Result("  those that score 55", likely, name, baseline, ""),
        Result("  8 orientations", eight, "one", one, "", "at most 6", eight <= 6 * one),
        Result("  8 orientations and their negatives", sixteen, "one", one, ""),
        Result("  one", one, "plain scan", plain, ""),
    ]


def search(queries: Sequence[Rows], reader: Columns, min_score: float | None = None) -> float:
    """Seconds a query, the mean of the queries' medians."""

    def ask(asked: Rows) -> float:
        return median_seconds(lambda: GOLDBERG.search(asked, reader, limit=10, min_score=min_score), runs=7)

    return float(np.mean([ask(asked) for asked in queries]))


def cold(queries: Rows, reader: Columns) -> tuple[int, int]:
    """(requests, bytes) of one search."""
    requests, read = reader.requests, reader.bytes
    GOLDBERG.search(queries, reader, limit=10)
    return reader.requests - requests, reader.bytes - read


def product(rows: Rows) -> float:
    """Seconds of one query's dot products with all rows, unpacked to float32 before the clock starts."""
    some = rows[:UNPACKED]
    unpacked = np.empty((len(some), 648), np.float32)
    for start in range(0, len(some), BATCH):
        unpacked[start : start + BATCH] = unpack(some[start : start + BATCH])
    query = unpacked[7].copy()
    return median_seconds(lambda: unpacked @ query, runs=5) * len(rows) / len(some)
