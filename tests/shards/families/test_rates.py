"""False rates: tables of them, and what a score is worth in an index of a size."""

from __future__ import annotations

import pytest

from shards.errors import QueryError
from shards.families import family, rates
from shards.families.measured import TABLES
from shards.families.rates import RateTable

TABLE = RateTable(((0.0, 1.0), (50.0, 1e-3), (60.0, 1e-4), (80.0, 1e-6)))


class TestATable:
    def test_says_what_was_measured(self) -> None:
        assert [TABLE.rate(score) for score, _ in TABLE.points] == pytest.approx([rate for _, rate in TABLE.points])

    def test_is_straight_in_the_logarithm_between_two_points(self) -> None:
        assert TABLE.rate(70) == pytest.approx(1e-5)
        assert TABLE.rate(25) == pytest.approx(10**-1.5)

    def test_goes_on_as_steep_as_over_the_last_two_decades(self) -> None:
        assert TABLE.rate(90) == pytest.approx(1e-7)
        steep_at_the_end = RateTable(((0.0, 1.0), (50.0, 1e-4), (60.0, 1e-5), (61.0, 1e-6)))
        assert steep_at_the_end.rate(72) == pytest.approx(1e-8)

    def test_never_states_less_than_anybody_could_have_counted(self) -> None:
        assert RateTable(((0.0, 1.0), (10.0, 1e-6))).rate(100) == rates.LEAST

    def test_of_one_point_goes_on_as_it_began(self) -> None:
        assert RateTable.assumed(60).rate(80) == pytest.approx(1e-8)

    @pytest.mark.parametrize("rate", [0.5, 1e-3, 3e-4, 1e-5, 1e-6, 1e-7])
    def test_gives_the_score_of_a_rate(self, rate: float) -> None:
        assert TABLE.rate(TABLE.score(rate)) == pytest.approx(rate)

    def test_asks_for_the_same_picture_where_no_score_is_so_rare(self) -> None:
        assert TABLE.score(1e-11) == 100

    def test_begins_at_a_rate_of_one(self) -> None:
        assert TABLE.rate(0) == TABLE.rate(-1) == 1
        assert TABLE.score(1) == 0

    @pytest.mark.parametrize(
        "points",
        [
            ((0.0, 1.0),),
            ((10.0, 1.0), (50.0, 1e-3)),
            ((0.0, 1.0), (50.0, 1e-3), (50.0, 1e-4)),
            ((0.0, 1.0), (50.0, 1e-3), (60.0, 1e-3)),
            ((0.0, 1.0), (50.0, 0.0)),
        ],
    )
    def test_that_does_not_fall_is_refused(self, points: tuple[tuple[float, float], ...]) -> None:
        with pytest.raises(QueryError, match="no table of false rates"):
            RateTable(points)


class TestTheMeasuredTables:
    @pytest.mark.parametrize("name", TABLES)
    def test_are_of_families_that_exist(self, name: str) -> None:
        assert family(name).name == name

    def test_of_others_are_not_made_up(self) -> None:
        with pytest.raises(QueryError, match=r"of lavender were not measured; those of haar"):
            rates.table("lavender")

    @pytest.mark.parametrize("name", TABLES)
    def test_reach_a_match(self, name: str) -> None:
        assert 0 < rates.score_at(name, rates.MATCH_RATE) <= 100


class TestConfidence:
    @pytest.mark.parametrize(
        ("rate", "images", "confidence"),
        [
            (1e-9, 1_000_000, "certain"),
            (1.1e-9, 1_000_000, "likely"),
            (1e-7, 1_000_000, "likely"),
            (1.1e-7, 1_000_000, "weak"),
            (1e-5, 1, "weak"),
            (1.1e-5, 1, None),
            (1e-6, 1, "certain"),
            (1e-6, 1_000, "certain"),
            (1e-6, 100_000, "likely"),
            (1e-6, 0, "certain"),
        ],
    )
    def test_is_that_of_the_wrong_hits_that_a_question_has(
        self, rate: float, images: int, confidence: str | None
    ) -> None:
        assert rates.confidence(rate, images) == confidence
        assert rates.is_match(rate, images) == (confidence in ("certain", "likely"))


class TestMatchScores:
    """What a family calls a match is what a stranger reaches once in a million pairs."""

    @pytest.mark.parametrize("name", TABLES)
    def test_have_that_rate_at_most(self, name: str) -> None:
        assert family(name).false_rate(family(name).match_score) <= rates.MATCH_RATE

    @pytest.mark.parametrize("name", ["dhash", "phash", "pdq"])
    def test_of_hashes_are_a_number_of_bits(self, name: str) -> None:
        kind = family(name)
        bits = kind.distance_at(kind.match_score)
        assert bits is not None
        assert bits.is_integer()
        assert kind.false_rate(kind.score_at(bits + 1)) > rates.MATCH_RATE

    def test_of_crops_is_five_features(self) -> None:
        kind = family("crops")
        assert kind.match_score == pytest.approx(100 * (1 - 2 ** (-5 / 4)))
        assert kind.false_rate(100 * (1 - 2 ** (-4 / 4))) > rates.MATCH_RATE
