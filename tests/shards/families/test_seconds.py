"""Second words: what one family alone sees counts only where another sees something too."""

from __future__ import annotations

import numpy as np

from shards.families import family
from shards.families.rates import WEAK_RATE
from shards.families.seconds import SECOND_RATE, heard

GOLDBERG, DHASH, HAAR = map(family, ("goldberg", "dhash", "haar"))


def test_what_goldberg_alone_calls_the_same_is_no_match() -> None:
    rates = np.array([[1e-8, 1e-8, 1e-8], [0.1, SECOND_RATE, 0.1], [0.2, 0.2, 1e-9]])
    expected = rates.copy()
    expected[0, 0] = WEAK_RATE
    assert heard((GOLDBERG, DHASH, HAAR), rates).tolist() == expected.tolist()


def test_what_is_no_match_anyway_keeps_its_rate() -> None:
    rates = np.array([0.3, 0.1])
    assert heard((GOLDBERG, DHASH), rates).tolist() == rates.tolist()


def test_others_need_no_second_word_and_a_single_family_has_none() -> None:
    rates = np.array([1e-8, 0.1])
    assert heard((DHASH, GOLDBERG), rates).tolist() == rates.tolist()
    assert heard((GOLDBERG,), rates[:1]).tolist() == [1e-8]
