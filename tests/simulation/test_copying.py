"""An index is copied beside eight writers, compactors and collectors, under every adversity, by two at once."""

from __future__ import annotations

from itertools import count

import pytest

from shards.errors import Conflict
from shards.storage.base import Store
from shards.table.format import names, settings
from shards.table.maintain import copying
from shards.table.maintain.committing import CommittingTable
from tests.shards.table.synthetic import make_store, put, read
from tests.simulation.copier import Elsewhere, copying_cast
from tests.simulation.faults import ADVERSE, CALM
from tests.simulation.mutations import copying as mutations
from tests.simulation.run import SimulationError, simulate
from tests.simulation.scene import MINUTES, Scene
from tests.tiers import scaled

SEEDS = scaled(4)


@pytest.mark.scaled
def test_no_history_makes_a_copy_that_is_not_a_snapshot() -> None:
    copied = 0
    for seed in range(SEEDS):
        elsewhere = Elsewhere()
        simulate(seed, ADVERSE, copying_cast(elsewhere))
        copied += elsewhere.copied
    assert copied > SEEDS


@pytest.mark.long
def test_without_faults_copyings_come_to_their_end() -> None:
    elsewhere = Elsewhere()
    simulate(1, CALM, copying_cast(elsewhere))
    assert elsewhere.copied >= 6


@pytest.mark.long
def test_an_index_that_is_published_before_its_objects_are_there_is_found() -> None:
    with (
        mutations.the_index_is_published_before_its_objects_are_there(),
        pytest.raises(SimulationError, match="ViolationError"),
    ):
        play(12)


def copied(scene: Scene, source: Store, there: Store) -> dict[str, int]:
    """Copy, and return what a reader of the copy sees."""
    copying.copy(source, there, scene.world)
    chosen = settings.read(there)
    return read(CommittingTable(there, chosen, effects=scene.world))


def test_a_copying_that_reads_the_manifest_before_the_log_loses_records() -> None:
    def story() -> dict[str, int]:
        scene = Scene()
        scene.append(put("cat", 1, 1))
        way, _ = scene.process()

        def others() -> None:
            scene.compact()
            scene.wait(11 * MINUTES)
            assert len(scene.collect()) == 1

        prefixes = count()
        for prefix in (names.LOG, names.MANIFEST):  # after the first listing, whichever that is
            way.after("list", prefix, lambda: others() if next(prefixes) == 0 else None)
        return copied(scene, way, make_store(scene.world))

    assert story() == {"cat": 1}
    with mutations.the_manifest_is_read_before_the_log():
        assert story() == {}


def test_a_copying_that_reads_the_copy_last_puts_an_older_state_over_it() -> None:
    def story() -> dict[str, int]:
        scene = Scene()
        there = make_store(scene.world)
        scene.append(put("cat", 1, 1))
        assert copied(scene, scene.store, there) == {"cat": 1}
        scene.append(put("dog", 2, 2))
        way, _ = scene.process()

        def others() -> None:
            scene.append(put("bird", 3, 3))
            assert copied(scene, scene.store, there) == {"cat": 1, "dog": 2, "bird": 3}

        # the slow one has its snapshot
        way.after("list", names.MANIFEST, others)
        return copied(scene, way, there)

    with pytest.raises(Conflict):
        story()
    with mutations.the_state_is_taken_before_the_copy_is_read():
        assert story() == {"cat": 1, "dog": 2}


def play(histories: int) -> None:
    for seed in range(histories):
        simulate(seed, ADVERSE, copying_cast(Elsewhere()))
