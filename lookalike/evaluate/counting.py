"""From scores to results: thresholds, recall, precision, and the examples to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluate.asking import Answers, Asker
from lookalike.evaluate.related import NAMED, Rule
from lookalike.evaluate.result import FalseMatch, FamilyResult, KindRecall, Missed, SetApart
from lookalike.evaluate.tally import Share, mean_share, share_of
from shards.families import AUTO, Family, Rows

DETAILED_BY, DETAILED = "crops", 20
"""Family whose rows count features, and how many of these a picture with detail has."""

EXAMPLES = 200
"""How many false matches, misses and pairs set apart a result names."""


class Counting:
    """The counts of an evaluation."""

    def __init__(self, asker: Asker, answers: Answers, rate: float, compute_seconds: Mapping[str, float]) -> None:
        self._asker = asker
        self._answers = answers
        self._rate = rate
        self._compute_seconds = compute_seconds
        self._pictures = asker.stored.pictures
        self._kinds = self._pictures.kinds

    @cached_property
    def detailed(self) -> NDArray[np.bool_]:
        """(subjects,) bool: pictures with detail; none where nothing says so."""
        return is_detailed(self._asker.stored.rows, self._answers.subjects)

    def results(self) -> dict[str, FamilyResult]:
        """Return the result of every family, and of all together."""
        kinds = [*self._asker.kinds, None]
        return {kind.name if kind else AUTO: self._result(place, kind) for place, kind in enumerate(kinds)}

    def _result(self, place: int, kind: Family | None) -> FamilyResult:
        name = kind.name if kind else AUTO
        strangers = self._answers.strangers[name]
        own, best_other = self._answers.own[:, :, place], self._answers.best_other[:, :, place]
        is_measured = strangers.can_measure(self._rate)
        if is_measured:
            threshold = strangers.threshold(self._rate, own.ravel())
        else:
            threshold = kind.rates.score(self._rate) if kind else -np.log10(self._rate)
        hits = own >= threshold
        false = strangers.at_least(threshold)
        apart = strangers.apart[strangers.apart["score"] >= threshold]
        columns = kind.columns(self._asker.stored.rows[name]) if kind else {}
        copies = own.size
        return FamilyResult(
            name=name,
            threshold=float(threshold),
            is_measured=is_measured,
            false_rate=strangers.rate(threshold),
            recall=self._by_transformation(hits),
            detailed_recall=self._by_transformation(hits[self.detailed]) if self.detailed.any() else {},
            recall_by_kind=self._by_kind(hits),
            mean_recall=mean_share(hits),
            mean_detailed_recall=mean_share(hits[self.detailed]),
            top1=mean_share(own > best_other),
            precision=float(hits.sum() / (hits.sum() + len(false))) if hits.any() or len(false) else 1.0,
            strangers=strangers,
            own=own,
            false_by_kind=self._false_by_kind(false),
            false_matches=self._false_matches(false),
            apart_by_rule={rule: int((apart["rule"] == rule).sum()) for rule in NAMED},
            apart=self._apart(apart),
            missed=self._missed(own, threshold),
            row_bytes=kind.dtype.itemsize if kind else 0,
            column_bytes=sum(column.nbytes for column in columns.values()) / len(self._pictures.names),
            compute_seconds=self._compute_seconds[name] if kind else sum(self._compute_seconds.values()),
            question_seconds=(self._answers.seconds[name] if kind else sum(self._answers.seconds.values())) / copies,
        )

    def _by_transformation(self, hits: NDArray[np.bool_]) -> dict[str, Share]:
        return {name: share_of(hits[:, t]) for t, name in enumerate(self._asker.transformations)}

    def _by_kind(self, hits: NDArray[np.bool_]) -> dict[str, KindRecall]:
        kinds = np.array([self._kinds[subject] for subject in self._answers.subjects])
        of_each = {str(kind): hits[kinds == kind] for kind in np.unique(kinds)}
        return {
            kind: KindRecall(len(some), self._by_transformation(some), mean_share(some))
            for kind, some in of_each.items()
        }

    def _false_by_kind(self, false: NDArray[np.void]) -> dict[tuple[str, str], tuple[int, int]]:
        kinds = self._kinds
        found = Counter((kinds[pair["subject"]], kinds[pair["other"]]) for pair in false)
        asked, there = Counter(kinds[subject] for subject in self._answers.subjects), Counter(kinds)
        copies = len(self._asker.transformations)
        # what is left out beside counted pairs of the same kinds is little: the number of pairs is a little too large
        return {(a, b): (count, asked[a] * copies * (there[b] - (a == b))) for (a, b), count in sorted(found.items())}

    def _false_matches(self, false: NDArray[np.void]) -> tuple[FalseMatch, ...]:
        return tuple(FalseMatch(*self._named(pair)) for pair in _worst(false))

    def _apart(self, apart: NDArray[np.void]) -> tuple[SetApart, ...]:
        return tuple(SetApart(*self._named(pair), Rule(pair["rule"])) for pair in _worst(apart))

    def _named(self, pair: np.void) -> tuple[str, str, str, float]:
        names, transformation = self._pictures.names, self._asker.transformations[pair["transformation"]]
        return names[pair["subject"]], transformation, names[pair["other"]], float(pair["score"])

    def _missed(self, own: NDArray[np.float64], threshold: float) -> tuple[Missed, ...]:
        """Return misses of all transformations in turn: those first of which few are missed."""
        names = self._pictures.names
        of_each = [
            [
                Missed(names[self._answers.subjects[s]], name, float(own[s, t]))
                for s in np.argsort(own[:, t], kind="stable")
                if own[s, t] < threshold
            ]
            for t, name in enumerate(self._asker.transformations)
        ]
        few_first = sorted((misses for misses in of_each if misses), key=len)
        longest = max(map(len, few_first), default=0)
        return tuple(misses[n] for n in range(longest) for misses in few_first if n < len(misses))[:EXAMPLES]


def is_detailed(rows: Mapping[str, Rows], places: Sequence[int]) -> NDArray[np.bool_]:
    """Return (places,) bool: which of these pictures have detail; none where nothing says so."""
    if DETAILED_BY not in rows:
        return np.zeros(len(places), bool)
    return np.asarray(rows[DETAILED_BY]["count"][list(places)] >= DETAILED)


def _worst(pairs: NDArray[np.void]) -> list[np.void]:
    """Return the pairs that score most, each two pictures once, as many as a result names."""
    worst: dict[tuple[int, int], np.void] = {}
    for pair in np.sort(pairs, order="score")[::-1]:
        worst.setdefault((int(pair["subject"]), int(pair["other"])), pair)
    return list(worst.values())[:EXAMPLES]
