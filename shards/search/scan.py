"""Scanning: the best rows of segments and of the log's tail, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.errors import LookalikeError
from shards.families import Matches, Rows
from shards.search.query import Query
from shards.table.format.records import meta_of
from shards.table.read.snapshot import Source


@dataclass(frozen=True, slots=True)
class Found:
    """A row that may become a hit: what is needed to compare it with those of other sources."""

    source: Source
    row: int
    key: bytes
    score: float
    variant: int


Scanned: TypeAlias = list[list[Found]]
"""The best rows of one source, for each question."""

Outcome: TypeAlias = Scanned | LookalikeError
"""What came of scanning one source."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Trying(Protocol):
    """Maps a function over items, in order, as `Each` does. What goes wrong with one it raises, or has in its place."""

    def __call__(self, read: Callable[[Item], Result], items: Sequence[Item]) -> Sequence[Result | LookalikeError]: ...


def scan(
    sources: Sequence[Source], query: Query, questions: Sequence[Rows], each: Trying, *, most: int
) -> list[Outcome]:
    """For each of these sources and each question its best `limit` rows by falling score, then by key.

    Rows that others beat are left out, but for the best `most` of all these sources: keys, by which equals are ordered,
    are read of the few rows that are left.
    """
    matched = each(lambda source: _matches(source, query, questions), sources)
    answered = [one for one in matched if not isinstance(one, LookalikeError)]
    bars = [_bar(np.concatenate([one.scores for one in parts]), most) for parts in zip(*answered, strict=True)]

    def named(one: tuple[Source, list[Matches] | LookalikeError]) -> Outcome:
        source, matches = one
        return matches if isinstance(matches, LookalikeError) else _named(source, matches, bars, query.limit)

    return list(each(named, list(zip(sources, matched, strict=True))))


def _bar(scores: NDArray[np.float64], most: int) -> float:
    """What the last of the best `most` scores."""
    return float(np.partition(scores, len(scores) - most)[len(scores) - most]) if len(scores) > most else -np.inf


def _named(source: Source, matches: Sequence[Matches], bars: Sequence[float], limit: int) -> Scanned:
    """Those that reach their question's bar, with their keys."""
    left = [one.take(np.flatnonzero(one.scores >= bar)) for one, bar in zip(matches, bars, strict=True)]
    keys = iter(source.reader.texts("key", np.concatenate([one.rows for one in left])))
    return [
        best(
            [
                Found(source, row, next(keys), score, variant)
                for row, score, variant in zip(
                    one.rows.tolist(), one.scores.tolist(), one.queries.tolist(), strict=True
                )
            ],
            limit,
        )
        for one in left
    ]


def best(found: Iterable[Found], limit: int) -> list[Found]:
    """The best of these. Ties are broken by key, so an answer does not depend on how records are spread."""
    return sorted(found, key=rank)[:limit]


def rank(one: Found) -> tuple[float, bytes]:
    """What rows are ordered by: falling score, then key."""
    return -one.score, one.key


def _matches(source: Source, query: Query, questions: Sequence[Rows]) -> list[Matches]:
    """For each question the best matches that the filter accepts, with every tie of the last."""

    def look(asking: Sequence[Rows], limit: int) -> list[Matches]:
        return query.family.search_many(asking, source.reader, limit=limit, min_score=query.min_score, dead=source.dead)

    if not query.where:
        return look(questions, query.limit)
    found: dict[int, Matches] = {}
    accepted: dict[int, bool] = {}
    limit = query.limit
    # look further until there are enough, or no more
    while unanswered := [n for n in range(len(questions)) if n not in found]:
        matches = look([questions[n] for n in unanswered], limit)
        _filter(source, query, np.concatenate([one.rows for one in matches]), accepted)
        for n, one in zip(unanswered, matches, strict=True):
            keep = np.flatnonzero([accepted[row] for row in one.rows.tolist()])
            if len(keep) >= query.limit or len(one.rows) < limit:
                found[n] = one.take(keep)
        limit = 4 * max(len(one.rows) for one in matches)
    return [found[n] for n in range(len(questions))]


def _filter(source: Source, query: Query, rows: NDArray[np.int64], accepted: dict[int, bool]) -> None:
    """Note of these rows whether the filter accepts them, where that is not known."""
    new = np.array(sorted(set(rows.tolist()) - accepted.keys()), np.int64)
    for row, meta in zip(new.tolist(), source.reader.texts("meta", new), strict=True):
        accepted[row] = query.accepts(meta_of(meta)[0])
