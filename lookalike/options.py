"""Options of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shards.errors import QueryError
from shards.families import AUTO, Family
from shards.search.cursor import Cursor
from shards.search.filters import ANYTHING, Filter
from shards.search.query import LIMIT, check_limit, check_one_threshold, score_threshold


def families_of(name: str | None) -> tuple[str, ...]:
    """Return the families that this name asks for: none of them stands for all of the index."""
    return () if name in (None, AUTO) else (name,)


def called(families: Sequence[str]) -> str:
    """Return what an answer says of the families that were asked: the name of the one, or "auto"."""
    return families[0] if len(families) == 1 else AUTO


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Everything a search may be told besides its questions. Raises QueryError for what no question can ask."""

    families: tuple[str, ...] = ()
    """Kinds of signature to compare; all of the index unless given."""

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
    """The place after which the hits begin, `Answer.next` of the page before. Only for a single question to one
    family: in each, the order is another."""

    min_share: float | None = None
    """Smallest part of a stored picture, as a share from 0 to 1, that the question has to show too; unless given, what
    the family thinks: 0.03 in crops. Families that compare whole pictures know no parts."""

    thorough: bool = False
    """Ask several families everything at once, at any cost, where otherwise the dearest questions are asked only if
    nothing certain was found."""

    as_original: bool = False
    """Ask as the program does that a family comes from, for protocols whose answers have to be the same."""

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
        min_share: float | None = None,
        thorough: bool = False,
    ) -> SearchOptions:
        """Return the options that the keywords of `Index.search` stand for."""
        return cls(
            families_of(family),
            limit,
            min_score,
            max_distance,
            orientations,
            negatives,
            Filter.of(where),
            after,
            min_share,
            thorough,
        )

    def __post_init__(self) -> None:
        for name in self.families:
            if not isinstance(name, str):
                raise QueryError(f"family is {name!r}: give the name of one, such as dhash")
        check_limit(self.limit)
        object.__setattr__(self, "where", Filter.of(self.where))
        check_one_threshold(self.min_score, self.max_distance)
        if self.min_share is not None and not 0 <= self.min_share <= 1:
            raise QueryError(f"min_share is {self.min_share}: it is a share of a picture, from 0 to 1")

    def check(self, families: Sequence[Family]) -> None:
        """Raise QueryError for what these families cannot be asked together."""
        if len(families) > 1:
            names = ", ".join(family.name for family in families)
            if self.min_score is not None or self.max_distance is not None:
                given = "max_distance" if self.min_score is None else "min_score"
                raise QueryError(f"{given} is one of a single family, and {names} are asked: name the family, too")
            if self.after is not None:
                raise QueryError(f"an answer of {names} has one page: name a family to read on, or give a higher limit")
        for family in families:
            self.threshold(family)

    def threshold(self, family: Family) -> float | None:
        """Return the score that a hit in this family must reach; None for any. Raises QueryError."""
        return score_threshold(family, self.min_score, self.max_distance)
