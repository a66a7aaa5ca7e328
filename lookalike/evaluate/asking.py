"""Asking: copies of one picture are made, and scored against all pictures by every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from time import perf_counter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluate.pictures import PictureSet
from lookalike.evaluate.related import NAMED, Related, Rule
from lookalike.evaluate.scoring import KEPT_RATE, Scorer
from lookalike.evaluate.tally import Strangers, Tally
from lookalike.signatures import compute
from shards.families import AUTO, Family, Rows, family, rates
from shards.families.seconds import heard
from shards.pictures.copies import TRANSFORMATIONS, reduced
from shards.pictures.decoding import Picture, PictureSettings
from shards.pictures.orientations import turned

TOP_STRENGTH = 12.0
"""Greatest strength: −log10 of the least false rate that is stated."""


Read: TypeAlias = tuple[dict[str, Rows], dict[str, float]] | str
"""Of one picture: its rows by family, (1,) each, and the seconds that each took; or why it cannot be read."""


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

    left_out: Mapping[Rule, int]
    """By rule: how many pairs of a copy and another picture were not counted."""

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

    related: Related
    """Pictures that have something in common, and count neither as found nor as false."""

    clock: Callable[[], float] = perf_counter

    @cached_property
    def kinds(self) -> tuple[Family, ...]:
        return tuple(map(family, self.families))

    @cached_property
    def scorers(self) -> tuple[Scorer, ...]:
        return tuple(Scorer(kind, self.stored.rows[kind.name]) for kind in self.kinds)

    def ask(self, subjects: Sequence[int], advance: Callable[[int], None] | None = None) -> Answers:
        """Ask for every copy of these pictures. The same pictures give the same answers, in any process."""
        shape = len(subjects), len(self.transformations), len(self.kinds) + 1
        own, best_other = np.zeros(shape), np.zeros(shape)
        tallies = {scorer.kind.name: Tally(100.0, scorer.floor) for scorer in self.scorers}
        tallies[AUTO] = Tally(TOP_STRENGTH, -np.log10(KEPT_RATE))
        seconds = dict.fromkeys(self.families, 0.0)
        alike: dict[tuple[int, int], tuple[str, ...]] = {}
        left_out = dict.fromkeys(Rule, 0)
        for n, subject in enumerate(subjects):
            original = load(self.stored.pictures, subject, self.side)
            alike_now = self._alike(subject)
            alike |= {(subject, other): by for other, by in alike_now.items()}
            for t, name in enumerate(self.transformations):
                copy, companions = copied(self.stored.pictures, original, subject, name, self.side)
                copy = Picture(turned(copy.rgb, TRANSFORMATIONS[name].asked_as))
                rules = self.related.rules(subject, companions, alike_now)
                others, named = np.flatnonzero(rules == Rule.STRANGERS), np.flatnonzero(np.isin(rules, NAMED))
                for rule in Rule:
                    left_out[rule] += int((rules == rule).sum())
                scores = self._scores(copy, seconds)
                for f, (called, of_all) in enumerate(scores.items()):
                    own[n, t, f] = of_all[subject]
                    of_others = of_all[others]
                    best_other[n, t, f] = of_others.max(initial=0.0)
                    tallies[called].add(subject, t, others, of_others)
                    tallies[called].set_apart(subject, t, named, of_all[named], rules[named])
                if advance is not None:
                    advance(1)
        strangers = {called: tally.strangers() for called, tally in tallies.items()}
        for counted in (Rule.STRANGERS, Rule.ITSELF):
            del left_out[counted]
        return Answers(tuple(subjects), own, best_other, strangers, alike, left_out, seconds)

    def _scores(self, copy: Picture, seconds: dict[str, float]) -> dict[str, NDArray[np.float64]]:
        """Return by family (pictures,) float64: each picture's score, and at the end the strength of all together."""
        scores = {}
        said = []
        for scorer in self.scorers:
            kind = scorer.kind
            start = self.clock()
            queries = kind.questions(Picture(copy.rgb))
            seconds[kind.name] += self.clock() - start
            of_all = scorer.scores(queries)
            scores[kind.name] = of_all
            said.append(kind.rates.rates(of_all))
        scores[AUTO] = -np.log10(heard(self.kinds, np.stack(said)).min(axis=0))
        return scores

    def _alike(self, subject: int) -> dict[int, tuple[str, ...]]:
        """Return the other pictures that two families call a match of this one, as it is stored."""
        said: dict[int, list[str]] = {}
        for scorer in self.scorers:
            of_all = scorer.kind.rates.rates(scorer.of_stored(subject))
            for place in np.flatnonzero(of_all <= rates.MATCH_RATE):
                said.setdefault(int(place), []).append(scorer.kind.name)
        return {place: tuple(by) for place, by in said.items() if place != subject and len(by) > 1}


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
