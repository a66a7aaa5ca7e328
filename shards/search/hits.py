"""Hits: images that answer a question, described, with how sure they are and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from shards.families import rates, seconds, structure
from shards.families.overlap import Overlap
from shards.families.rates import Confidence
from shards.pictures.orientations import number_of
from shards.search.ranking import FoundImage
from shards.search.scanned import Scanned, asks_flat, parts_of
from shards.search.stored import StoredPictures
from shards.storage.parallel import ParallelMap
from shards.table.read.snapshot import Image

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


def describe(
    asked: Sequence[tuple[Sequence[Scanned], int, FoundImage]],
    stored: StoredPictures,
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
        return [(place, _hit(*asked[place], image, stored)) for place, image in zip(places, images, strict=True)]

    hits = dict(chain.from_iterable(parallel_map(read, list(by_source.values()))))
    return [hits[place] for place in range(len(asked))]


def _hit(scanned: Sequence[Scanned], question: int, found: FoundImage, image: Image, stored: StoredPictures) -> Hit:
    """Return the hit of an image."""
    query = scanned[0].query
    parts = parts_of(scanned)
    families = {part.family.name: part.family for part in query.parts}
    tries = scanned[0].tries
    table = {part.family.name: part.rates for part in query.parts}
    said = {name: table[name].rate(row.score) for name, row in found.rows.items()}
    why_not = {
        name: structure.why_not(asks_flat(scanned, question, row), stored.is_flat(row.key, name), ASKED_AND_STORED)
        for name, row in found.rows.items()
    }
    sure = {name: _counted(rate, why_not[name], name in found.alone) for name, rate in said.items()}
    surest = min(sure, key=lambda name: (sure[name], name != found.surest))
    matching = sorted(
        (name for name, rate in sure.items() if rates.is_match(rate, tries)),
        key=lambda name: (sure[name], name != found.surest),
    )
    confidence = rates.confidence(sure[surest], tries)
    reason = None
    if rates.confidence(said[surest], tries) != confidence:
        reason = why_not[surest] or seconds.ALONE
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


def _counted(rate: float, why_not: str | None, is_alone: bool) -> float:
    """Return the false rate by which a family's word counts."""
    if why_not is not None:
        return 1.0
    return max(rate, rates.WEAK_RATE) if is_alone else rate
