"""Scanning one source: the best records of a segment or of the tail, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from shards.families import Matches
from shards.search.query import Query
from shards.table.records import meta_of
from shards.table.snapshot import Image, Source


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


def scan(source: Source, query: Query) -> list[Found]:
    """The best `limit` rows of this source by falling score, then by key."""
    matches = _matches(source, query)
    keys = source.reader.texts("key", matches.rows)
    found = [
        Found(source, row, key, score, variant)
        for row, key, score, variant in zip(
            matches.rows.tolist(), keys, matches.scores.tolist(), matches.queries.tolist(), strict=True
        )
    ]
    return best(found, query.limit)


def best(found: Iterable[Found], limit: int) -> list[Found]:
    """The best of these. Ties are broken by key, so an answer does not depend on how records are spread."""
    return sorted(found, key=lambda one: (-one.score, one.key))[:limit]


def describe(found: Sequence[Found], query: Query) -> list[Hit]:
    """The hits of these rows, in this order: what else is known of them is read now."""
    images: dict[int, Image] = {}
    for source in {id(one.source): one.source for one in found}.values():
        mine = [i for i, one in enumerate(found) if one.source is source]
        rows = np.array([found[i].row for i in mine], np.int64)
        images |= dict(zip(mine, source.images(rows), strict=True))
    return [
        Hit(images[i], one.score, query.family.distance_at(one.score), query.variants[one.variant])
        for i, one in enumerate(found)
    ]


def _matches(source: Source, query: Query) -> Matches:
    """The best matches that the filter accepts, with every tie of the last; looks further until there are enough."""
    limit = query.limit
    accepted: dict[int, bool] = {}
    while True:
        matches = query.family.search(
            query.rows, source.reader, limit=limit, min_score=query.min_score, dead=source.dead
        )
        if not query.where:
            return matches
        new = np.array([row for row in matches.rows.tolist() if row not in accepted], np.int64)
        for row, meta in zip(new.tolist(), source.reader.texts("meta", new), strict=True):
            accepted[row] = query.accepts(meta_of(meta)[0])
        keep = np.array([accepted[row] for row in matches.rows.tolist()], bool)
        if keep.sum() >= query.limit or len(matches.rows) < limit:
            return Matches(matches.rows[keep], matches.scores[keep], matches.queries[keep])
        limit = 4 * len(matches.rows)
