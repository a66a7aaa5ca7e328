"""Exact search: a segment's buckets say which rows can be found, and those rows alone are scored.

As many features agree, at most, as features of the question are near one of the row, or the other way round. So rows
are scored by falling bound, until no other can be among the best. Scores are those of the plain formula, from the rows
themselves: the columns decide only what is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows, search_plainly
from shards.families.crops import columns, scoring
from shards.families.crops.matching import Lookup
from shards.families.crops.near import Buckets, Crowd, Near, look_up
from shards.families.crops.unpacked import WORDS, Unpacked
from shards.families.matches import BestRows, Matches, is_living
from shards.families.reading import FETCHED, ColumnReader, scattered

FIRST = 128
"""Rows that are scored at first; then four times as many, and so on: most questions have fewer."""

MORE = 4

LARGEST = 1 << 14
"""Rows that are read and scored at a time, at most: 10 MB."""

TOGETHER = 1 << 12
"""Features of questions that look in the buckets together."""

SKEW = 7
"""Times that the buckets in which a question looks are larger than the mean: with real pictures 3.5 to 6.5."""

A_CANDIDATE = 800_000
"""Features of the question times rows, for each row that is scored: of a million, 630 for 500 features."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Rows that a question may find: n pairs of a row and a row of the question, by falling bound."""

    rows: NDArray[np.int64]
    queries: NDArray[np.int64]

    bounds: NDArray[np.float64]
    """(n,) float64: scores that the rows have at most."""

    def take(self, which: NDArray[np.intp]) -> Candidates:
        return Candidates(self.rows[which], self.queries[which], self.bounds[which])


def search_many(
    name: str,
    questions: Sequence[Rows],
    reader: ColumnReader,
    *,
    limit: int,
    min_score: float | None,
    dead: NDArray[np.uint32] | None,
) -> list[Matches]:
    """Search as `Family.search_many` does; rows below `LEAST_SCORE` are not found."""
    least = scoring.LEAST_SCORE if min_score is None else max(min_score, scoring.LEAST_SCORE)
    if not columns.is_there(reader):
        return [
            search_plainly(scoring.score, name, queries, reader, limit=limit, min_score=least, dead=dead)
            for queries in questions
        ]
    found = []
    for queries, near in zip(questions, _near(questions, reader), strict=True):
        candidates = candidates_of(near, queries, reader.rows, least)
        if dead is not None and len(dead) and len(candidates.rows):
            candidates = candidates.take(np.flatnonzero(is_living(candidates.rows, dead)))
        found.append(_best(name, queries, candidates, reader, BestRows(limit, least)))
    return found


def _near(questions: Sequence[Rows], reader: ColumnReader) -> Iterator[Near | Crowd]:
    """Yield what is near the features of each question. They look in the buckets together, which are read once."""
    features = [Unpacked.of(queries) for queries in questions]
    for some in _together([int(of.counts.sum()) for of in features]):
        counts = [int(of.counts.sum()) for of in features[some]]
        near = look_up(Lookup.of(Unpacked.of(np.concatenate(questions[some]))), reader)
        if isinstance(near, Near):
            yield from near.split(counts)
        elif len(counts) == 1:
            yield near
        else:
            yield from (look_up(Lookup.of(of), reader) for of in features[some])


def _together(counts: Sequence[int]) -> Iterator[slice]:
    """Yield runs of questions, or of their rows, that have no more than `TOGETHER` features, or are one."""
    start = total = 0
    for number, count in enumerate(counts):
        if total + count > TOGETHER and number > start:
            yield slice(start, number)
            start, total = number, 0
        total += count
    if start < len(counts):
        yield slice(start, len(counts))


def _best(name: str, queries: Rows, candidates: Candidates, reader: ColumnReader, best: BestRows) -> Matches:
    """Score candidates by falling bound, until no other can be among the best."""
    start, step = 0, FIRST
    while start < len(candidates.rows):
        can_be = int(np.searchsorted(-candidates.bounds, -best.floor, "right"))
        stop = min(start + step, can_be)
        if start >= stop:
            break
        for number in range(len(queries)):
            rows = np.sort(candidates.rows[start:stop][candidates.queries[start:stop] == number])
            if len(rows):
                signatures = np.concatenate(reader.ranges(name, [(row, row + 1) for row in rows.tolist()]))
                best.add(rows, scoring.score(queries[number], signatures), number)
        best.settle()
        start, step = stop, min(step * MORE, LARGEST)
    return best.settle()


def candidates_of(near: Near | Crowd, queries: Rows, rows: int, least: float) -> Candidates:
    """Return the rows, of so many, that can score `least`, which is `LEAST_SCORE` or more."""
    counts = Unpacked.of(queries).counts
    needed = int(np.searchsorted(scoring.SCORES, least))
    # what has an equal feature for each of the question's may be the same row
    if isinstance(near, Crowd):
        query, row = np.nonzero(near.counts >= np.minimum(needed, np.maximum(counts, 1))[:, None])
        keys, agreeing = query * rows + row, near.counts[row]
        same = keys[agreeing >= np.maximum(counts, 1)[query]]
    else:
        query_of = np.repeat(np.arange(len(queries)), counts)
        equal = near.take(np.flatnonzero(near.bits == 0))
        same, matched, _ = equal.counted(query_of, rows, 1)
        same = same[matched == counts[same // rows]]
        keys, asked, stored = near.counted(query_of, rows, needed)
        agreeing = np.minimum(asked, stored)
    bounds = scoring.SCORES[np.minimum(agreeing, scoring.MAX_COUNT)]
    keys, bounds = np.concatenate([same, keys]), np.concatenate([np.full(len(same), 100.0), bounds])
    # a row that is there twice counts with its higher bound
    order = np.lexsort((-bounds, keys))
    order = order[np.flatnonzero(np.diff(keys[order], prepend=-1))]
    order = order[np.argsort(-bounds[order], kind="stable")]
    order = order[bounds[order] >= least]
    return Candidates(keys[order] % rows, keys[order] // rows, bounds[order])


def cold(name: str, queries: Rows, reader: ColumnReader, *, limit: int) -> int:
    """Return the number of bytes that `search` would fetch, as `Family.cold` does."""
    everything = reader.cold(name)
    if not columns.is_there(reader):
        return everything
    features = Unpacked.of(queries)
    of_buckets = of_starts = reader.cold(columns.STARTS)
    for some in _together(features.counts.tolist()):
        lookup = Lookup.of(Unpacked.of(queries[some]))
        if of_starts:
            words = int(np.count_nonzero(np.diff(lookup.words, prepend=-1)))
            whole = reader.cold(columns.BUCKETS)
            of_buckets += scattered(whole, words, SKEW * whole // WORDS + 2 * FETCHED)
        else:
            of_buckets += reader.cold(columns.BUCKETS, Buckets.of(lookup, columns.read_starts(reader)).spans)
    scored = limit + int(features.counts.sum()) * reader.rows // A_CANDIDATE
    return of_buckets + min(scattered(everything, scored), everything)
