"""Queries: the signatures that a scan looks for, and the conditions that a record must meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.errors import QueryError
from shards.families import Family, Rows
from shards.families.rates import RateTable
from shards.search.cursor import Cursor
from shards.search.filters import ANYTHING, Filter

LIMIT = 10
"""Default number of hits, the same as IQDB's."""

MAX_LIMIT = 100_000

DEEP = MAX_LIMIT
"""Rows up to which the next page is looked for from the best one down, by the family's own search. Past that, all rows
are scored, and those that score more than the last page are left out: so memory does not grow with the pages."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One family's part of a query: the signatures of every question in that family."""

    family: Family

    questions: tuple[Rows, ...]
    """The rows of each question, any number of the family's `question_dtype`: none where this family is not asked it.
    A record's score is its best over them."""

    min_score: float | None = None
    """Records that score less are left out."""

    variants: tuple[tuple[str, ...], ...] = ()
    """Names of each question's rows, such as "rotated 90", in their order. Only hits need them."""

    flat: tuple[NDArray[np.bool_], ...] = ()
    """For each question, (rows,) bool: rows of a picture that is flat, so that their scores mean nothing, whatever they
    are. Only hits need that."""

    measured: RateTable | None = None
    """False rates measured among the images of this index; those of the family unless given. Only hits need them."""

    @property
    def rates(self) -> RateTable:
        """The false rates of the family's scores in this index."""
        return self.measured or self.family.rates


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One or more questions that are asked together, each in one or more families.

    A **lane** is one part of one question. Each lane has its own best rows; lanes are numbered part by part, and
    within a part question by question.
    """

    parts: tuple[Part, ...]
    """At least one, all with the same number of questions."""

    limit: int = LIMIT
    """Maximum number of hits of each question."""

    where: Filter = ANYTHING
    """Records with other metadata are left out."""

    after: Cursor | None = None
    """Records up to this place are left out. Only of one question in one family: in each, the order is another."""

    sha256: tuple[str, ...] = ()
    """For each question the hex digits of its file's SHA-256, empty where that is unknown. Only hits need that."""

    keys: tuple[bytes, ...] = ()
    """For each question the key of the image of the index that it is, empty where it is none. Only hits need that."""

    def __post_init__(self) -> None:
        if not self.parts or len({len(part.questions) for part in self.parts}) > 1:
            counts = [len(part.questions) for part in self.parts]
            raise QueryError(f"the parts of a query have {counts} questions: give one or more, with as many in each")
        check_limit(self.limit)
        if self.after is not None and self.lanes > 1:
            raise QueryError(
                f"a cursor is a place in one answer, and here are {self.lanes}: ask one question at a time"
            )
        for part in self.parts:
            if part.min_score is not None:
                check_min_score(part.min_score)

    @property
    def questions(self) -> int:
        """Number of questions."""
        return len(self.parts[0].questions)

    @property
    def lanes(self) -> int:
        """Number of lanes."""
        return len(self.parts) * self.questions

    @property
    def rank(self) -> int:
        """Number of hits before the first one of this page."""
        return 0 if self.after is None else self.after.rank

    @property
    def depth(self) -> int:
        """Number of rows among which the hits are, as far as that is known before anything is read."""
        return self.rank + self.limit

    def part_of(self, lane: int) -> int:
        """Return the number of the part that a lane belongs to."""
        return lane // self.questions

    def lanes_of(self, question: int) -> range:
        """Return the numbers of the lanes of a question."""
        return range(question, self.lanes, self.questions)


def check_limit(limit: int) -> None:
    """Raise QueryError unless this many hits can be asked for."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise QueryError(f"limit is {limit!r}: give a whole number from 1 to {MAX_LIMIT:,}")


def check_min_score(min_score: float) -> None:
    """Raise QueryError unless a record can score this much."""
    if not min_score <= 100:
        raise QueryError(f"min_score is {min_score}: a score is at most 100")


def score_threshold(family: Family, min_score: float | None, max_distance: float | None) -> float | None:
    """Return the score that a hit must reach, given as a score or as a distance in the family's unit; None if neither.

    Raises QueryError where both are given, where no record can score so much, or where the family has no distance.
    """
    check_one_threshold(min_score, max_distance)
    if max_distance is not None and not max_distance >= 0:
        raise QueryError(f"max_distance is {max_distance}: a distance is 0 or more")
    threshold = min_score if max_distance is None else family.score_at(max_distance)
    if threshold is not None:
        check_min_score(threshold)
    return threshold


def check_one_threshold(min_score: float | None, max_distance: float | None) -> None:
    """Raise QueryError if a threshold is given both as a score and as a distance."""
    if min_score is not None and max_distance is not None:
        raise QueryError("give min_score or max_distance, not both")
