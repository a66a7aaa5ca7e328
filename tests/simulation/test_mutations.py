"""The simulator can fail: it notices each protocol that lacks a rule, by chance or by the story told for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count
from math import inf

import pytest

from shards.errors import CorruptObject, Undecided
from shards.storage.base import Entry
from shards.table import names
from shards.table.collect import collect
from tests.simulation import mutations
from tests.simulation.interleaving import InterleavedStore
from tests.simulation.run import SimulationError, simulate
from tests.simulation.scene import HOURS, MINUTES, Scene
from tests.simulation.test_scenarios import orphan_is_not_taken_over
from tests.table.synthetic import put, read, records

Mutation = Callable[[], AbstractContextManager[object]]

SEEDS = 150
"""Seeds in which a mistake has to show: a dozen times what the rarest of them needs on average."""


@pytest.mark.parametrize(
    "mutation",
    [
        mutations.what_is_folded_is_told_by_a_watermark,
        mutations.a_version_that_is_there_counts_as_ones_own,
        mutations.whatever_is_not_named_is_collected_at_once,
        mutations.a_reader_does_not_start_again,
        mutations.the_last_to_arrive_wins,
        mutations.resharding_forgets_what_a_segment_was_made_for,
        mutations.a_merge_mixes_wide_segments_with_others,
        mutations.the_parts_of_a_split_are_committed_one_by_one,
    ],
    ids=lambda mutation: mutation.__name__,
)
def test_a_history_shows_the_mistake(mutation: Mutation) -> None:
    def histories() -> None:
        for seed in range(SEEDS):
            simulate(seed)

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
    with mutations.the_manifest_is_read_before_the_log():
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
    with mutations.a_merge_forgets_what_died_meanwhile(), pytest.raises(AssertionError, match="cat lives twice"):
        story()


def test_names_without_the_commits_mark_lose_an_object() -> None:
    with mutations.names_are_made_of_the_content_alone(), pytest.raises(CorruptObject, match="is needed by the newest"):
        orphan_is_not_taken_over(Scene())


class AgelessStore(InterleavedStore):
    """Shows manifests as younger than everything: what a collector does that goes by the age of an object alone."""

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        for entry in super().list(prefix, after=after, limit=limit):
            yield replace(entry, modified=inf) if prefix == names.MANIFEST else entry


def test_a_collector_that_goes_by_age_alone_breaks_a_commit_that_fell_asleep_at_its_last_step() -> None:
    scene = Scene()
    scene.write(put("dog", 1, 2))
    way, writer = scene.sleeper()

    def sleep() -> None:
        scene.wait(2 * HOURS)
        assert len(collect(AgelessStore(scene.store), scene.world).objects) == 1

    way.before("create", names.MANIFEST, sleep)
    with pytest.raises(Undecided):
        writer.write(records(put("cat", 1, 1)))
    with pytest.raises(CorruptObject, match="is needed by the newest"):
        scene.read()
