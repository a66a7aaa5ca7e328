"""An index is copied beside eight writers, compactors and collectors, under every adversity, by two at once."""

from __future__ import annotations

import pytest

from shards.table.format.manifest import Manifest
from shards.table.maintain.copying import State, _Copying
from shards.table.read.newest import Base
from tests.simulation.actors import Collector, Committer, Compactor, Merger, Reader, Resharder, Writer
from tests.simulation.copier import Elsewhere, copier
from tests.simulation.faults import ADVERSE, CALM
from tests.simulation.run import Cast, SimulationError, simulate
from tests.tiers import scaled

SEEDS = scaled(4)


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


@pytest.mark.long
def test_without_faults_copyings_come_to_their_end() -> None:
    elsewhere = Elsewhere()
    simulate(1, CALM, cast(elsewhere))
    assert elsewhere.copied >= 6


@pytest.mark.long
def test_an_index_that_is_published_before_its_objects_are_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    bring = _Copying._bring

    def too_early(self: _Copying, state: State, base: Base) -> Manifest:
        self._publish()
        return bring(self, state, base)

    monkeypatch.setattr(_Copying, "_bring", too_early)
    with pytest.raises(SimulationError, match="ViolationError"):
        play(12)


def play(histories: int) -> None:
    for seed in range(histories):
        simulate(seed, ADVERSE, cast(Elsewhere()))
