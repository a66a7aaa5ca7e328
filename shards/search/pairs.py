"""Four ways to compare all images with each other and group them, with the same result where they are exact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.families.hashes.join import JoinPlan, pairs_within
from shards.search.candidate_filters import CandidateFilter, candidates
from shards.search.grouping import Grouping, grouper

BLOCK = 1 << 13
"""Rows compared with a head at a time."""

SCORED = 1 << 16
"""Members scored at a time."""


@dataclass(frozen=True, slots=True)
class Memberships:
    """The groups, as pairs of rows: each member is in the group of the head beside it."""

    heads: NDArray[np.int64]
    """(n,) int64."""

    members: NDArray[np.int64]
    """(n,) int64, each different from its head."""

    def scores(self, family: Family, rows: Rows) -> NDArray[np.float64]:
        """Return (n,) float64, the score of each member against its head."""
        scores = np.empty(len(self.heads))
        for start in range(0, len(scores), SCORED):
            part = slice(start, start + SCORED)
            scores[part] = family.score_pairs(rows[self.heads[part]], rows[self.members[part]])
        return scores

    @classmethod
    def of(cls, rows: NDArray[np.int64], heads: NDArray[np.int64]) -> Memberships:
        """Return the memberships of rows with, beside each, its head, which may be the row itself."""
        is_member = rows != heads
        return cls(heads[is_member], rows[is_member])


def by_comparing(
    family: Family,
    rows: Rows,
    order: NDArray[np.int64],
    min_score: float,
    grouping: Grouping,
    progress: Callable[[int, int], None] | None = None,
) -> Memberships:
    """Score each row in `order`, which is the order of the heads, against all that come after it.

    `progress` gets (rows done, rows in all).
    """
    ordered = rows[order]
    groups = grouper(grouping, len(order))
    is_free = np.ones(len(ordered), bool)
    for head in range(len(ordered)):
        if progress is not None and head % 256 == 0:
            progress(head, len(ordered))
        if not is_free[head]:
            continue
        for start in range(head + 1, len(ordered), BLOCK):
            block = slice(start, start + BLOCK)
            scores = _scores(family, ordered[head : head + 1], ordered[block])
            alike = np.flatnonzero((scores >= min_score) & is_free[block]) + start
            if alike.size:
                groups.add(np.full(len(alike), head), alike)
                # a member of a star is no head, and in no other star
                is_free[alike] = grouping != "star"
    if progress is not None:
        progress(len(ordered), len(ordered))
    return Memberships.of(order, order[groups.heads()])


def by_sorting(
    hashes: NDArray[np.uint64],
    radius: int,
    how: JoinPlan,
    in_order: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    grouping: Grouping,
    progress: Callable[[int, int], None] | None = None,
) -> Memberships:
    """Join (rows,) uint64 hashes: every pair within `radius` bits is alike, and no other.

    `in_order` sorts rows into the order of the heads; it is called with those alone that have something alike.
    `progress` gets (sorts done, sorts in all). Memory: 40 bytes a row and 24 a pair of different hashes.
    """
    # equal hashes are one value here: a thousand copies are a group, not half a million pairs
    values, value_of, copies = np.unique(hashes, return_inverse=True, return_counts=True)
    parts = [np.stack([part.first, part.second], axis=1) for part in pairs_within(values, radius, how, progress)]
    joined = np.concatenate([np.empty((0, 2), np.uint32), *parts])
    parts.clear()
    has_alike = copies > 1
    has_alike[joined] = True
    ordered = in_order(np.flatnonzero(has_alike[value_of]))
    first, number = _numbered(value_of[ordered])
    number_of = np.zeros(len(values), np.uint32)
    number_of[value_of[ordered]] = number
    groups = grouper(grouping, len(first))
    groups.add(number_of[joined[:, 0]], number_of[joined[:, 1]])
    return Memberships.of(ordered, ordered[first[groups.heads()[number]]])


def by_candidates(
    family: Family,
    rows: Rows,
    filters: Sequence[CandidateFilter],
    order: NDArray[np.int64],
    min_score: float,
    grouping: Grouping,
    progress: Callable[[int, int], None] | None = None,
) -> Memberships:
    """Score the pairs of rows that one of the filters lets through. `order` is the order of the heads.

    `progress` gets (sorts done, sorts in all). Memory: the signatures four times, 100 bytes a row, and what
    `grouping` needs for the pairs that are alike.
    """
    first, number = _numbered(_equal(rows, filters)[order])
    different = order[first]
    pairs = candidates([candidate_filter.take(different) for candidate_filter in filters], progress)
    return Memberships.of(order, different[_heads(family, rows[different], pairs, min_score, grouping)[number]])


def by_near_pairs(
    family: Family,
    rows: Rows,
    order: NDArray[np.int64],
    min_score: float,
    grouping: Grouping,
    progress: Callable[[int, int], None] | None = None,
) -> Memberships | None:
    """Score the pairs of rows that the family itself finds; None if it finds none by itself.

    `order` is the order of the heads. `progress` gets (rows done, rows in all).
    """
    first, number = _numbered(_equal(rows, [])[order])
    different = order[first]
    pairs = family.near_pairs(rows[different], min_score, progress)
    if pairs is None:
        return None
    return Memberships.of(order, different[_heads(family, rows[different], pairs, min_score, grouping)[number]])


def _heads(
    family: Family,
    rows: Rows,
    pairs: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]],
    min_score: float,
    grouping: Grouping,
) -> NDArray[np.int64]:
    """Return (rows,) the head of each row's group, after scoring these pairs. Rows are in the order of the heads."""
    groups = grouper(grouping, len(rows))
    for low, high in pairs:
        alike = family.score_pairs(rows[low], rows[high]) >= min_score
        groups.add(low[alike], high[alike])
    return groups.heads()


def _scores(family: Family, head: Rows, rows: Rows) -> NDArray[np.float64]:
    """Return (rows,) float64: the score of each row and the head, (1,), as `score_pairs` gives it."""
    if family.is_symmetric:
        return family.score_asked(family.asked(head), rows)
    return family.score_pairs(head[np.zeros(len(rows), np.intp)], rows)


def _numbered(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give a number to each different value, in the order in which they first come.

    Returns the place where each number first comes, and the number of each value.
    """
    _, first, value_of = np.unique(values, return_index=True, return_inverse=True)
    by_first = np.argsort(first)
    number = np.empty(len(first), np.int64)
    number[by_first] = np.arange(len(first))
    return first[by_first], number[value_of]


def _equal(rows: Rows, filters: Sequence[CandidateFilter]) -> NDArray[np.int64]:
    """Return (rows,) int64, the same number for equal signatures with equal words in every filter.

    Such rows have the same partners and are alike to each other: a thousand copies are compared as one.
    """
    whole = np.empty(len(rows), [("row", rows.dtype), ("words", "<u8", (len(filters),))])
    whole["row"] = rows
    for number, candidate_filter in enumerate(filters):
        whole["words"][:, number] = candidate_filter.words
    equal: NDArray[np.int64] = np.unique(whole.view(f"V{whole.itemsize}"), return_inverse=True)[1]
    return equal
