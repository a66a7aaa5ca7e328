"""Rows that a scan found, and the one way to keep the best of them.

Within one source, families keep the best rows as arrays, with every tie of the last (`shards.families.matches`): there
each key would cost a read. Here keys are known, so ties are broken by key, and an answer does not depend on how the
records are spread over sources.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from shards.errors import LookalikeError
from shards.table.read.snapshot import Source


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row that may become a hit, with all that is needed to compare it with rows of other sources."""

    source: Source
    row: int
    key: bytes
    score: float

    variant: int
    """Number of the question's signature that it is most alike to."""

    part: int = 0
    """Number of the query's part that found it."""


LaneRows: TypeAlias = list[list[FoundRow]]
"""The best rows of one source for each lane of a query."""

ScanOutcome: TypeAlias = LaneRows | LookalikeError
"""The result of scanning one source: its rows, or the error that kept it from being scanned."""


def rank(row: FoundRow) -> tuple[float, bytes]:
    """Return the sort key of a row: falling score, then key."""
    return -row.score, row.key


def best(rows: Iterable[FoundRow], limit: int) -> list[FoundRow]:
    """Return the best `limit` of these rows, best first."""
    return sorted(rows, key=rank)[:limit]


def best_by_lane(outcomes: Iterable[ScanOutcome], lanes: int, limit: int) -> LaneRows:
    """Return the best `limit` rows of each lane over all sources that were scanned."""
    scanned = [outcome for outcome in outcomes if not isinstance(outcome, LookalikeError)]
    return [best(chain.from_iterable(rows[lane] for rows in scanned), limit) for lane in range(lanes)]
