"""What the queries of one search found, before it is ranked and described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shards.search.found import FoundRow, LaneRows
from shards.search.query import Part, Query
from shards.table.read.snapshot import Source


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one query found."""

    query: Query
    lanes: LaneRows

    compared: int
    """Number of rows that were compared."""

    missing: Sequence[Source]
    """Sources that could not be scanned."""

    @property
    def tries(self) -> int:
        """Number of times that a stranger may be taken for the picture: each family has a look at each image."""
        return self.compared * len(self.query.parts)


def parts_of(scanned: Sequence[Scanned]) -> list[Part]:
    """Return the parts of all queries, to which the `part` of a row refers."""
    return [part for each in scanned for part in each.query.parts]


def asks_flat(scanned: Sequence[Scanned], question: int, row: FoundRow) -> bool:
    """Return whether the row of the question that found this one is of a flat picture."""
    part = parts_of(scanned)[row.part]
    return bool(part.flat) and bool(part.flat[question][row.variant])
