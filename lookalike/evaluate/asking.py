"""Asking: copies of one picture are made, and scored against all pictures by every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluate.pictures import PictureSet
from lookalike.evaluate.tally import Strangers, Tally
from lookalike.signatures import compute
from shards.families import Family, Rows, family, rates
from shards.families.resident import Resident
from shards.pictures.copies import TRANSFORMATIONS, reduced
from shards.pictures.decoding import Picture, PictureSettings
from shards.pictures.orientations import turned

AUTO = "auto"
"""Name of all families together, each heard as far as its false rates go."""

TOP_STRENGTH = 12.0
"""Greatest strength: −log10 of the least false rate that is stated."""

KEPT_RATE = 1e-4
"""False rate, by the families' own tables, from which on pairs are kept one by one."""

SLOW = 10e-6
"""Seconds a row from which on a family is not asked for all scores, but searches for those from the kept rate on."""

TIMED_ROWS = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """All pictures of an evaluation as an index would store them."""

    pictures: PictureSet

    rows: Mapping[str, Rows]
    """By family: (pictures,) of its dtype."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found out about some of the pictures that are asked for."""

    subjects: tuple[int, ...]

    own: NDArray[np.float64]
    """(subjects, transformations, families + 1): score of the picture itself; of all together, the strength."""

    best_other: NDArray[np.float64]
    """The same of the stranger that scores most; 0 where it is below what was looked at."""

    strangers: Mapping[str, Strangers]
    """By family, and of all together."""

    alike: Mapping[tuple[int, int], tuple[str, ...]]
    """Pairs of pictures that were left out because they look the same themselves, with the families that say so."""

    seconds: Mapping[str, float]
    """By family: time in `questions`."""


@dataclass
class Asker:
    """Asks for copies of some pictures among all of them. Each process has one."""

    stored: Stored

    families: tuple[str, ...]

    transformations: tuple[str, ...]

    side: int
    """Pixels of the longer side of the picture that copies are made of."""

    left_out: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """By picture: others that show the same, or parts of it, and count neither as found nor as false."""

    clock: Callable[[], float] = perf_counter

    @cached_property
    def kinds(self) -> tuple[Family, ...]:
        return tuple(map(family, self.families))

    @cached_property
    def floors(self) -> tuple[float, ...]:
        """The score of each family from which on pairs are kept."""
        return tuple(kind.rates.score(KEPT_RATE) for kind in self.kinds)

    @cached_property
    def flat(self) -> Mapping[str, NDArray[np.bool_]]:
        """Stored rows of pictures without content, which are no match of anything."""
        return {kind.name: kind.is_flat(self.stored.rows[kind.name]) for kind in self.kinds}

    @cached_property
    def searched(self) -> Mapping[str, Resident]:
        """The columns of families that take too long to score every row."""
        slow = [kind for kind in self.kinds if self._seconds_a_row(kind) > SLOW]
        return {kind.name: Resident(kind.columns(rows), len(rows)) for kind in slow for rows in [self._rows(kind)]}

    def ask(self, subjects: Sequence[int], advance: Callable[[int], None] | None = None) -> Answers:
        """Ask for every copy of these pictures. The same pictures give the same answers, in any process."""
        shape = len(subjects), len(self.transformations), len(self.kinds) + 1
        own, best_other = np.zeros(shape), np.zeros(shape)
        tallies = {kind.name: Tally(100.0, floor) for kind, floor in zip(self.kinds, self.floors, strict=True)}
        tallies[AUTO] = Tally(TOP_STRENGTH, -np.log10(KEPT_RATE))
        seconds = dict.fromkeys(self.families, 0.0)
        alike: dict[tuple[int, int], tuple[str, ...]] = {}
        for n, subject in enumerate(subjects):
            original = load(self.stored.pictures, subject, self.side)
            related = self._alike(subject)
            alike |= {(subject, other): by for other, by in related.items()}
            gone = {subject, *related, *self.left_out.get(subject, ())}
            for t, name in enumerate(self.transformations):
                copy, companions = copied(self.stored.pictures, original, subject, name, self.side)
                copy = Picture(turned(copy.rgb, TRANSFORMATIONS[name].asked_as))
                others = np.setdiff1d(np.arange(len(self.stored.pictures.names)), [*gone, *companions])
                scores = self._scores(copy, seconds)
                for f, (called, of_all) in enumerate(scores.items()):
                    own[n, t, f] = of_all[subject]
                    of_others = of_all[others]
                    best_other[n, t, f] = of_others.max(initial=0.0)
                    tallies[called].add(subject, t, others, of_others)
                if advance is not None:
                    advance(1)
        strangers = {called: tally.strangers() for called, tally in tallies.items()}
        return Answers(tuple(subjects), own, best_other, strangers, alike, seconds)

    def _scores(self, copy: Picture, seconds: dict[str, float]) -> dict[str, NDArray[np.float64]]:
        """Return by family (pictures,) float64: each picture's score, and at the end the strength of all together."""
        scores = {}
        least = np.ones(len(self.stored.pictures.names))
        for kind in self.kinds:
            start = self.clock()
            queries = kind.questions(Picture(copy.rgb))
            seconds[kind.name] += self.clock() - start
            of_all = self._family_scores(kind, queries)
            scores[kind.name] = of_all
            least = np.minimum(least, kind.rates.rates(of_all))
        scores[AUTO] = -np.log10(least)
        return scores

    def _family_scores(self, kind: Family, queries: Rows) -> NDArray[np.float64]:
        """Return (pictures,) float64, 0 for pairs with a flat picture, and for a slow family below its floor."""
        rows = self._rows(kind)
        if kind.question_dtype == kind.dtype and kind.is_flat(queries).all():
            return np.zeros(len(rows))
        if kind.name in self.searched:
            floor = self.floors[self.kinds.index(kind)]
            found = kind.search(queries, self.searched[kind.name], limit=len(rows), min_score=floor)
            scores = np.zeros(len(rows))
            scores[found.rows] = found.scores
        else:
            scores = np.max([kind.score(query, rows) for query in queries], axis=0)
        scores[self.flat[kind.name]] = 0.0
        return scores

    def _alike(self, subject: int) -> dict[int, tuple[str, ...]]:
        """Return the other pictures that two families call a match of this one, as it is stored."""
        said: dict[int, list[str]] = {}
        for kind in self.kinds:
            row = self._rows(kind)[subject : subject + 1]
            if self.flat[kind.name][subject]:
                continue
            scores = self._family_scores(kind, kind.asked(row))
            for place in np.flatnonzero(kind.rates.rates(scores) <= rates.MATCH_RATE):
                said.setdefault(int(place), []).append(kind.name)
        return {place: tuple(by) for place, by in said.items() if place != subject and len(by) > 1}

    def _rows(self, kind: Family) -> Rows:
        return self.stored.rows[kind.name]

    def _seconds_a_row(self, kind: Family) -> float:
        rows = self._rows(kind)[:TIMED_ROWS]
        start = self.clock()
        kind.score(kind.asked(rows[:1])[0], rows)
        return (self.clock() - start) / len(rows) if len(rows) == TIMED_ROWS else 0.0


def load(pictures: PictureSet, place: int, side: int) -> Picture:
    """Return a picture with sides of at most `side` pixels."""
    return reduced(compute.load(pictures.paths[place], PictureSettings()), side)


def copied(
    pictures: PictureSet, original: Picture, subject: int, name: str, side: int
) -> tuple[Picture, Sequence[int]]:
    """Return the copy of a picture by this transformation, and the places of the other pictures that are in it too.

    The names of picture and transformation decide what is left to chance, so a copy can be made again.
    """
    transformation = TRANSFORMATIONS[name]
    chance = Random(f"{pictures.names[subject]}/{name}")  # noqa: S311
    companions: list[int] = []
    if transformation.companions:
        others = [place for place in range(len(pictures.names)) if place != subject]
        companions = chance.sample(others, transformation.companions)
    return transformation.apply(original, chance, [load(pictures, place, side) for place in companions]), companions
