"""One ranking of what several families found: by false rate, since their scores do not mean the same.

Within a family that is the order by score, so an image that is among the best of all is among the best of the family
that is surest of it: the ranking is exact, though each family gives no more rows than hits are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.families.rates import WEAK_RATE, RateTable
from shards.search.found import FoundRow, rank


@dataclass(frozen=True, slots=True)
class FamilyRows:
    """The best rows of one question in one family."""

    family: Family

    false_rates: RateTable
    """Those of the family in this index."""

    rows: Sequence[FoundRow]
    """Best first."""

    flat: NDArray[np.bool_]
    """(rows,) bool: rows that a flat picture found, or that are of one, so that their scores mean nothing."""

    alone: NDArray[np.bool_]
    """(rows,) bool: rows for which the family needs a second word, and no other family has one."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image that some families found."""

    surest: str
    """Name of the family that is surest of it."""

    rates: Mapping[str, float]
    """The false rate of its score in each family that found it, by name."""

    rows: Mapping[str, FoundRow]
    """Its row as each of these families found it."""

    alone: frozenset[str]
    """Names of the families that have no second word for it, and need one."""

    @property
    def row(self) -> FoundRow:
        """Its row as found by the family that is surest."""
        return self.rows[self.surest]

    @property
    def rate(self) -> float:
        return self.rates[self.surest]


class _Word(NamedTuple):
    """What one family says of an image."""

    rate: float
    row: FoundRow
    is_alone: bool


def ranked(found: Sequence[FamilyRows], limit: int) -> list[FoundImage]:
    """Return the best `limit` images over all families: by rising false rate, then by falling score, then by key.

    Of a single family those of its best scores, in their order, flat or not: at such a place its next page begins.
    """
    images: dict[bytes, dict[str, _Word]] = {}
    for each in found:
        for row, rate, is_alone in zip(each.rows, _rates(each).tolist(), each.alone.tolist(), strict=True):
            images.setdefault(row.key, {})[each.family.name] = _Word(rate, row, is_alone)
    is_one = len(found) == 1
    best = sorted(map(_image, images.values()), key=lambda image: (0.0 if is_one else image.rate, *rank(image.row)))
    return best[:limit]


def _image(found: Mapping[str, _Word]) -> FoundImage:
    surest = min(found, key=lambda name: (found[name].rate, -found[name].row.score))
    return FoundImage(
        surest,
        {name: word.rate for name, word in found.items()},
        {name: word.row for name, word in found.items()},
        frozenset(name for name, word in found.items() if word.is_alone),
    )


def _rates(found: FamilyRows) -> NDArray[np.float64]:
    """Return the false rate by which each row counts.

    But for rows that are flat or alone it never falls along the rows, whatever the last bits of a logarithm are.
    """
    rates = np.array([found.false_rates.rate(row.score) for row in found.rows], np.float64)
    rates = np.maximum.accumulate(rates)
    return np.where(found.flat, 1.0, np.where(found.alone, np.maximum(rates, WEAK_RATE), rates))
