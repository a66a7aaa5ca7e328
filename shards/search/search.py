"""Searches a snapshot: the exact best of every segment and of the log's tail, described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

import numpy as np

from shards.errors import LookalikeError
from shards.search.executors.base import Executor
from shards.search.found import FoundRow, best_by_image, best_by_lane
from shards.search.newest import scan_newest
from shards.search.query import Query
from shards.search.scan import scan
from shards.storage.parallel import ParallelMap
from shards.table.read.snapshot import Image, Snapshot, Source


@dataclass(frozen=True, slots=True)
class Hit:
    """One image that answers a question."""

    image: Image

    score: float
    """From 0 to 100; 100 is the same."""

    distance: float | None
    """The same in the family's own unit (bits, for hashes); None where the family has no distance."""

    variant: str
    """Name of the question's signature that the image is most alike to, such as "rotated 90"."""

    @property
    def key(self) -> str:
        """The image's key."""
        return self.image.key


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of every question of a query."""

    hits: Sequence[Sequence[Hit]]
    """For each question, best first."""

    compared: int
    """Number of rows that were compared."""

    missing: Sequence[Source]
    """Sources that could not be scanned."""


def search(executor: Executor, parallel_map: ParallelMap, snapshot: Snapshot, query: Query) -> SearchResult:
    """Return the best `limit` hits of each question. `executor`: scans the sources, in this process or elsewhere."""
    if not query.questions:
        return SearchResult((), 0, ())

    max_rows = query.limit + snapshot.max_outdated
    scan_here = partial(scan, query=query, attempt=parallel_map, max_rows=max_rows)
    outcomes = scan_newest(
        snapshot, query, parallel_map, lambda sources: executor.scan(sources, query, scan_here, max_rows=max_rows)
    )
    missing = [source for source, outcome in outcomes if isinstance(outcome, LookalikeError)]
    compared = sum(source.live for source, outcome in outcomes if not isinstance(outcome, LookalikeError))
    lanes = best_by_lane((outcome for _, outcome in outcomes), query.lanes, query.limit)
    found = [
        best_by_image([lanes[lane] for lane in query.lanes_of(question)], query.limit)
        for question in range(query.questions)
    ]
    hits = iter(describe(list(chain.from_iterable(found)), query, parallel_map))
    return SearchResult([list(islice(hits, len(rows))) for rows in found], compared, missing)


def describe(rows: Sequence[FoundRow], query: Query, parallel_map: ParallelMap) -> list[Hit]:
    """Return the hits of these rows, in this order. Reads what else is known of them, from all sources at once."""
    by_source: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        by_source.setdefault(id(row.source), []).append(place)

    def read(places: list[int]) -> list[tuple[int, Image]]:
        at = np.array([rows[place].row for place in places], np.int64)
        images = rows[places[0]].source.images(at, [rows[place].key for place in places])
        return list(zip(places, images, strict=True))

    images = dict(chain.from_iterable(parallel_map(read, list(by_source.values()))))
    return [_hit(images[place], row, query) for place, row in enumerate(rows)]


def _hit(image: Image, row: FoundRow, query: Query) -> Hit:
    part = query.parts[row.part]
    return Hit(image, row.score, part.family.distance_at(row.score), part.variants[row.variant])
