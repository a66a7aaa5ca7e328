"""Scanning one source: the best records of a segment or of the tail, exactly."""

from __future__ import annotations

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


def scan(source: Source, query: Query) -> list[Hit]:
    """The best `limit` hits of this source by falling score, then by key."""
    matches = _matches(source, query)
    keys = source.reader.texts("key", matches.rows)
    best = sorted(range(len(keys)), key=lambda i: (-matches.scores[i], keys[i]))[: query.limit]
    scores = matches.scores[best].tolist()
    variants = matches.queries[best].tolist()
    return [
        Hit(image, score, query.family.distance_at(score), query.variants[variant])
        for image, score, variant in zip(source.images(matches.rows[best]), scores, variants, strict=True)
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


def best_hits(found: list[list[Hit]], limit: int) -> list[Hit]:
    """The best of several sources. Ties are broken by key, so the answer does not depend on how records are spread."""
    return sorted((hit for hits in found for hit in hits), key=lambda hit: (-hit.score, hit.key.encode()))[:limit]
