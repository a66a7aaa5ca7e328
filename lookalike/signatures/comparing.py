"""Comparing two pictures: what each family says of them, how sure it is, and what part they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.signatures.compute import PictureLike, compute_question, load_known, question_rows
from lookalike.signatures.computed import Signed
from shards.families import DEFAULT, Family, Row, Rows, rates, seconds, structure
from shards.families import family as named
from shards.families.overlap import Overlap
from shards.families.rates import Confidence, RateTable
from shards.pictures.decoding import PictureSettings

FIRST_AND_SECOND = ("the first picture", "the second picture")
"""What the two pictures of a comparison are called."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The likeness of two pictures, as one family sees it."""

    family: str

    score: float
    """0 to 100; 100 means the same."""

    distance: float | None
    """In the family's own unit; None where it has none."""

    is_match: bool
    """Whether the score reaches the usual threshold and neither picture is flat, or the files are identical."""

    reason: str | None = None
    """Why it is a match, or none, where the score alone does not say it."""

    confidence: Confidence | None = None
    """How sure that is of these two pictures, which as many families as were asked have looked at; None where the score
    says nothing. Among many images the same score is worth less."""

    overlap: Overlap | None = None
    """The part that both have in common, where the family knows of parts and the score says something: `question` has
    its corners in the first picture, `stored` in the second."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a family sees in two pictures, over those of their backgrounds that say most."""

    is_telling: bool
    """False where one of them is flat."""

    score: float

    why_not: str | None
    """Why the score says nothing."""

    pair: tuple[Signed, Signed]

    @property
    def rank(self) -> tuple[bool, float]:
        return self.is_telling, self.score


def compare_signed(
    families: Sequence[Family],
    a: Signed,
    b: Signed,
    thresholds: Mapping[str, float] | None = None,
    measured: Mapping[str, RateTable] | None = None,
) -> list[Comparison]:
    """Compare two pictures, family by family. Of both, stored rows of these families have to be known.

    `thresholds`: by family, the score of a match, where it is not the family's own `match_score`. `measured`: the same
    of false rates. Rows of other families, where both have them, help to tell what is flat.
    """
    is_identical = a.sha256 == b.sha256 != b""
    pairs = [(first, second) for first in a.backgrounds() for second in b.backgrounds()]
    seen = [_seen(kind, pairs) for kind in families]
    tables = [(measured or {}).get(kind.name, kind.rates) for kind in families]
    said = np.array([table.rate(one.score) for table, one in zip(tables, seen, strict=True)])
    # a flat picture seconds nothing
    words = np.where([one.is_telling for one in seen], said, 1.0)
    counted = seconds.heard(families, words) if families else words
    compared = []
    for kind, one, rate, word in zip(families, seen, counted.tolist(), words.tolist(), strict=True):
        reaches = one.score >= (thresholds or {}).get(kind.name, kind.match_score)
        why_not = one.why_not or (seconds.ALONE if rate > word else None)
        is_match = (reaches and why_not is None) or is_identical
        confidence = _confidence(rate, len(families), is_match=is_match, is_identical=is_identical)
        overlap = _overlap(kind, *one.pair) if confidence is not None and kind.knows_overlaps else None
        reason = why_not if reaches else None
        if is_match and (why_not is not None or not reaches):
            reason = structure.IDENTICAL
        distance = kind.distance_at(one.score)
        compared.append(Comparison(kind.name, one.score, distance, is_match, reason, confidence, overlap))
    return compared


def _confidence(rate: float, families: int, *, is_match: bool, is_identical: bool) -> Confidence | None:
    """Return how sure a comparison is that says a match, or none. Thresholds of an index may be stricter than rates."""
    if is_identical:
        return "certain"
    said = rates.confidence(rate, families)
    if is_match:
        return said if said in ("certain", "likely") else "likely"
    return None if said is None else "weak"


def _seen(family: Family, pairs: Sequence[tuple[Signed, Signed]]) -> _Seen:
    """Compare two pictures, of which these are pairs of what they look like over each background.

    The best score over the pairs is told, but that of a pair of which one is flat only where there is no other.
    """
    seen = []
    for first, second in pairs:
        score = _score(family, first, second)
        if not family.asks_as_it_stores:
            score = max(score, _score(family, second, first))
        why_not = structure.why_not(is_flat(family, first.rows), is_flat(family, second.rows), FIRST_AND_SECOND)
        seen.append(_Seen(why_not is None, score, why_not, (first, second)))
    return max(seen, key=lambda one: one.rank)


def is_flat(family: Family, rows: Mapping[str, Row]) -> bool:
    """Return whether a picture of these stored rows is flat, to the family itself or to the witnesses among all."""

    def of(kind: Family, wanted: NDArray[np.int64]) -> Rows:
        return np.array([rows[kind.name]], kind.dtype)[wanted]

    itself = bool(family.is_flat(of(family, np.arange(1)))[0])
    return itself or bool(structure.are_flat([*map(named, rows)], of, 1)[0])


def _score(family: Family, question: Signed, stored: Signed) -> float:
    """Return the score of one picture where another is the question."""
    rows, row = _asked(family, question, stored)
    return float(family.score_asked(rows, row)[0])


def _overlap(family: Family, first: Signed, second: Signed) -> Overlap | None:
    """Return the part that two pictures have in common: what most features agree on, whichever is the question."""
    there, back = _overlap_asked(family, first, second), _overlap_asked(family, second, first)
    if back is not None and (there is None or back.agreeing > there.agreeing):
        return back.turned_round()
    return there


def _overlap_asked(family: Family, question: Signed, stored: Signed) -> Overlap | None:
    """Return the same where one picture is the question: of its best row."""
    rows, row = _asked(family, question, stored)
    best = int(np.argmax([family.score(one, row)[0] for one in rows]))
    return family.overlap(rows[best], row[0])


def _asked(family: Family, question: Signed, stored: Signed) -> tuple[Rows, Rows]:
    """Return the rows by which one picture is asked for, and (1,) the row that is stored of the other."""
    rows = question_rows(family, question.orientations[0][family.name])
    return rows, np.array([stored.rows[family.name]], family.dtype)


def compare(
    a: PictureLike, b: PictureLike, *, families: Sequence[str] = DEFAULT, settings: PictureSettings | None = None
) -> list[Comparison]:
    """Compare two images in each of these families. No index is needed. Raises PictureError."""
    asked = [named(name) for name in asked_to_compare(families)]

    def question(image: PictureLike) -> Signed:
        picture, digest = load_known(image, settings or PictureSettings())
        return compute_question(picture, asked, digest=digest)

    return compare_signed([named(name) for name in families], question(a), question(b))


def asked_to_compare(families: Sequence[str]) -> list[str]:
    """Return the families whose rows a comparison in these needs: these, and those that tell what is flat."""
    return [*families, *(name for name in structure.WITNESSES[0] if name not in families)]
