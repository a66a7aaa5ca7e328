"""Second words in a search: which hits a family calls a match that no other family sees anything in.

Families tell their best rows alone, so the signatures of such a hit in the other families are read, and scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from shards.families import Rows
from shards.families.rates import WEAK_RATE
from shards.families.seconds import SECOND_RATE
from shards.search.found import FoundRow
from shards.search.query import Part
from shards.storage.parallel import ParallelMap

Spoken: TypeAlias = tuple[int, str, bytes]
"""A question, the name of the family that found something, and the key of what it found."""


@dataclass(frozen=True, slots=True)
class _Called:
    """A row that a family calls something, and that nobody has seconded yet."""

    question: int
    family: str
    row: FoundRow


def alone(
    parts: Sequence[Part], families: int, lanes: Sequence[Sequence[Sequence[FoundRow]]], parallel_map: ParallelMap
) -> set[Spoken]:
    """Return what families that need a second word call something without one.

    `parts`: all that were asked, to which the `part` of a row refers; the first `families` are of different families,
    and `lanes` has for each question the rows that each of these found. Reads all sources at once.
    """
    if families == 1:
        return set()
    called = dict[int, list[_Called]]()
    for question, lane in enumerate(lanes):
        spoken = list(zip(parts, lane, strict=False))
        for part, rows in spoken:
            if not part.family.needs_second:
                continue
            seconded = {
                row.key
                for other, found in spoken
                if other is not part
                for row in found
                if other.rates.rate(row.score) <= SECOND_RATE
            }
            for row in rows:
                if row.key not in seconded and part.rates.rate(row.score) <= WEAK_RATE:
                    called.setdefault(id(row.source), []).append(_Called(question, part.family.name, row))

    def read(of_source: list[_Called]) -> list[Spoken]:
        return _alone(parts, of_source)

    return {spoken for found in parallel_map(read, list(called.values())) for spoken in found}


def _alone(parts: Sequence[Part], called: Sequence[_Called]) -> list[Spoken]:
    """Return which of these, all in one source, no other family seconds."""
    names = sorted({part.family.name for part in parts if any(map(len, part.questions))})
    at, places = np.unique([each.row.row for each in called], return_inverse=True)
    columns = called[0].row.source.reader.pick(at, names).columns
    found = []
    for each, place in zip(called, places.tolist(), strict=True):
        words = [
            part.rates.rate(float(part.family.score_asked(rows, columns[part.family.name][place : place + 1])[0]))
            for part in parts
            if part.family.name != each.family and len(rows := _turned_alike(parts, part, each))
        ]
        # a negative, for one, is known to no other family
        if words and min(words) > SECOND_RATE:
            found.append((each.question, each.family, each.row.key))
    return found


def _turned_alike(parts: Sequence[Part], part: Part, called: _Called) -> Rows:
    """Return the rows by which this part asks for the same orientation of the picture as the row that was found."""
    orientation = parts[called.row.part].variants[called.question][called.row.variant]
    alike = np.array([variant == orientation for variant in part.variants[called.question]], bool)
    rows: Rows = part.questions[called.question][alike]
    return rows
