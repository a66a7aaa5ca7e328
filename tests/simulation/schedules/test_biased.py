"""Schedules at random break no promise, and they show each mistake in a protocol soon."""

from __future__ import annotations

from random import Random

import pytest

from tests.simulation.mutations import MUTATIONS, Mutation, committing, recording
from tests.simulation.schedules.all_scenes import SCENES
from tests.simulation.schedules.biased import play
from tests.simulation.schedules.power import find
from tests.tiers import scaled

SCHEDULES = scaled(4)
"""Schedules of each scene."""


@pytest.mark.scaled
def test_no_schedule_at_random_breaks_a_promise() -> None:
    for scene in SCENES.values():
        with scene.world() as world:
            for seed in range(SCHEDULES):
                play(world, Random(seed))


def test_a_seed_decides_a_schedule() -> None:
    with SCENES["a-bulk-write-beside-a-fold"].world() as world:
        assert play(world, Random(3)) == play(world, Random(3)) != play(world, Random(4))


@pytest.mark.parametrize(
    "mutation",
    [
        committing.a_version_that_is_there_counts_as_ones_own,
        committing.what_nobody_knows_counts_as_refused,
        recording.what_is_folded_is_told_by_a_watermark,
    ],
)
def test_a_mistake_is_found(mutation: Mutation) -> None:
    assert find(mutation, [1], most=1_000).scenes


@pytest.mark.long
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_each_mistake_is_found_soon(mutation: Mutation) -> None:
    # one seed in ten does not find the rarest within its schedules
    assert any(find(mutation, [seed]).scenes for seed in (1, 2, 3))
