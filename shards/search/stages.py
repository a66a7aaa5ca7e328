"""The stages of a query in several families: what is cheap first, then what is dear, where nothing certain was found.

Dear are the rows that a family itself calls so, and too dear is what would have to be fetched from far away. An answer
says what was left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from shards.families.rates import MATCH_RATE, WEAK_RATE
from shards.search.plan import cold_bytes
from shards.search.query import Part, Query
from shards.table.read.snapshot import Source

WORTH = 2 << 30
"""Bytes that a question in several families may fetch: on AWS a fifth of a cent, and a few seconds of 64 workers."""

ROUNDING = 1e-6
"""Points of score that a logarithm may be off, generously."""

Reason: TypeAlias = Literal["certain", "cold"]


@dataclass(frozen=True, slots=True)
class NotAsked:
    """Something that a question left out."""

    family: str

    reason: Reason
    """"certain": something certain was found before. "cold": it lies far away, and to fetch it costs too much."""

    whole: bool
    """Whether the family was not asked at all; if not, only its dearer rows were left out."""

    fetched: int = field(compare=False)
    """Bytes that it would have fetched here, at most. What is in memory or a cache counts nothing, so answers that
    differ in this alone are the same."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Two queries, of the same questions. A part has no rows in them where it is not worth its cost."""

    first: Query

    second: Query
    """What is dear, to be asked only for questions that the first query has not answered for certain."""

    cold: tuple[NotAsked, ...]
    """What is in neither."""

    costs: tuple[int, ...]
    """Bytes that each part of the second query fetches."""


def everything(query: Query) -> Stages:
    """Return stages that leave nothing out, and ask it all at once."""
    nothing = replace(query, parts=tuple(map(_nothing, query.parts)))
    return Stages(query, nothing, (), (0,) * len(query.parts))


def plan_stages(query: Query, sources: Sequence[Source], worth: int = WORTH) -> Stages:
    """Return the stages of a query, given what it scans. `worth`: bytes that it may fetch in all.

    Of each family the cheap rows are asked first, and a family that has dearer rows before the others, since nothing
    else finds what it finds; then the cheapest family. One is asked in any case, the cheapest of all.
    """
    cheap = [_cheap(part, is_cheap=True) for part in query.parts]
    dear = [_cheap(part, is_cheap=False) for part in query.parts]
    costs = [
        (_fetched(query, one, sources), _fetched(query, other, sources)) for one, other in zip(cheap, dear, strict=True)
    ]
    is_cheap = any(map(_has_rows, cheap))
    asked = [n for n, part in enumerate(cheap if is_cheap else dear) if _has_rows(part)]
    needed = min(asked, key=lambda n: costs[n][0 if is_cheap else 1], default=None)
    left, cold = worth, list[NotAsked]()
    for n in sorted(range(len(cheap)), key=lambda n: (not _has_rows(dear[n]), costs[n])):
        # what is in memory is asked, however much was read before
        if costs[n][0] > max(left, 0) and n != needed:
            cold.append(NotAsked(cheap[n].family.name, "cold", True, sum(costs[n])))
            cheap[n] = dear[n] = _nothing(cheap[n])
            continue
        left -= costs[n][0]
    for n in range(len(dear)):
        if not _has_rows(dear[n]):
            continue
        if costs[n][1] > max(left, 0) and not (n == needed and not is_cheap):
            cold.append(NotAsked(dear[n].family.name, "cold", not _has_rows(cheap[n]), costs[n][1]))
            dear[n] = _nothing(dear[n])
        else:
            left -= costs[n][1]
    return Stages(
        replace(query, parts=tuple(cheap)),
        replace(query, parts=tuple(dear)),
        tuple(cold),
        tuple(cost for _, cost in costs),
    )


def only(query: Query, questions: Sequence[bool]) -> Query:
    """Return the query with the rows of some of its questions; the others are not asked."""
    return replace(
        query,
        parts=tuple(
            replace(
                part,
                questions=tuple(
                    rows if wanted else rows[:0] for rows, wanted in zip(part.questions, questions, strict=True)
                ),
            )
            for part in query.parts
        ),
    )


def reaching(query: Query, rate: float) -> Query:
    """Return the query with thresholds that leave out what has a greater false rate, and says nothing else.

    What calls an image a match is kept, and what says where it has a part in common: both are told of an image that
    another family found.
    """
    if rate >= 1:
        return query
    return replace(query, parts=tuple(replace(part, min_score=_least_score(part, rate)) for part in query.parts))


def _least_score(part: Part, rate: float) -> float:
    told = WEAK_RATE if part.family.knows_overlaps else MATCH_RATE
    score = part.rates.score(max(rate, told)) - ROUNDING
    return score if part.min_score is None else max(part.min_score, score)


def is_empty(query: Query) -> bool:
    """Return whether the query asks nothing of anybody."""
    return not any(map(_has_rows, query.parts))


def _has_rows(part: Part) -> bool:
    return any(len(rows) for rows in part.questions)


def _fetched(query: Query, part: Part, sources: Sequence[Source]) -> int:
    return sum(cold_bytes(source, replace(query, parts=(part,))) for source in sources)


def _cheap(part: Part, *, is_cheap: bool) -> Part:
    """Return the part with those rows alone that the family calls cheap, or those that it calls dear."""
    masks = [part.family.is_dear(rows) != is_cheap for rows in part.questions]
    questions = tuple(rows[mask] for rows, mask in zip(part.questions, masks, strict=True))
    variants = tuple(tuple(np.array(names, object)[mask]) for names, mask in zip(part.variants, masks, strict=True))
    flat = tuple(rows[mask] for rows, mask in zip(part.flat, masks, strict=False))
    return replace(part, questions=questions, variants=variants, flat=flat)


def _nothing(part: Part) -> Part:
    """Return the part with no question asked."""
    return replace(part, questions=tuple(rows[:0] for rows in part.questions))
