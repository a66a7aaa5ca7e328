"""Many histories of an index under every adversity, each decided by its seed. No promise is ever broken.

`LOOKALIKE_SIMULATION_SEEDS=5000 pytest tests/simulation` looks further; `LOOKALIKE_SIMULATION_FROM` is the first seed.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.simulation.faults import ADVERSE, CALM
from tests.simulation.run import EVERYBODY, MERGING, Cast, SimulationError, simulate
from tests.simulation.scheduler import Scheduler
from tests.tiers import scaled

SEEDS = int(os.environ.get("LOOKALIKE_SIMULATION_SEEDS", scaled(12)))
FROM = int(os.environ.get("LOOKALIKE_SIMULATION_FROM", "0"))
GROUPS = 4


@pytest.mark.scaled
@pytest.mark.parametrize("cast", [EVERYBODY, MERGING], ids=["everybody", "merging"])
@pytest.mark.parametrize("group", range(GROUPS))
def test_no_history_breaks_a_promise(group: int, cast: Cast) -> None:
    for seed in range(FROM + group, FROM + SEEDS, GROUPS):
        simulate(seed, cast=cast)


@pytest.mark.parametrize("cast", [EVERYBODY, MERGING], ids=["everybody", "merging"])
def test_nor_does_one_without_faults(cast: Cast) -> None:
    for seed in range(3):
        simulate(seed, CALM, cast)


@pytest.mark.parametrize("seed", [639_409_546, 639_410_358, 639_411_426])
def test_what_is_reported_after_another_index_came_was_written_to_the_one_that_was_looked_at(seed: int) -> None:
    """The answer of the last look arrives late, and between the two the index is replaced: no promise covers that."""
    simulate(seed, ADVERSE)


def test_a_seed_decides_everything() -> None:
    assert simulate(1) == simulate(1) != simulate(2)


def test_a_failure_says_its_seed_and_what_happened_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, batch: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("tests.simulation.actors.BulkWriter.write", broken)
    with pytest.raises(SimulationError) as failure:
        simulate(3, cast=EVERYBODY)
    said = str(failure.value).splitlines()
    assert said[0] == "seed 3: KeyError: 'a bug'"
    assert "bulk writer  writes (Event(number=" in said[-1]


def test_one_actor_runs_at_a_time_and_the_one_that_is_due_first_goes_on() -> None:
    scheduler = Scheduler(Random(0))
    seen: list[tuple[str, int]] = []

    def actor(name: str, *waits: int) -> None:
        start = scheduler.now_ns
        for wait in waits:
            scheduler.pass_on(wait)
            seen.append((name, (scheduler.now_ns - start) // 10**9))

    scheduler.run({"slow": lambda: actor("slow", 10, 10), "fast": lambda: actor("fast", 3, 3, 5)})
    assert seen == [("fast", 3), ("fast", 6), ("slow", 10), ("fast", 11), ("slow", 20)]
