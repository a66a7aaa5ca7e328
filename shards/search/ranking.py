"""One ranking of what several families found: by false rate, since their scores do not mean the same.

Within a family that is the order by score, so an image that is among the best of all is among the best of the family
that is surest of it: the ranking is exact, though each family gives no more rows than hits are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families import Family
from shards.families.rates import RateTable
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


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image that some families found."""

    surest: str
    """Name of the family that is surest of it."""

    rates: Mapping[str, float]
    """The false rate of its score in each family that found it, by name."""

    rows: Mapping[str, FoundRow]
    """Its row as each of these families found it."""

    @property
    def row(self) -> FoundRow:
        """Its row as found by the family that is surest."""
        return self.rows[self.surest]

    @property
    def rate(self) -> float:
        return self.rates[self.surest]


def ranked(found: Sequence[FamilyRows], limit: int) -> list[FoundImage]:
    """Return the best `limit` images over all families: by rising false rate, then by falling score, then by key.

    Of a single family those of its best scores, in their order, flat or not: at such a place its next page begins.
    """
    images: dict[bytes, dict[str, tuple[float, FoundRow]]] = {}
    for each in found:
        for row, rate in zip(each.rows, _rates(each).tolist(), strict=True):
            images.setdefault(row.key, {})[each.family.name] = (rate, row)
    is_one = len(found) == 1
    best = sorted(map(_image, images.values()), key=lambda image: (0.0 if is_one else image.rate, *rank(image.row)))
    return best[:limit]


def _image(found: Mapping[str, tuple[float, FoundRow]]) -> FoundImage:
    surest = min(found, key=lambda name: (found[name][0], -found[name][1].score))
    return FoundImage(
        surest, {name: rate for name, (rate, _) in found.items()}, {name: row for name, (_, row) in found.items()}
    )


def _rates(found: FamilyRows) -> NDArray[np.float64]:
    """Return the false rate of each row. It never falls along the rows, whatever the last bits of a logarithm are."""
    rates = np.array([found.false_rates.rate(row.score) for row in found.rows], np.float64)
    return np.where(found.flat, 1.0, np.maximum.accumulate(rates))
