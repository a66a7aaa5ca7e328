"""Options of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shards.errors import QueryError
from shards.families import Family
from shards.search.cursor import Cursor
from shards.search.filters import ANYTHING, Filter
from shards.search.query import LIMIT, check_limit, check_one_threshold, score_threshold


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Everything a search may be told besides its questions. Raises QueryError for what no question can ask."""

    families: tuple[str, ...] = ()
    """Kinds of signature to compare; the index's first unless given. An index asks one family in a search."""

    limit: int = LIMIT
    """Maximum number of hits of each question."""

    min_score: float | None = None
    """Score, from 0 to 100, below which images are left out."""

    max_distance: float | None = None
    """The same in the family's own unit. Not together with `min_score`."""

    orientations: bool = False
    """Also find the image turned or mirrored."""

    negatives: bool = False
    """Also find the image's negative."""

    where: Mapping[str, Any] | Filter = ANYTHING
    """What the metadata of a hit must be like, as JSON in the words of `shards.search.filters`."""

    after: Cursor | None = None
    """The place after which the hits begin, `Answer.next` of the page before. Only for a single question."""

    @classmethod
    def of(
        cls,
        family: str | None,
        limit: int,
        min_score: float | None,
        max_distance: float | None,
        orientations: bool,
        negatives: bool,
        where: Mapping[str, Any] | Filter | None,
        after: Cursor | None = None,
    ) -> SearchOptions:
        """Return the options that the keywords of `Index.search` stand for."""
        families = () if family is None else (family,)
        return cls(families, limit, min_score, max_distance, orientations, negatives, Filter.of(where), after)

    def __post_init__(self) -> None:
        for name in self.families:
            if not isinstance(name, str):
                raise QueryError(f"family is {name!r}: give the name of one, such as dhash")
        check_limit(self.limit)
        object.__setattr__(self, "where", Filter.of(self.where))
        check_one_threshold(self.min_score, self.max_distance)

    def threshold(self, family: Family) -> float | None:
        """Return the score that a hit in this family must reach; None for any. Raises QueryError."""
        return score_threshold(family, self.min_score, self.max_distance)
