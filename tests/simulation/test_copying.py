"""An index is copied beside eight writers, compactors and collectors, under every adversity, by two at once."""

from __future__ import annotations

import pytest

from tests.simulation.actors import Collector, Committer, Compactor, Merger, Reader, Resharder, Writer
from tests.simulation.copier import Elsewhere, copier
from tests.simulation.faults import ADVERSE, CALM
from tests.simulation.run import Cast, simulate
from tests.tiers import scaled

SEEDS = scaled(8)


def cast(elsewhere: Elsewhere) -> Cast:
    return {
        **{f"writer {n}": (Writer, 4) for n in range(8)},
        "compactor": (Compactor, 5),
        "committer": (Committer, 4),
        "merger": (Merger, 4),
        "resharder": (Resharder, 1),
        "collector": (Collector, 5),
        "reader": (Reader, 2),
        "copier 1": (copier(elsewhere), 6),
        "copier 2": (copier(elsewhere), 4),
    }


@pytest.mark.scaled
def test_no_history_makes_a_copy_that_is_not_a_snapshot() -> None:
    copied = 0
    for seed in range(SEEDS):
        elsewhere = Elsewhere()
        simulate(seed, ADVERSE, cast(elsewhere))
        copied += elsewhere.copied
    assert copied > SEEDS


def test_without_faults_copyings_come_to_their_end() -> None:
    elsewhere = Elsewhere()
    simulate(1, CALM, cast(elsewhere))
    assert elsewhere.copied >= 6
