"""Pairs that are no strangers: which these are, and the rule that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluate.pictures import PictureSet
from shards.errors import QueryError


class Rule(IntEnum):
    """Why a pair is not counted. Where several rules say so, the first of these is named."""

    STRANGERS = 0
    """It is counted."""

    ITSELF = 1
    """The picture that the copy was made of."""

    CELL = 2
    """The other picture is in another cell of the collage."""

    ALIKE = 3
    """Two families or more call the two pictures a match as they are stored."""

    TOLD = 4
    """The user names the pair: the picture asked for, or one in a cell of its collage, and the other one."""

    SERIES = 5
    """Both are of one series."""

    SERIES_CELL = 6
    """A picture in a cell of the collage and the other one are of one series."""

    @property
    def key(self) -> str:
        """Its name in JSON."""
        return self.name.lower()


NAMED = (Rule.TOLD, Rule.SERIES, Rule.SERIES_CELL)
"""Rules that users make: a pair at a match that they keep from the count is named. What is in a collage is no news, and
pairs that are alike have a list of their own."""

TITLES = {
    Rule.CELL: "a collage and a picture in one of its other cells",
    Rule.ALIKE: "pictures that two families call the same",
    Rule.TOLD: "named as no strangers",
    Rule.SERIES: "two pictures of one series",
    Rule.SERIES_CELL: "a picture of a series and a collage with another of it in a cell",
}


@dataclass(frozen=True, slots=True)
class Related:
    """What the user says about pictures that have something in common."""

    told: Mapping[int, frozenset[int]]
    """By picture: others that show the same, or parts of it."""

    series: NDArray[np.int64]
    """(pictures,) int64: the series that each belongs to; -1 for none."""

    def rules(self, subject: int, companions: Sequence[int], alike: Iterable[int]) -> NDArray[np.uint8]:
        """Return (pictures,) of `Rule`, of each picture beside a copy of `subject` with these companions in it."""
        rules = np.full(len(self.series), Rule.STRANGERS, np.uint8)
        for companion in companions:
            rules[self._same_series(companion)] = Rule.SERIES_CELL
        rules[self._same_series(subject)] = Rule.SERIES
        for picture in (subject, *companions):
            rules[list(self.told.get(picture, ()))] = Rule.TOLD
        rules[list(alike)] = Rule.ALIKE
        rules[list(companions)] = Rule.CELL
        rules[subject] = Rule.ITSELF
        return rules

    def _same_series(self, picture: int) -> NDArray[np.bool_]:
        return np.asarray((self.series == self.series[picture]) & (self.series >= 0))


def related(pictures: PictureSet, told: Iterable[tuple[str, str]], series: Sequence[Sequence[str]]) -> Related:
    """Return what these pairs of names and series of folders mean for a set.

    Pairs of pictures that are not in the set mean nothing. Raises QueryError where a folder is not there, or in two
    series.
    """
    at = {name: place for place, name in enumerate(pictures.names)}
    others: dict[int, set[int]] = {}
    for a, b in told:
        if a in at and b in at:
            others.setdefault(at[a], set()).add(at[b])
            others.setdefault(at[b], set()).add(at[a])
    series_of = _series_of(series, {kind for kind in pictures.kinds if kind})
    return Related(
        {place: frozenset(those) for place, those in others.items()},
        np.array([series_of.get(kind, -1) for kind in pictures.kinds], np.int64),
    )


def _series_of(series: Sequence[Sequence[str]], kinds: set[str]) -> dict[str, int]:
    series_of: dict[str, int] = {}
    for number, folders in enumerate(series):
        for folder in folders:
            if folder not in kinds:
                there = ", ".join(sorted(kinds)) or "none"
                raise QueryError(f"no picture is in a folder {folder!r}, which is to be a series; folders: {there}")
            if series_of.setdefault(folder, number) != number:
                raise QueryError(f"the folder {folder!r} is in two series: name both as one, with a comma between them")
    return series_of
