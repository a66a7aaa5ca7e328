"""Searches a snapshot: the exact best of every segment and of the log's tail, described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice

import numpy as np

from shards.errors import LookalikeError
from shards.families import rates, structure
from shards.families.overlap import Overlap
from shards.families.rates import Confidence
from shards.pictures.orientations import number_of
from shards.search.executors.base import Executor
from shards.search.found import FoundRow, LaneRows, best, best_by_lane
from shards.search.newest import scan_newest
from shards.search.query import Query
from shards.search.ranking import FamilyRows, FoundImage, ranked
from shards.search.scan import scan
from shards.search.stages import NotAsked, Stages, everything, is_empty, only
from shards.search.stored import StoredPictures
from shards.storage.parallel import ParallelMap
from shards.table.read.snapshot import Image, Snapshot, Source

ASKED_AND_STORED = ("the picture asked for", "the stored picture")
"""What the two pictures are called where a hit is no match."""


@dataclass(frozen=True, slots=True)
class FamilyMatch:
    """A family that calls a hit a match."""

    family: str

    score: float
    """From 0 to 100; 100 is the same."""

    distance: float | None
    """The same in the family's own unit; None where it has no distance."""


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

    family: str
    """Name of the family whose score this is: of those that were asked, the one that is surest of the hit."""

    false_rate: float
    """Share of pairs of strangers that score as much in this family."""

    confidence: Confidence | None
    """How sure the hit is in an index of this size, of which each family asked has seen every image; None where it says
    nothing."""

    families: tuple[FamilyMatch, ...]
    """The families that call it a match, the surest first. None of them where the picture of the question has nothing
    to tell it by."""

    overlap: Overlap | None = None
    """The part that the question and the image have in common, where a family that knows of parts found it."""

    reason: str | None = None
    """Why it is a match, or none, where the score does not say it: the files are identical, or a picture is flat."""

    @property
    def key(self) -> str:
        """The image's key."""
        return self.image.key

    @property
    def is_match(self) -> bool:
        """Whether it shows the same as the question, most likely."""
        return self.confidence in ("certain", "likely")


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


@dataclass(frozen=True, slots=True)
class _Scanned:
    """What one query found."""

    query: Query
    lanes: LaneRows
    compared: int
    missing: Sequence[Source]


def search(executor: Executor, parallel_map: ParallelMap, snapshot: Snapshot, query: Query) -> SearchResult:
    """Return the best `limit` hits of each question. `executor`: scans the sources, in this process or elsewhere."""
    return search_in_stages(executor, parallel_map, snapshot, everything(query))


def search_in_stages(executor: Executor, parallel_map: ParallelMap, snapshot: Snapshot, stages: Stages) -> SearchResult:
    """Return the same, where the second query is asked only for questions to which the first has no certain answer."""
    if not stages.first.questions:
        return SearchResult((), 0, ())
    first = _scan(executor, parallel_map, snapshot, stages.first)
    stored = StoredPictures(parallel_map)
    found = _ranked([first], stored)
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
            scanned.append(_scan(executor, parallel_map, snapshot, only(stages.second, is_open)))
            found = _ranked(scanned, stored)
    asked = [(scanned, question, image) for question, images in enumerate(found) for image in images]
    hits = iter(_describe(asked, stored, first.compared, parallel_map))
    missing = {id(source): source for each in scanned for source in each.missing}
    return SearchResult(
        [list(islice(hits, len(images))) for images in found], first.compared, list(missing.values()), not_asked
    )


def _scan(executor: Executor, parallel_map: ParallelMap, snapshot: Snapshot, query: Query) -> _Scanned:
    """Return the best rows of each lane."""
    max_rows = query.limit + snapshot.max_outdated
    scan_here = partial(scan, query=query, attempt=parallel_map, max_rows=max_rows)
    outcomes = scan_newest(
        snapshot, query, parallel_map, lambda sources: executor.scan(sources, query, scan_here, max_rows=max_rows)
    )
    missing = [source for source, outcome in outcomes if isinstance(outcome, LookalikeError)]
    compared = sum(source.live for source, outcome in outcomes if not isinstance(outcome, LookalikeError))
    lanes = best_by_lane((outcome for _, outcome in outcomes), query.lanes, query.limit)
    return _Scanned(query, lanes, compared, missing)


def _ranked(scanned: Sequence[_Scanned], stored: StoredPictures) -> list[list[FoundImage]]:
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

    def says_nothing(question: int, family: str, row: FoundRow) -> bool:
        is_flat = stored.is_flat(row.key, family) or _asks_flat(scanned, question, row)
        return is_flat and not _is_file(query, question, row, stored)

    return [
        ranked(
            [
                FamilyRows(
                    part.family,
                    part.rates,
                    rows,
                    np.array([says_nothing(question, part.family.name, row) for row in rows], bool),
                )
                for part, rows in zip(query.parts, lane, strict=True)
            ],
            query.limit,
        )
        for question, lane in enumerate(lanes)
    ]


def _lane(scanned: Sequence[_Scanned], n: int, question: int) -> list[FoundRow]:
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


def _asks_flat(scanned: Sequence[_Scanned], question: int, row: FoundRow) -> bool:
    """Return whether the row of the question that found this one is of a flat picture."""
    part = [part for each in scanned for part in each.query.parts][row.part]
    return bool(part.flat) and bool(part.flat[question][row.variant])


def _is_certain(images: Sequence[FoundImage], first: _Scanned, question: int, stored: StoredPictures) -> bool:
    """Return whether one of these images is certainly a copy of what the question shows.

    The image that is asked for, and the very file, say nothing of whether there are copies.
    """
    query = first.query
    key = query.keys[question] if query.keys else b""
    tries = _tries(query, first.compared)
    return any(
        rates.confidence(image.rate, tries) == "certain"
        and image.row.key != key
        and not _is_file(query, question, image.row, stored)
        for image in images
    )


def _is_file(query: Query, question: int, row: FoundRow, stored: StoredPictures) -> bool:
    """Return whether the row is of the very file that is asked for."""
    return bool(query.sha256) and stored.is_file(row.key, query.sha256[question])


def _tries(query: Query, compared: int) -> int:
    """Return how often a stranger may be taken for the picture: each family has a look at each image."""
    return compared * len(query.parts)


def _describe(
    asked: Sequence[tuple[Sequence[_Scanned], int, FoundImage]],
    stored: StoredPictures,
    compared: int,
    parallel_map: ParallelMap,
) -> list[Hit]:
    """Return the hits of these images, in this order. Reads what else is known of them, from all sources at once."""
    by_source: dict[int, list[int]] = {}
    for place, (_, _, image) in enumerate(asked):
        by_source.setdefault(id(image.row.source), []).append(place)

    def read(places: list[int]) -> list[tuple[int, Hit]]:
        source = asked[places[0]][2].row.source
        rows = [asked[place][2].row for place in places]
        at = np.array([row.row for row in rows], np.int64)
        images = source.images(at, [row.key for row in rows])
        return [
            (place, _hit(*asked[place], image, compared, stored)) for place, image in zip(places, images, strict=True)
        ]

    hits = dict(chain.from_iterable(parallel_map(read, list(by_source.values()))))
    return [hits[place] for place in range(len(asked))]


def _hit(
    scanned: Sequence[_Scanned], question: int, found: FoundImage, image: Image, compared: int, stored: StoredPictures
) -> Hit:
    """Return the hit of an image."""
    query = scanned[0].query
    parts = [part for each in scanned for part in each.query.parts]
    families = {part.family.name: part.family for part in query.parts}
    tries = _tries(query, compared)
    table = {part.family.name: part.rates for part in query.parts}
    said = {name: table[name].rate(row.score) for name, row in found.rows.items()}
    why_not = {
        name: structure.why_not(_asks_flat(scanned, question, row), stored.is_flat(row.key, name), ASKED_AND_STORED)
        for name, row in found.rows.items()
    }
    sure = {name: rate if why_not[name] is None else 1.0 for name, rate in said.items()}
    surest = min(sure, key=lambda name: (sure[name], name != found.surest))
    matching = sorted(
        (name for name, rate in sure.items() if rates.is_match(rate, tries)),
        key=lambda name: (sure[name], name != found.surest),
    )
    confidence = rates.confidence(sure[surest], tries)
    reason = why_not[surest] if rates.confidence(said[surest], tries) != confidence else None
    if not matching and query.sha256 and image.sha256 == query.sha256[question] != "":
        matching, confidence, reason = [surest], "certain", structure.IDENTICAL
    overlap = None
    for name, one in found.rows.items():
        if families[name].knows_overlaps and sure[name] <= rates.WEAK_RATE:
            (signature,) = one.source.reader.take(name, np.array([one.row], np.int64))
            part = parts[one.part]
            overlap = families[name].overlap(part.questions[question][one.variant], signature)
            if overlap is not None:
                overlap = overlap.before_turning(number_of(part.variants[question][one.variant]))
    row, family = found.rows[surest], families[surest]
    return Hit(
        image,
        row.score,
        family.distance_at(row.score),
        parts[row.part].variants[question][row.variant],
        family.name,
        sure[surest],
        confidence,
        tuple(
            FamilyMatch(name, found.rows[name].score, families[name].distance_at(found.rows[name].score))
            for name in matching
        ),
        overlap,
        reason,
    )
