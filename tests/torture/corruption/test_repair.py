"""After any damage a repair leaves an index in good order: what it does not have any more was named or counted."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.tiers import scaled
from tests.torture.corruption.damages import DAMAGES
from tests.torture.corruption.repairing import try_repair
from tests.torture.corruption.trying import PROMISED, Outcome, Place, Trial


@pytest.mark.scaled
def test_a_repair_leaves_an_index_in_good_order(tmp_path: Path) -> None:
    trials = [Trial(place, tmp_path) for place in Place]
    repaired = 0
    for seed in range(scaled(20)):
        random = Random(seed)
        trial = trials[seed % len(trials)]
        tried = try_repair(trial, random.choice(DAMAGES), random.choice(sorted(trial.objects)), random)
        assert tried is None or tried.outcome in PROMISED, f"seed {seed}: {tried}"
        repaired += tried is not None and tried.outcome is not Outcome.REFUSED
    assert repaired > 5
