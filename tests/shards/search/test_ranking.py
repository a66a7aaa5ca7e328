"""One ranking of several families: by false rate, and never against a family's own order."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shards.families import Family, family
from shards.families.rates import WEAK_RATE
from shards.search.found import FoundRow, best
from shards.search.ranking import FamilyRows, ranked
from shards.table.read.snapshot import Source

NAMES = ("haar", "dhash", "pdq", "crops")
HERE = cast(Source, None)

scores = st.one_of(st.floats(-50, 100), st.sampled_from([0.0, 58.0, 78.0, 99.0, 100.0]))
found_by_family = st.lists(
    st.dictionaries(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), scores), min_size=1, max_size=len(NAMES)
)


def rows_of(scores: dict[bytes, float], limit: int = 100) -> list[FoundRow]:
    return best([FoundRow(HERE, 0, key, score, 0) for key, score in scores.items()], limit)


def seen(kind: Family, rows: list[FoundRow], *, is_flat: bool = False, is_alone: bool = False) -> FamilyRows:
    return FamilyRows(kind, kind.rates, rows, np.full(len(rows), is_flat), np.full(len(rows), is_alone))


@given(found_by_family, st.integers(1, 6))
def test_the_best_of_each_family_are_enough_for_the_best_of_all(found: list[dict[bytes, float]], limit: int) -> None:
    def families(limit: int) -> list[FamilyRows]:
        return [seen(family(name), rows_of(scores, limit)) for name, scores in zip(NAMES, found, strict=False)]

    everything = ranked(families(100), limit)
    assert [image.row.key for image in ranked(families(limit), limit)] == [image.row.key for image in everything]
    rates = [image.rate for image in everything]
    assert rates == sorted(rates)
    for image in everything:
        assert image.rate == min(image.rates.values())


@given(st.dictionaries(st.binary(min_size=1, max_size=2), scores, max_size=30), st.sampled_from(NAMES))
def test_of_one_family_the_order_is_its_own(scores: dict[bytes, float], name: str) -> None:
    rows = rows_of(scores)
    assert [image.row for image in ranked([seen(family(name), rows)], 100)] == rows


def test_the_last_bits_of_a_rate_do_not_turn_two_scores_round() -> None:
    high = np.nextafter(75.0, 100)
    wiggling: Any = type("Wiggling", (), {"rate": lambda _, score: 1e-5 + 1e-20 * score})()
    rows = rows_of({b"a": 75.0, b"b": float(high)})
    found = FamilyRows(family("haar"), wiggling, rows, *np.zeros((2, len(rows)), bool))
    assert [image.row.key for image in ranked([found], 2)] == [b"b", b"a"]


def test_a_family_to_which_the_question_is_flat_says_nothing() -> None:
    found = [
        seen(family("pdq"), rows_of({b"a": 100.0}), is_flat=True),
        seen(family("haar"), rows_of({b"b": 70.0})),
    ]
    first, second = ranked(found, 2)
    assert (first.row.key, second.row.key, second.rate) == (b"b", b"a", 1.0)


def test_what_no_other_family_sees_comes_behind_the_matches_and_before_what_says_nothing() -> None:
    goldberg, haar = family("goldberg"), family("haar")
    alone = seen(goldberg, rows_of({b"page": 95.0}), is_alone=True)
    others = seen(haar, rows_of({b"copy": haar.match_score, b"stranger": 20.0}))
    images = ranked([alone, others], 3)
    assert [image.row.key for image in images] == [b"copy", b"page", b"stranger"]
    assert (images[1].rate, images[1].alone) == (WEAK_RATE, {"goldberg"})
