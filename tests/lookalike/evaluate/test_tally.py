"""Counts and their errors, with scores made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lookalike.evaluate.tally import Strangers, Tally, mean_share, rate_table, share_of, together


def strangers(scores: dict[tuple[int, int], list[float]], floor: float = 50.0) -> Strangers:
    """Return the counts of pairs (asked for, other) with a score for each transformation."""
    tally = Tally(100.0, floor)
    for (subject, other), of_copies in scores.items():
        for transformation, score in enumerate(of_copies):
            tally.add(subject, transformation, np.array([other]), np.array([score]))
    return tally.strangers()


class TestStrangers:
    def test_are_counted_and_the_high_ones_kept(self) -> None:
        counted = strangers({(0, 1): [10, 60], (0, 2): [49.9, 50], (3, 1): [100, 0]})
        assert counted.pairs == 6
        assert sorted(counted.high["score"]) == [50, 60, 100]
        assert counted.counts.sum() == 6
        assert counted.counts[[0, 100, 499, 500, 600, 999]].tolist() == [1, 1, 1, 1, 1, 1]

    def test_have_the_rate_of_those_that_reach_a_score(self) -> None:
        counted = strangers({(0, 1): [70, 60], (0, 2): [80, 0], (3, 1): [0, 0]})
        assert counted.rate(60).value == 3 / 6
        assert counted.rate(70).value == 2 / 6
        assert counted.rate(90).value == 0

    def test_of_one_pair_of_pictures_are_one_observation(self) -> None:
        """Four copies of one picture that are like one other tell less than four pictures."""
        same = strangers({(0, 1): [70, 70, 70, 70], (0, 2): [0, 0, 0, 0]})
        apart = strangers({(0, 1): [70, 0, 0, 0], (0, 2): [70, 0, 0, 0], (1, 2): [70, 0], (1, 3): [70, 0]})
        assert same.rate(60).error == math.sqrt(4**2) / 8
        assert apart.rate(60).error == math.sqrt(4 * 1**2) / 12

    def test_have_a_threshold_that_so_many_reach_as_are_allowed(self) -> None:
        counted = strangers({(0, n): [float(50 + n)] for n in range(1, 11)})
        own = np.array([99.0, 58.5])
        assert counted.threshold(0.2, own) == 58.5  # two of ten reach it
        assert counted.threshold(0.2, own[:1]) == 59
        assert counted.threshold(0.29, own) == 58.5
        assert counted.threshold(0.3, own) == 58
        assert counted.threshold(0.1, own) == 60
        assert counted.threshold(0.01, own) == 99  # none may: the next score that occurs
        assert counted.threshold(0.01, np.array([12.0])) == 100

    def test_with_equal_scores_are_allowed_together_or_not_at_all(self) -> None:
        counted = strangers({(0, 1): [70, 70, 70], (0, 2): [90, 20, 20]})
        own = np.array([95.0])
        assert counted.threshold(3 / 6, own) == 90
        assert counted.threshold(4 / 6, own) == 70

    def test_measure_a_rate_only_with_pairs_enough(self) -> None:
        counted = strangers({(0, 1): [0.0] * 1000})
        assert counted.can_measure(0.01)
        assert not counted.can_measure(0.0099)

    def test_of_several_parts_are_one(self) -> None:
        parts = [strangers({(0, 1): [70, 10]}), strangers({(2, 3): [80]})]
        both = strangers({(0, 1): [70, 10], (2, 3): [80]})
        assert together(parts).pairs == both.pairs == 3
        assert together(parts).counts.tolist() == both.counts.tolist()
        assert together(parts).high.tolist() == both.high.tolist()

    def test_make_a_table_that_says_what_was_counted(self) -> None:
        scores = np.random.default_rng(1).exponential(12, 100_000).clip(0, 99)
        tally = Tally(100.0, 60.0)
        tally.add(0, 0, np.arange(len(scores)), scores)
        points = tally.strangers().table()
        assert points[0] == (0, 1, 0)
        for score, rate, _ in points[1:]:
            assert rate == pytest.approx((scores >= score - 1e-9).mean(), abs=1e-12)
        assert points[-1][1] * len(scores) >= 10
        table = rate_table(points)
        assert table is not None
        for score in (20.0, 45.0, 65.0, 75.0):
            assert math.log10(table.rate(score)) == pytest.approx(math.log10((scores >= score).mean()), abs=0.05)

    def test_of_a_hash_have_a_point_for_each_distance(self) -> None:
        """Scores between two distances do not occur, so nothing there is invented."""
        bits = np.random.default_rng(2).binomial(64, 0.5, 200_000)
        scores = 100 * (1 - bits / 64)
        tally = Tally(100.0, 70.0)
        tally.add(0, 0, np.arange(len(scores)), scores)
        high = [point for point in tally.strangers().table() if point[0] >= 70]
        assert len(high) >= 3
        assert all((score * 64 / 100).is_integer() for score, _, _ in high)


class TestShares:
    def test_have_the_error_of_a_share(self) -> None:
        found = share_of(np.array([True, True, True, False]))
        assert found.value == 0.75
        assert found.error == pytest.approx(math.sqrt(0.75 * 0.25 / 4))
        assert str(found) == "75.0 ± 21.7 %"

    def test_of_nothing_are_no_number(self) -> None:
        assert math.isnan(share_of(np.zeros(0, bool)).value)
        assert math.isnan(mean_share(np.zeros((0, 3), bool)).value)

    def test_over_copies_count_each_picture_once(self) -> None:
        """Two pictures, one found in all copies and one in none, are two observations and not eight."""
        found = mean_share(np.array([[True] * 4, [False] * 4]))
        assert found.value == 0.5
        assert found.error == pytest.approx(0.5)
