"""Scans segments and the log's tail for their best rows, exactly."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.errors import LookalikeError
from shards.families import Matches, Rows
from shards.families.base import search_plainly
from shards.search.cursor import Cursor
from shards.search.found import FoundRow, LaneRows, ScanOutcome, best
from shards.search.query import DEEP, Part, Query
from shards.table.format.placement import check_family
from shards.table.format.records import meta_of
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Source

Item = TypeVar("Item")
Result = TypeVar("Result")


class Attempt(Protocol):
    """Maps a function over items, in order. It either raises what goes wrong with an item or returns it as a result."""

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item], /
    ) -> Sequence[Result | LookalikeError]: ...


def scan(sources: Sequence[Source], query: Query, attempt: Attempt, *, max_rows: int) -> list[ScanOutcome]:
    """Return the best `limit` rows of each source for each lane, by falling score, then by key.

    Rows that are not among the best `max_rows` of a lane over all these sources are left out: keys, which break ties,
    are read only for the rows that remain.
    """
    matched = attempt(lambda source: _matches(source, query), sources)
    scanned = [matches for matches in matched if not isinstance(matches, LookalikeError)]
    thresholds = [
        _threshold(np.concatenate([matches.scores for matches in lane]), max_rows)
        for lane in zip(*scanned, strict=True)
    ]

    def with_keys(source_matches: tuple[Source, list[Matches] | LookalikeError]) -> ScanOutcome:
        source, matches = source_matches
        return matches if isinstance(matches, LookalikeError) else _with_keys(source, matches, thresholds, query)

    return list(attempt(with_keys, list(zip(sources, matched, strict=True))))


def _threshold(scores: NDArray[np.float64], max_rows: int) -> float:
    """Return the score of the last of the best `max_rows`; minus infinity where there are no more than that."""
    return float(np.partition(scores, len(scores) - max_rows)[-max_rows]) if len(scores) > max_rows else -np.inf


def _with_keys(source: Source, lanes: Sequence[Matches], thresholds: Sequence[float], query: Query) -> LaneRows:
    """Return the matches that reach their lane's threshold, with their keys."""
    left = [
        matches.take(np.flatnonzero(matches.scores >= threshold))
        for matches, threshold in zip(lanes, thresholds, strict=True)
    ]
    keys = source.reader.texts("key", np.concatenate([matches.rows for matches in left]))
    ends = np.cumsum([len(matches.rows) for matches in left]).tolist()
    return [
        _best_rows(source, matches, keys[end - len(matches.rows) : end], query, lane)
        for lane, (matches, end) in enumerate(zip(left, ends, strict=True))
    ]


def _best_rows(source: Source, matches: Matches, keys: Sequence[bytes], query: Query, lane: int) -> list[FoundRow]:
    """Return the best `limit` of a lane's matches, of which these are the keys."""
    at = _best_by_key(matches, keys, query.limit)
    best_matches = matches.take(np.array(at, np.intp))
    part = query.part_of(lane)
    found = [
        FoundRow(source, row, keys[place], score, variant, part)
        for place, row, score, variant in zip(
            at, best_matches.rows.tolist(), best_matches.scores.tolist(), best_matches.queries.tolist(), strict=True
        )
    ]
    return best(found, query.limit)


def _best_by_key(matches: Matches, keys: Sequence[bytes], limit: int) -> Sequence[int]:
    """Return the places of the best `limit` matches. There may be a million that tie with the last: rows cost more."""
    if len(keys) <= limit:
        return range(len(keys))
    cut = np.partition(matches.scores, len(keys) - limit)[len(keys) - limit]
    better = np.flatnonzero(matches.scores > cut).tolist()
    tied = np.flatnonzero(matches.scores == cut).tolist()
    first = heapq.nsmallest(limit - len(better), ((keys[place], place) for place in tied))
    return [*better, *(place for _, place in first)]


def _matches(source: Source, query: Query) -> list[Matches]:
    """Return for each lane the best matches that the filter accepts, with every tie of the last."""
    accepted: dict[int, bool] = {}
    return [matches for part in query.parts for matches in _part_matches(source, query, part, accepted)]


def _part_matches(source: Source, query: Query, part: Part, accepted: dict[int, bool]) -> list[Matches]:
    """Return the same for the lanes of one part. `accepted`: rows that the filter was asked about, and its answers."""

    if isinstance(source.reader, SegmentReader):
        check_family(source.reader.segment, part.family)
    if not query.where and query.after is None:
        return _look(source, part, part.questions, query.limit)
    answered: dict[int, Matches] = {}
    limit, ceiling = query.depth, None
    # look further until there are enough, or no more
    while unanswered := [n for n in range(len(part.questions)) if n not in answered]:
        if query.after is not None and ceiling is None and limit > DEEP:
            limit, ceiling = query.limit, query.after.score
        lanes = _look(source, part, [part.questions[n] for n in unanswered], limit, ceiling)
        behind = lanes if query.after is None else [_behind(source, matches, query.after) for matches in lanes]
        if query.where:
            _filter(source, query, np.concatenate([matches.rows for matches in behind]), accepted)
        for n, matches, rest in zip(unanswered, lanes, behind, strict=True):
            kept = _accepted(rest, accepted) if query.where else rest
            if len(kept.rows) >= query.limit or len(matches.rows) < limit:
                answered[n] = kept
        limit = 4 * max(len(matches.rows) for matches in lanes)
    return [answered[n] for n in range(len(part.questions))]


def _look(
    source: Source, part: Part, questions: Sequence[Rows], limit: int, ceiling: float | None = None
) -> list[Matches]:
    """Return the best `limit` rows of each question with every tie of the last; of those up to the `ceiling` alone.

    A question without rows is not asked, and finds nothing.
    """
    asked = [rows for rows in questions if len(rows)]
    if len(asked) < len(questions):
        found = iter(_look(source, part, asked, limit, ceiling) if asked else ())
        return [next(found) if len(rows) else Matches.none() for rows in questions]
    if ceiling is None:
        return part.family.search_many(
            questions, source.reader, limit=limit, min_score=part.min_score, dead=source.dead
        )
    return [
        search_plainly(
            part.family.score,
            part.family.name,
            queries,
            source.reader,
            limit=limit,
            min_score=max(part.family.least_score, -np.inf if part.min_score is None else part.min_score),
            max_score=ceiling,
            dead=source.dead,
        )
        for queries in questions
    ]


def _behind(source: Source, matches: Matches, cursor: Cursor) -> Matches:
    """Return the matches behind this place. Keys are read of those alone that score the same as the hit before it."""
    is_behind = matches.scores < cursor.score
    tied = np.flatnonzero(matches.scores == cursor.score)
    last = cursor.key.encode()
    is_behind[tied] = [key > last for key in source.reader.texts("key", matches.rows[tied])]
    return matches.take(np.flatnonzero(is_behind))


def _filter(source: Source, query: Query, rows: NDArray[np.int64], accepted: dict[int, bool]) -> None:
    """Note for each of these rows that was not asked about before if the filter accepts it."""
    new = np.array(sorted(set(rows.tolist()) - accepted.keys()), np.int64)
    for row, meta in zip(new.tolist(), source.reader.texts("meta", new), strict=True):
        accepted[row] = query.where.accepts(meta_of(meta, source.name)[0])


def _accepted(matches: Matches, accepted: dict[int, bool]) -> Matches:
    return matches.take(np.flatnonzero([accepted[row] for row in matches.rows.tolist()]))
