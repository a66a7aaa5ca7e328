"""The result of an evaluation: what is found, at which thresholds, and how often a stranger is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluate.pictures import PictureSet
from lookalike.evaluate.related import Rule
from lookalike.evaluate.tally import Share, Strangers


@dataclass(frozen=True, slots=True)
class FalseMatch:
    """A stranger that was called a match."""

    subject: str

    transformation: str

    other: str

    score: float


@dataclass(frozen=True, slots=True)
class SetApart:
    """A pair that reaches the threshold, but is not counted since the user says that these are no strangers."""

    subject: str

    transformation: str

    other: str

    score: float

    rule: Rule


@dataclass(frozen=True, slots=True)
class Missed:
    """A copy whose picture scores less than the threshold."""

    subject: str

    transformation: str

    score: float


@dataclass(frozen=True, slots=True)
class KindRecall:
    """What is found of the pictures of one kind."""

    subjects: int

    recall: Mapping[str, Share]
    """By transformation."""

    mean: Share


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """What one family finds, or all together."""

    name: str

    threshold: float
    """Score from which on a pair is called a match; of all together, −log10 of the least false rate."""

    is_measured: bool
    """False where there are too few pairs for the false rate that was asked for: then the threshold is the family's."""

    false_rate: Share
    """Share of pairs of strangers that reach the threshold."""

    recall: Mapping[str, Share]
    """By transformation: share of copies whose picture reaches the threshold."""

    detailed_recall: Mapping[str, Share]
    """The same of pictures with detail; empty where nothing says which these are."""

    recall_by_kind: Mapping[str, KindRecall]
    """By folder, as in `PictureSet.kinds`."""

    mean_recall: Share

    mean_detailed_recall: Share

    top1: Share
    """Share of copies whose picture scores more than every stranger."""

    precision: float
    """Share of right ones among all matches, over all questions, in an index of these pictures."""

    strangers: Strangers

    own: NDArray[np.float64]
    """(subjects, transformations) float64: the score of each copy's own picture."""

    false_by_kind: Mapping[tuple[str, str], tuple[int, int]]
    """By (kind asked for, kind found): number of false matches, and of pairs; only where there are any."""

    false_matches: tuple[FalseMatch, ...]
    """The worst first, each pair of pictures once."""

    apart_by_rule: Mapping[Rule, int]
    """By rule: how many copies reach the threshold with a picture that is not counted."""

    apart: tuple[SetApart, ...]
    """These, the highest scores first, each pair of pictures once; not all where there are many."""

    missed: tuple[Missed, ...]

    row_bytes: int
    """Bytes of a stored signature; 0 of all together."""

    column_bytes: float
    """Bytes that an index keeps of an image, with all that searching reads."""

    compute_seconds: float
    """To compute what is stored of a picture, a mean."""

    question_seconds: float
    """To compute what is asked for a picture, a mean."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found out."""

    pictures: PictureSet
    """Those that could be read."""

    side: int
    """Pixels of the longer side of the pictures that copies were made of."""

    detailed: int
    """How many subjects have detail: 20 features or more in their stored `crops` row."""

    transformations: tuple[str, ...]

    rate: float
    """The false rate that was asked for."""

    results: Mapping[str, FamilyResult]
    """By family, all together last."""

    alike: Mapping[tuple[str, str], tuple[str, ...]]
    """Pairs of pictures left out since two families or more, which are named, call the pictures themselves the same."""

    told: tuple[tuple[str, str], ...]
    """Pairs of pictures left out since the user says that they are no strangers."""

    series: tuple[tuple[str, ...], ...]
    """Folders whose pictures the user says to be a series; several may be one series."""

    left_out: Mapping[Rule, int]
    """By rule: how many pairs of a copy and another picture were not counted."""

    unreadable: Mapping[str, str]
    """By name: why a picture was left out."""

    seconds: float

    @property
    def subjects(self) -> int:
        """The number of pictures that were asked for."""
        return len(self.pictures.subjects)
