"""Many queries at once: a batch that scans every row, beside the same queries one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Result, median_seconds
from benchmarks.signatures import crossed_hashes, real_rows
from shards.families import Rows
from shards.families.hashes import ImageHash
from shards.families.hashes.hamming import WORD, HammingFamily
from shards.families.resident import Resident

COUNT = 2_000_000
QUERIES = 64
LIMIT = 10

WIDE = 16
"""Radius in bits of 64 that is too wide for the index: all rows are scanned."""


def run(count: int = COUNT, signatures: str | None = None) -> list[Result]:
    """Measure 64 queries for the nearest 10 and within a wide radius: 64 bits, and 256 bits among half as many rows."""
    found = []
    for family, rows in ((ImageHash("dhash"), count), (ImageHash("dhash", 16), max(count // 2, 1))):
        parents = ([real_rows(name, signatures) for name in ("dhash", "phash")] * 2)[: family.bits // WORD]
        stored, asked = crossed_hashes(parents, rows, seed=1), crossed_hashes(parents, QUERIES, seed=2)
        reader = Resident(family.columns(stored), rows)
        found += [
            _measured(family, reader, asked, None, f"the nearest {LIMIT}"),
            _measured(family, reader, asked, family.bits * WIDE // WORD, f"within {family.bits * WIDE // WORD}"),
        ]
    return found


def _measured(family: HammingFamily, reader: Resident, asked: Rows, radius: int | None, what: str) -> Result:
    questions = [asked[n : n + 1] for n in range(len(asked))]
    options: dict[str, Any] = {"limit": LIMIT, "min_score": None if radius is None else family.score_at(radius)}
    answers: dict[str, list[NDArray[np.int64]]] = {}

    def together() -> None:
        answers["together"] = [found.rows for found in family.search_many(questions, reader, **options)]

    def one_by_one() -> None:
        answers["alone"] = [family.search(question, reader, **options).rows for question in questions]

    ours, theirs = median_seconds(together, runs=3), median_seconds(one_by_one, runs=3)
    same = all(map(np.array_equal, answers["together"], answers["alone"]))
    detail = f"{ours / len(questions) / reader.rows * 1e9:.2f} ns a row and query"
    return Result(
        f"{len(questions)} queries of {family.bits} bits, {what}",
        ours,
        "one by one",
        theirs,
        detail,
        "the same answers",
        same,
        rows=reader.rows,
    )
