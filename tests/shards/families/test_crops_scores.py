"""Scores of crops beside the plainest way to say what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.families.base import Rows
from shards.families.crops import Crops, matching, scoring, vote
from shards.families.crops.scoring import SCORES
from tests.shards.families import crops_plain
from tests.shards.families.crops_rows import as_questions, copies, set_weak, strangers
from tests.tiers import scaled

CROPS = Crops()


def hostile(rows: Rows, seed: int) -> Rows:
    """Change rows into what no picture has: any count, no size, one place, one code, a weak bit three times."""
    rng = np.random.default_rng(seed)
    rows = rows.copy()
    for row in rows:
        for change in rng.integers(0, 8, 2).tolist():
            if change == 0:
                row["count"] = rng.integers(0, 256)
            elif change == 1:
                row["width"] = rng.choice([0, 1, 65535])
            elif change == 2:
                row["features"][:, 8:10] = rng.integers(0, 256, 2)
            elif change == 3:
                row["features"][:, :8] = row["features"][0, :8]
            elif change == 4:
                row["features"][:, 10:] = rng.integers(0, 256, 3)
            elif change == 5:
                row["features"] = row["features"][0]
    return rows


@st.composite
def pairs_of_rows(draw: st.DrawFn) -> tuple[Rows, Rows]:
    """Stored rows, and as many that share some features with them, or none."""
    seed = draw(st.integers(0, 10_000))
    stored = strangers(seed, 3)
    if draw(st.booleans()):
        set_weak(stored, np.array(draw(st.lists(st.integers(0, 15), min_size=3, max_size=3))))
    kept = draw(st.sampled_from([0, 3, 5, 12, 30, 48]))
    changed = copies(
        stored,
        seed,
        kept,
        flipped=draw(st.integers(0, 11)),
        moved=draw(st.integers(0, 6)),
        turned=draw(st.integers(0, 9)),
    )
    if draw(st.booleans()):
        stored, changed = hostile(stored, seed), hostile(changed, seed + 1)
    return stored, changed


class TestScore:
    @settings(max_examples=scaled(40), deadline=None)
    @given(pairs_of_rows(), st.integers(0, 100))
    def test_it_is_what_the_plain_loops_say(self, rows: tuple[Rows, Rows], min_share: int) -> None:
        stored, changed = rows
        for question in as_questions(changed):
            question["min_share"] = min_share
            scores = CROPS.score(question, stored)
            assert scores.tolist() == pytest.approx([crops_plain.score(question, row) for row in stored], abs=1e-9)

    def test_of_pictures_that_share_features_it_grows_with_their_number(self) -> None:
        stored = strangers(1, 5)
        means = [
            float(np.mean([CROPS.score(question, stored[[n]])[0] for n, question in enumerate(as_questions(changed))]))
            for changed in (copies(stored, 2, kept, turned=1) for kept in (0, 6, 12, 24, 48))
        ]
        assert means == sorted(means)
        assert means[0] == 0
        assert means[1] > 50
        assert means[-1] > 99

    def test_a_row_equal_to_the_question_scores_100_however_few_features_it_has(self) -> None:
        row = strangers(1, 1)
        row["count"] = 1
        row["features"][0, 1:] = 0
        assert CROPS.score(as_questions(row)[0], row).tolist() == [100]

    def test_pictures_without_features_are_alike_in_nothing(self) -> None:
        row = strangers(1, 1)
        row["count"], row["features"] = 0, 0
        assert CROPS.score(as_questions(row)[0], row).tolist() == [0]

    def test_no_number_of_features_scores_as_much_as_equal_rows(self) -> None:
        assert (np.diff(SCORES) >= 0).all()
        assert SCORES[0] == 0
        assert SCORES[-1] == 99.9

    def test_features_on_a_small_part_of_the_stored_picture_do_not_count(self) -> None:
        stored = strangers(3, 1)
        # all in a line of text that is 4 % of the picture high, and half of it wide
        stored["features"][0, :, 8] = np.linspace(60, 190, 48)
        stored["features"][0, :, 9] = np.tile([100, 110], 24)
        questions = as_questions(copies(stored, 4, 40, moved=0))
        scores = [
            float(CROPS.score(CROPS.with_min_share(questions, share)[0], stored)[0]) for share in (0, 0.01, 0.03, 0.2)
        ]
        assert scores[0] == scores[1] > 90
        assert scores[2:] == [0, 0]

    def test_copies_in_a_batch_score_as_alone(self) -> None:
        stored = strangers(5, 4)
        question = as_questions(copies(stored[:1], 6, 20))[0]
        many = stored[np.random.default_rng(1).integers(0, 4, 100)]
        alone = np.concatenate([CROPS.score(question, many[n : n + 1]) for n in range(len(many))])
        assert CROPS.score(question, many).tobytes() == alone.tobytes()

    @pytest.mark.parametrize("at_once", [1, 100, 1 << 20])
    def test_it_does_not_depend_on_how_much_is_done_at_once(
        self, at_once: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stored = strangers(7, 30)
        question = as_questions(copies(stored[:1], 8, 48))[0]
        whole = CROPS.score(question, stored), CROPS.score_pairs(stored, copies(stored, 9, 20))
        monkeypatch.setattr(matching, "AT_ONCE", at_once)
        monkeypatch.setattr(vote, "AT_ONCE", at_once)
        monkeypatch.setattr(scoring, "BLOCK", min(at_once, 7))
        parts = CROPS.score(question, stored), CROPS.score_pairs(stored, copies(stored, 9, 20))
        assert [one.tobytes() for one in parts] == [one.tobytes() for one in whole]


class TestPairs:
    @settings(max_examples=scaled(30), deadline=None)
    @given(pairs_of_rows())
    def test_a_pair_scores_the_better_of_both_directions(self, rows: tuple[Rows, Rows]) -> None:
        first, second = rows
        there, back = as_questions(first), as_questions(second)
        wanted = [
            max(CROPS.score(there[n], second[n : n + 1])[0], CROPS.score(back[n], first[n : n + 1])[0])
            for n in range(len(first))
        ]
        assert CROPS.score_pairs(first, second).tolist() == wanted
