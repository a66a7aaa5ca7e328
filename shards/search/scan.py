"""Scanning: the best records of every segment and of the tail, exactly, and the best of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from shards.errors import LookalikeError
from shards.families import Matches, Rows
from shards.search.query import Query
from shards.table.reader import SegmentReader
from shards.table.records import meta_of
from shards.table.snapshot import Image, Source

if TYPE_CHECKING:
    from shards.search.executor import Executor


@dataclass(frozen=True, slots=True)
class Hit:
    """One image that answers a query.

    `score`: 100 = same. `distance`: the same in the family's own unit (bits, for hashes), None where it has none.
    `variant`: which signature of the query it is like, such as "rotated 90".
    """

    image: Image
    score: float
    distance: float | None
    variant: str

    @property
    def key(self) -> str:
        return self.image.key


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


class Each(Protocol):
    """Maps a function over items, in order; several at once where they are far away."""

    def __call__(self, read: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]: ...


@dataclass(frozen=True, slots=True)
class Searched:
    """`hits` of each question, best first. `missing`: the sources that could not be scanned."""

    hits: Sequence[Sequence[Hit]]
    missing: Sequence[Source]


def search(
    executor: Executor, each: Each, sources: Sequence[Source], query: Query, questions: Sequence[Rows]
) -> Searched:
    """The best `limit` hits of each question. `executor`: where the sources are scanned."""
    if not questions:
        return Searched((), ())
    outcomes = executor.scan(
        sources, query, questions, lambda some: each(partial(scan, query=query, questions=questions), some)
    )
    scanned = [one for one in outcomes if not isinstance(one, LookalikeError)]
    missing = [source for source, one in zip(sources, outcomes, strict=True) if isinstance(one, LookalikeError)]
    found = [best(chain.from_iterable(parts), query.limit) for parts in zip(*scanned, strict=True)]
    found = found or [[] for _ in questions]
    hits = iter(describe(list(chain.from_iterable(found)), query, each))
    return Searched([list(islice(hits, len(one))) for one in found], missing)


def scan(source: Source, query: Query, questions: Sequence[Rows]) -> list[list[Found]]:
    """For each question the best `limit` rows of this source by falling score, then by key."""
    matches = _matches(source, query, questions)
    keys = iter(source.reader.texts("key", np.concatenate([one.rows for one in matches])))
    return [
        best(
            [
                Found(source, row, next(keys), score, variant)
                for row, score, variant in zip(
                    one.rows.tolist(), one.scores.tolist(), one.queries.tolist(), strict=True
                )
            ],
            query.limit,
        )
        for one in matches
    ]


def best(found: Iterable[Found], limit: int) -> list[Found]:
    """The best of these. Ties are broken by key, so an answer does not depend on how records are spread."""
    return sorted(found, key=lambda one: (-one.score, one.key))[:limit]


def describe(found: Sequence[Found], query: Query, each: Each) -> list[Hit]:
    """The hits of these rows, in this order: what else is known of them is read now."""
    by_source: dict[int, list[int]] = {}
    for i, one in enumerate(found):
        by_source.setdefault(id(one.source), []).append(i)

    def read(mine: list[int]) -> list[tuple[int, Image]]:
        rows = np.array([found[i].row for i in mine], np.int64)
        return list(zip(mine, found[mine[0]].source.images(rows), strict=True))

    images = dict(chain.from_iterable(each(read, list(by_source.values()))))
    return [
        Hit(images[i], one.score, query.family.distance_at(one.score), query.variants[one.variant])
        for i, one in enumerate(found)
    ]


def name_of(source: Source) -> str:
    """The name of a source's object: a segment's; the tail has no single one."""
    return source.reader.segment.name if isinstance(source.reader, SegmentReader) else "log"


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
            keep = np.array([accepted[row] for row in one.rows.tolist()], bool)
            if keep.sum() >= query.limit or len(one.rows) < limit:
                found[n] = Matches(one.rows[keep], one.scores[keep], one.queries[keep])
        limit = 4 * max(len(one.rows) for one in matches)
    return [found[n] for n in range(len(questions))]


def _filter(source: Source, query: Query, rows: NDArray[np.int64], accepted: dict[int, bool]) -> None:
    """Note of these rows whether the filter accepts them, where that is not known."""
    new = np.array(sorted(set(rows.tolist()) - accepted.keys()), np.int64)
    for row, meta in zip(new.tolist(), source.reader.texts("meta", new), strict=True):
        accepted[row] = query.accepts(meta_of(meta)[0])
