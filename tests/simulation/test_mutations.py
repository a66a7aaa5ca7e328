"""The simulator can fail: it notices each protocol that lacks a rule, by chance or by the story told for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from shards.errors import CorruptObject, StoreUnfit
from shards.storage.base import Data
from shards.storage.delegating import DelegatingStore
from shards.table.format import names
from shards.table.maintain.collect import Collected
from shards.table.table import Table
from tests.shards.table.synthetic import make_table, put, read, records
from tests.simulation.interleaving import CrashError, crash
from tests.simulation.mutations import Mutation, collecting, committing, merging, reading, recording
from tests.simulation.run import EVERYBODY, MERGING, Cast, SimulationError, simulate
from tests.simulation.scene import HOURS, MINUTES, Scene
from tests.simulation.test_scenarios import a_merge_that_is_committed_after_it_was_collected, orphan_is_not_taken_over

SEEDS = 150
"""Seeds in which a mistake has to show: a dozen times what the rarest of them needs on average."""


@pytest.mark.long
@pytest.mark.parametrize(
    ("mutation", "cast"),
    [
        (recording.what_is_folded_is_told_by_a_watermark, EVERYBODY),
        (committing.a_version_that_is_there_counts_as_ones_own, EVERYBODY),
        (collecting.whatever_is_not_named_is_collected_at_once, EVERYBODY),
        (reading.a_reader_does_not_start_again, EVERYBODY),
        (recording.the_last_to_arrive_wins, EVERYBODY),
        (merging.resharding_forgets_what_a_segment_was_made_for, EVERYBODY),
        (merging.a_merge_mixes_wide_segments_with_others, EVERYBODY),
        (merging.the_parts_of_a_split_are_committed_one_by_one, EVERYBODY),
        (collecting.a_collector_goes_by_age_alone, MERGING),
        (collecting.a_collector_makes_its_fence_when_it_has_deleted, MERGING),
        (committing.a_commit_does_not_ask_how_old_an_upload_is, MERGING),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_history_shows_the_mistake(mutation: Mutation, cast: Cast) -> None:
    def histories() -> None:
        for seed in range(SEEDS):
            simulate(seed, cast=cast)

    with mutation(), pytest.raises(SimulationError):
        histories()


def test_a_reader_that_reads_the_manifest_before_the_log_loses_records() -> None:
    def story() -> dict[str, int]:
        scene = Scene()
        scene.append(put("cat", 1, 1))
        way, reader = scene.process()

        def others() -> None:
            scene.compact()
            scene.wait(11 * MINUTES)
            assert len(scene.collect()) == 1

        prefixes = count()
        for prefix in (names.LOG, names.MANIFEST):  # after the first listing, whichever that is
            way.after("list", prefix, lambda: others() if next(prefixes) == 0 else None)
        return read(reader)

    assert story() == {"cat": 1}
    with reading.the_manifest_is_read_before_the_log():
        assert story() == {}


def test_a_merge_that_forgets_what_died_meanwhile_shows_a_key_twice() -> None:
    def story() -> None:
        scene = Scene()
        scene.write(put("cat", 1, 1), put("dog", 1, 2))
        scene.write(put("bird", 1, 3))
        way, compactor = scene.process()
        way.before("create", names.MANIFEST, lambda: scene.write(put("cat", 2, 4)))
        compactor.compact(everything=True)
        assert scene.read() == {"cat": 4, "dog": 2, "bird": 3}

    story()
    with merging.a_merge_forgets_what_died_meanwhile(), pytest.raises(AssertionError, match="cat lives twice"):
        story()


def test_names_without_the_commits_mark_lose_an_object() -> None:
    with (
        committing.names_are_made_of_the_content_alone(),
        pytest.raises(CorruptObject, match="is needed by the newest"),
    ):
        orphan_is_not_taken_over(Scene())


def test_a_commit_that_does_not_ask_how_old_an_upload_is_names_what_was_collected() -> None:
    with (
        committing.a_commit_does_not_ask_how_old_an_upload_is(),
        pytest.raises(CorruptObject, match="is needed by the newest"),
    ):
        a_merge_that_is_committed_after_it_was_collected(Scene())


class Overwriting(DelegatingStore):
    """A way to the store that loses the condition of a create, as a proxy may do: whoever is last has won."""

    def create(self, name: str, data: Data) -> bool:
        self.inner.delete([name])
        return self.inner.create(name, data)


def test_without_a_probe_a_store_that_overwrites_loses_what_was_acknowledged() -> None:
    """Two writers make the same version; both are told that it is theirs."""

    def story() -> dict[str, int]:
        scene = Scene()
        scene.write(put("dog", 1, 1))
        way, _ = scene.process()
        proxied = [make_table(Overwriting(store), scene.world) for store in (way, scene.store)]
        way.before("delete", names.MANIFEST, lambda: proxied[1].write(records(put("cat", 2, 2))))
        proxied[0].write(records(put("bird", 3, 3)))
        return scene.read()

    with pytest.raises(StoreUnfit):
        story()
    with committing.nobody_asks_whether_the_store_creates_only_if_absent():
        assert story().keys() < {"dog", "cat", "bird"}


@pytest.mark.parametrize("collect", [collecting.collect_by_age, collecting.collect_before_the_fence])
def test_a_collector_without_a_fence_breaks_a_commit_that_fell_asleep_at_its_last_step(
    collect: Callable[[Table], Collected],
) -> None:
    """It wakes before the objects are deleted, or in between."""
    scene = Scene()
    scene.write(put("dog", 1, 2))
    way, writer = scene.sleeper()
    waking, _ = scene.sleeper()

    def sleep() -> None:
        scene.wait(2 * HOURS)
        waking.after("delete", names.SEGMENTS, crash)
        with pytest.raises(CrashError):
            collect(make_table(waking, scene.world))

    way.before("create", names.MANIFEST, sleep)
    writer.write(records(put("cat", 1, 1)))
    with pytest.raises(CorruptObject, match="is needed by the newest"):
        scene.read()
