"""What is asked for, checked before anything is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shards.errors import QueryError
from shards.families import Family

LIMIT = 10
"""Hits where a query does not say how many: what IQDB answers."""

MAX_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for, for one question or for several.

    A question is (q,) signatures of `family`, all of one picture: its orientations, its negative, named by `variants`;
    a record's score is its best over them. `limit`: hits at most. `min_score`: leave out what is below. `where`:
    metadata fields that must be equal, as JSON values are: 1 and 1.0 are, 1 and true are not.
    """

    family: Family
    variants: tuple[str, ...]
    limit: int = LIMIT
    min_score: float | None = None
    where: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_limit(self.limit)
        if self.min_score is not None:
            check_min_score(self.min_score)
        try:
            json.dumps(dict(self.where), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise QueryError(f"filter {dict(self.where)!r} is not JSON: {error}") from error

    def accepts(self, meta: Mapping[str, Any]) -> bool:
        """Whether a record with this metadata may be a hit."""
        return all(name in meta and _same(meta[name], value) for name, value in self.where.items())


def check_limit(limit: int) -> None:
    """Raises QueryError unless this many hits can be asked for."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise QueryError(f"limit is {limit!r}: give a whole number from 1 to {MAX_LIMIT:,}")


def check_min_score(min_score: float) -> None:
    """Raises QueryError unless something can score so."""
    if not min_score <= 100:
        raise QueryError(f"min_score is {min_score}: a score is at most 100")


def least_score(family: Family, min_score: float | None, max_distance: float | None) -> float | None:
    """What a hit has to score at least, said either way, or None. `max_distance`: in the family's own unit.

    Raises QueryError where both are given, or the family knows no distance.
    """
    if max_distance is None:
        return min_score
    if min_score is not None:
        raise QueryError("give min_score or max_distance, not both")
    return family.score_at(max_distance)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)
