"""Searching Haar signatures: the inverted index beside adding up posting lists, and what a cold query reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.columns import REQUEST_WORTH, Stored
from benchmarks.measure import Result, median_seconds, seconds
from benchmarks.report import size
from benchmarks.signatures import CROSSED, crossed_haar, real_rows
from shards.families import ColumnReader, Rows
from shards.families.base import search_plainly
from shards.families.haar import Haar
from shards.families.haar.scoring import BINS, WEIGHTS
from shards.families.resident import Resident
from shards.table.format.records import FIXED

COUNT = 1_000_000
TIMES = 5
"""Ratio of the rows to those of a smaller segment."""

QUERIES = 20

RECORD = sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in FIXED.values()) + 2 * 8 + 10
"""Bytes a row of a record besides its signatures: the fixed columns, two offsets, and a key of 10 bytes."""

HAAR = Haar()


def run(count: int = COUNT, signatures: str | None = None) -> list[Result]:
    """Search `count` rows, and a fifth of them, for pictures that are not among them."""
    parents = real_rows("haar", signatures)
    held_out = max(len(parents) // 10, 1)
    queries = crossed_haar(parents[:held_out], QUERIES, seed=1)
    rows = crossed_haar(parents[held_out:], count, seed=0)
    few = max(count // TIMES, 1)
    smaller = _typical(partial(_search, reader=Resident(HAAR.columns(rows[:few]), few)), queries)
    made: dict[str, NDArray[Any]] = {}
    build = seconds(lambda: made.update(HAAR.columns(rows)))
    stored = Stored.of(made, count)
    warm = _warm(made, queries, build, stored.cold(queries, _search).bytes)
    scaling = Result(
        "haar, exact top 10",
        warm.ours,
        f"of {few:,}",
        smaller,
        f"{TIMES} times the rows",
        "at most 5.5 times the time",
        warm.ours <= 5.5 * smaller,
        rows=count,
    )
    return [warm, scaling, *_cold(stored, queries, count)]


def _warm(made: dict[str, NDArray[Any]], queries: Rows, build: float, read: float) -> Result:
    """Measure with everything in memory; the first answers are compared with those of the plain formula."""
    rows = made["haar"]
    reader = Resident(made, len(rows))
    for n in range(5):
        found = _search(queries[n : n + 1], reader)
        plain = _plainly(queries[n : n + 1], reader)
        if found.rows.tolist() != plain.rows.tolist() or found.scores.tobytes() != plain.scores.tobytes():
            raise RuntimeError(f"query {n} of haar found {found.rows}, the plain formula {plain.rows}")
    on_disk = sum(array.nbytes for array in made.values()) / len(rows)
    ours = _typical(partial(_search, reader=reader), queries)
    lists = PostingLists(rows, queries)
    baseline = _typical(lambda query: lists.scores(query[0]), queries)
    return Result(
        "haar, exact top 10",
        ours,
        "adding up posting lists",
        baseline,
        f"{on_disk + RECORD:.0f} B a row with its record",
        "0.05 of its time, at most 480 B a row",
        ours <= 0.05 * baseline and on_disk + RECORD <= 480,
        rows=len(rows),
        row_bytes=on_disk,
        read_bytes=read,
        build=build,
        line="haar",
    )


def _cold(stored: Stored, queries: Rows, count: int) -> Iterator[Result]:
    """Measure the same queries, each by a reader without a cache, where bytes count and where requests do."""
    plain = seconds(lambda: _plainly(queries[:1], stored.reader()))
    for what, gap in (("bytes count", 1), ("requests count", REQUEST_WORTH)):
        cold = stored.cold(queries, _search, gap)
        share = cold.bytes / count
        target = "16 B a row" if gap == 1 else "40 B a row in 32 requests"
        holds = share <= 16 if gap == 1 else share <= 40 and cold.requests <= 32
        yield Result(
            f"haar, a cold query where {what}",
            cold.seconds,
            "reading and scoring every row",
            plain,
            f"{share:.1f} B a row, {cold}; at most {size(cold.max_bytes)}",
            f"at most {target}, 3 rounds",
            holds and cold.rounds <= 3,
            rows=count,
            read_bytes=cold.bytes,
        )


def _search(query: Rows, reader: ColumnReader) -> Any:
    return HAAR.search(HAAR.asked(query), reader, limit=10)


def _plainly(query: Rows, reader: ColumnReader) -> Any:
    return search_plainly(HAAR.score, HAAR.name, HAAR.asked(query), reader, limit=10, min_score=None, dead=None)


def _typical(work: Callable[[Rows], object], queries: Rows) -> float:
    """Return the median over the queries."""
    return float(np.median([median_seconds(partial(work, queries[n : n + 1]), runs=3) for n in range(len(queries))]))


class PostingLists:
    """The baseline: the rows of each coefficient end to end, whose weights are subtracted from float32 scores."""

    def __init__(self, rows: Rows, queries: Rows) -> None:
        self._count = len(rows)
        pieces: dict[tuple[int, int], list[NDArray[np.uint32]]] = {}
        for channel in range(3):
            wanted = np.unique(queries["sig"][:, channel])
            for start in range(0, len(rows), CROSSED):
                coefficients = rows["sig"][start : start + CROSSED, channel].ravel()
                order = np.argsort(coefficients, kind="stable")
                ordered, postings = coefficients[order], (start + order // 40).astype(np.uint32)
                firsts, stops = (np.searchsorted(ordered, wanted, side) for side in ("left", "right"))
                for coefficient, first, stop in zip(wanted.tolist(), firsts, stops, strict=True):
                    pieces.setdefault((channel, coefficient), []).append(postings[first:stop])
        self._lists = {bucket: np.concatenate(found) for bucket, found in pieces.items()}

    def scores(self, query: Any) -> NDArray[np.float32]:
        scores = np.zeros(self._count, np.float32)
        for channel in range(3):
            for coefficient in query["sig"][channel].tolist():
                scores[self._lists[channel, coefficient]] -= np.float32(WEIGHTS[channel, BINS[abs(coefficient)]])
        return scores
