"""Searches a snapshot: the exact best of every segment and of the log's tail, described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np

from shards.errors import LookalikeError
from shards.families import rates
from shards.search.executors.base import Executor
from shards.search.found import FoundRow, best, best_by_lane
from shards.search.hits import Hit, describe
from shards.search.newest import scan_newest
from shards.search.query import Query
from shards.search.ranking import FamilyRows, FoundImage, ranked
from shards.search.scan import scan
from shards.search.scanned import Scanned, asks_flat, parts_of
from shards.search.seconding import alone
from shards.search.stages import NotAsked, Stages, everything, is_empty, only, reaching
from shards.search.stored import StoredPictures
from shards.storage.parallel import ParallelMap
from shards.table.read.snapshot import Snapshot, Source


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of every question of a query."""

    hits: Sequence[Sequence[Hit]]
    """For each question, best first."""

    compared: int
    """Number of rows that were compared."""

    missing: Sequence[Source]
    """Sources that could not be scanned."""

    not_asked: Sequence[Sequence[NotAsked]] = ()
    """For each question, what was left out."""


def search(executor: Executor, parallel_map: ParallelMap, snapshot: Snapshot, query: Query) -> SearchResult:
    """Return the best `limit` hits of each question. `executor`: scans the sources, in this process or elsewhere."""
    return search_in_stages(executor, parallel_map, snapshot, everything(query))


def search_in_stages(executor: Executor, parallel_map: ParallelMap, snapshot: Snapshot, stages: Stages) -> SearchResult:
    """Return the same, where the second query is asked only for questions to which the first has no certain answer."""
    if not stages.first.questions:
        return SearchResult((), 0, ())
    first = _scan(executor, parallel_map, snapshot, stages.first)
    stored = StoredPictures(parallel_map)
    found = _ranked([first], stored, parallel_map)
    scanned, not_asked = [first], [stages.cold] * len(found)
    if not is_empty(stages.second):
        is_open = [not _is_certain(images, first, question, stored) for question, images in enumerate(found)]
        left_out = tuple(
            NotAsked(part.family.name, "certain", not any(map(len, asked_part.questions)), cost)
            for asked_part, part, cost in zip(stages.first.parts, stages.second.parts, stages.costs, strict=True)
            if any(map(len, part.questions))
        )
        not_asked = [stages.cold if still else (*stages.cold, *left_out) for still in is_open]
        if any(is_open):
            second, rate = only(stages.second, is_open), _worst(found, is_open, stages.first.limit)
            scanned = [first, _scan(executor, parallel_map, snapshot, reaching(second, rate))]
            found = _ranked(scanned, stored, parallel_map)
            if _worst(found, is_open, stages.first.limit) > rate:
                # what is known by now of a picture has moved it back, and what follows was not asked for
                scanned = [first, _scan(executor, parallel_map, snapshot, second)]
                found = _ranked(scanned, stored, parallel_map)
    asked = [(scanned, question, image) for question, images in enumerate(found) for image in images]
    hits = iter(describe(asked, stored, parallel_map))
    missing = {id(source): source for each in scanned for source in each.missing}
    return SearchResult(
        [list(islice(hits, len(images))) for images in found], first.compared, list(missing.values()), not_asked
    )


def _scan(executor: Executor, parallel_map: ParallelMap, snapshot: Snapshot, query: Query) -> Scanned:
    """Return the best rows of each lane."""
    max_rows = query.limit + snapshot.max_outdated
    scan_here = partial(scan, query=query, attempt=parallel_map, max_rows=max_rows)
    outcomes = scan_newest(
        snapshot, query, parallel_map, lambda sources: executor.scan(sources, query, scan_here, max_rows=max_rows)
    )
    missing = [source for source, outcome in outcomes if isinstance(outcome, LookalikeError)]
    compared = sum(source.live for source, outcome in outcomes if not isinstance(outcome, LookalikeError))
    lanes = best_by_lane((outcome for _, outcome in outcomes), query.lanes, query.limit)
    return Scanned(query, lanes, compared, missing)


def _worst(found: Sequence[Sequence[FoundImage]], is_open: Sequence[bool], limit: int) -> float:
    """Return the false rate beyond which nothing gets among the best `limit` of an open question; 1 if all may."""
    open_ones = [images for images, still in zip(found, is_open, strict=True) if still]
    return max(images[-1].rate if len(images) == limit else 1.0 for images in open_ones)


def _ranked(scanned: Sequence[Scanned], stored: StoredPictures, parallel_map: ParallelMap) -> list[list[FoundImage]]:
    """Return the best images of each question, of all that was scanned for it."""
    query = scanned[0].query
    lanes = [[_lane(scanned, n, question) for n in range(len(query.parts))] for question in range(query.questions)]
    stored.read(
        (row, part.family)
        for lane in lanes
        for part, rows in zip(query.parts, lane, strict=True)
        for row in rows
        if part.rates.rate(row.score) <= rates.WEAK_RATE
    )
    spoken_alone = alone(parts_of(scanned), len(query.parts), lanes, parallel_map)

    def says_nothing(question: int, family: str, row: FoundRow) -> bool:
        is_flat = stored.is_flat(row.key, family) or asks_flat(scanned, question, row)
        return is_flat and not _is_file(query, question, row, stored)

    return [
        ranked(
            [
                FamilyRows(
                    part.family,
                    part.rates,
                    rows,
                    np.array([says_nothing(question, part.family.name, row) for row in rows], bool),
                    np.array([(question, part.family.name, row.key) in spoken_alone for row in rows], bool),
                )
                for part, rows in zip(query.parts, lane, strict=True)
            ],
            query.limit,
        )
        for question, lane in enumerate(lanes)
    ]


def _lane(scanned: Sequence[Scanned], n: int, question: int) -> list[FoundRow]:
    """Return the best rows of one question in one family, of all that was scanned for it."""
    query = scanned[0].query
    rows = [
        # the part says where the names of the rows are: those of a later query come after those of the first
        replace(row, part=n + stage * len(query.parts))
        for stage, each in enumerate(scanned)
        for row in each.lanes[n * query.questions + question]
    ]
    at_best: dict[bytes, FoundRow] = {}
    for row in best(rows, len(rows)):
        at_best.setdefault(row.key, row)
    return list(at_best.values())[: query.limit]


def _is_certain(images: Sequence[FoundImage], first: Scanned, question: int, stored: StoredPictures) -> bool:
    """Return whether one of these images is certainly a copy of what the question shows.

    The image that is asked for, and the very file, say nothing of whether there are copies.
    """
    query = first.query
    key = query.keys[question] if query.keys else b""
    return any(
        rates.confidence(image.rate, first.tries) == "certain"
        and image.row.key != key
        and not _is_file(query, question, image.row, stored)
        for image in images
    )


def _is_file(query: Query, question: int, row: FoundRow, stored: StoredPictures) -> bool:
    """Return whether the row is of the very file that is asked for."""
    return bool(query.sha256) and stored.is_file(row.key, query.sha256[question])
