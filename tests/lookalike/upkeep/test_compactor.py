"""The compactor: it folds, and hands merges to workers; whatever fails is left to the next call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ALL_COMPLETED
from dataclasses import dataclass, field, replace
from threading import Barrier, Event
from typing import Any

import pytest

from lookalike import Index
from lookalike.upkeep.compactor import MARGIN, Compactor
from shards.errors import QueryError, StorageError
from shards.search.executors.messages import NoWorkerFree
from shards.storage.memory import MemoryStore
from shards.table.maintain.collect import ORPHAN_SECONDS
from shards.table.maintain.committing import Committed
from shards.table.maintain.merge import FACTOR, Merged
from tests.lookalike.upkeep.filled import PICTURE, filled
from tests.patience import PATIENCE
from tests.shards.table.synthetic import many
from tests.world import FakeWorld

NOTHING = dict.fromkeys(("folded", "merges", "merges_failed", "merges_refused", "merges_in_vain", "merges_left"), 0)
"""Facts of a call that had nothing to do."""


@dataclass
class Notes:
    """Telemetry that a test can read."""

    measured: list[tuple[str, float]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def measure(self, metric: str, value: float = 1) -> None:
        self.measured.append((metric, value))

    def warn(self, message: str, **facts: Any) -> None:
        self.warnings.append({"message": message, **facts})

    def values(self, metric: str) -> list[float]:
        return [value for name, value in self.measured if name == metric]


def run(
    index: Index, merge: Callable[[Sequence[str]], Merged | None], seconds: float = 900, workers: int = 4
) -> tuple[dict[str, Any], Notes]:
    notes = Notes()
    facts: dict[str, Any] = {}
    compactor = Compactor(index, merge, notes, workers=workers, merge_seconds=300, fold_seconds=0)
    compactor.run(lambda: seconds, facts)
    return facts, notes


def test_folding_and_merging_end_where_compacting_does() -> None:
    index = filled(FACTOR)
    before = {image.key for image in index.list()}
    facts, notes = run(index, index.merge)
    assert facts == NOTHING | {"folded": 1, "merges": 1}
    assert index.due_merges() == []
    stats = index.stats()
    assert (stats.tail, stats.segments) == (0, 1)
    assert {image.key for image in index.list()} == before
    assert notes.values("TailObjects") == [1]
    assert notes.values("Merges") == [1]


def test_an_index_that_is_in_order_is_left_alone() -> None:
    index = Index.create("memory://", families=["dhash"])
    facts, _ = run(index, index.merge)
    assert facts == NOTHING | {"folded": 0, "merges": 0}
    assert index.stats().version == 0


def test_merges_of_different_shards_run_at_once() -> None:
    index = filled(FACTOR, shards=2)
    assert len(index.due_merges()) == 2
    # each waits for the other: one after another, both would give up
    both = Barrier(2, timeout=PATIENCE)

    def merge(segments: Sequence[str]) -> Merged | None:
        both.wait()
        return index.merge(segments)

    facts, _ = run(index, merge)
    assert facts["merges"] == 2
    assert index.due_merges() == []


def test_no_more_merges_are_handed_out_than_there_are_workers() -> None:
    index = filled(FACTOR, shards=2)
    at_once: list[int] = []
    most = [0]

    def merge(segments: Sequence[str]) -> Merged | None:
        at_once.append(1)
        most[0] = max(most[0], len(at_once))
        made = index.merge(segments)
        at_once.pop()
        return made

    facts, _ = run(index, merge, workers=1)
    assert (facts["merges"], most[0]) == (2, 1)


def test_folding_goes_on_while_a_merge_is_under_way() -> None:
    index = filled(FACTOR)
    signed = index.sign("late.png", PICTURE)
    folded = Event()
    commit = index.commit

    def counted(merged: Sequence[Merged] = ()) -> Committed:
        committed = commit(merged)
        if index.has(["late.png"]) and index.pressure() == (0, 0):
            folded.set()
        return committed

    index.commit = counted  # type: ignore[method-assign]

    def merge(segments: Sequence[str]) -> Merged | None:
        index.write([signed])
        assert folded.wait(PATIENCE), "the fresh picture was not folded while this merge went on"
        return index.merge(segments)

    facts, _ = run(index, merge)
    assert (facts["folded"], facts["merges"], facts["merges_failed"]) == (2, 1, 0)


def test_merges_that_are_done_are_committed_together_with_what_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    index = filled(FACTOR, shards=2)
    signed = index.sign("late.png", PICTURE)
    both = Barrier(2, timeout=PATIENCE, action=lambda: index.write([signed]))
    monkeypatch.setattr("lookalike.upkeep.compactor.FIRST_COMPLETED", ALL_COMPLETED)

    def merge(segments: Sequence[str]) -> Merged | None:
        merged = index.merge(segments)
        both.wait()
        return merged

    before = index.stats().version
    notes = Notes()
    facts: dict[str, Any] = {}
    Compactor(index, merge, notes, workers=2, merge_seconds=300, fold_seconds=PATIENCE).run(lambda: 900, facts)
    assert (facts["merges"], facts["folded"]) == (2, 2)
    assert index.stats().version == before + 2, "one for the first fold, and one for both merges and the second fold"


def test_a_merge_that_fails_is_left_to_the_next_call_and_stops_no_other() -> None:
    index = filled(FACTOR, shards=2)
    failing = index.due_merges()[0]

    def merge(segments: Sequence[str]) -> Merged | None:
        if segments == failing:
            raise StorageError("function merge failed")
        return index.merge(segments)

    facts, notes = run(index, merge)
    assert (facts["merges"], facts["merges_failed"]) == (1, 1)
    assert notes.values("MergesFailed") == [1]
    (warning,) = notes.warnings
    assert warning["segments"] == list(failing)
    assert index.due_merges() == [failing]
    assert run(index, index.merge)[0]["merges"] == 1


def test_a_worker_that_is_killed_when_it_has_uploaded_changes_nothing() -> None:
    index = filled(FACTOR)
    pictures = index.count()

    def killed(segments: Sequence[str]) -> Merged | None:
        assert index.merge(segments) is not None
        raise StorageError("function merge failed (Runtime.ExitError)")

    facts, _ = run(index, killed)
    assert (facts["merges"], facts["merges_failed"]) == (0, 1)
    assert run(index, index.merge)[0]["merges"] == 1
    assert index.count() == pictures
    assert index.stats().segments == 1
    assert index.verify().is_clean


def test_a_merge_that_no_worker_is_free_for_is_no_failure_and_left_to_the_next_call() -> None:
    index = filled(FACTOR)

    def refuse(segments: Sequence[str]) -> Merged | None:
        raise NoWorkerFree("no function merge is free (Rate Exceeded)")

    facts, notes = run(index, refuse)
    assert (facts["merges"], facts["merges_failed"], facts["merges_refused"]) == (0, 0, 1)
    assert (notes.values("MergesFailed"), notes.warnings) == ([], [])
    assert run(index, index.merge)[0]["merges"] == 1


def test_a_merge_that_another_has_done_is_no_failure() -> None:
    """Two compactors know nothing of each other."""
    index = filled(FACTOR)
    other = Index.open(index._table.root, effects=FakeWorld(seed=2))

    def merge(segments: Sequence[str]) -> Merged | None:
        merged = index.merge(segments)
        run(other, other.merge)
        return merged

    facts, notes = run(index, merge)
    assert (facts["merges"], facts["merges_failed"], facts["merges_in_vain"]) == (0, 0, 1)
    assert notes.values("MergesFailed") == []
    index = filled(FACTOR)
    other = Index.open(index._table.root, effects=FakeWorld(seed=2))
    facts, _ = run(index, lambda segments: other.compact() and index.merge(segments))
    assert (facts["merges"], facts["merges_failed"], facts["merges_in_vain"]) == (0, 0, 1)


def test_no_merge_is_begun_that_could_not_be_finished() -> None:
    index = filled(FACTOR)
    facts, _ = run(index, index.merge, seconds=300 + MARGIN)
    assert (facts["folded"], facts["merges"]) == (1, 0)
    assert len(index.due_merges()) == 1


def test_a_merge_that_is_not_done_at_its_end_is_in_vain() -> None:
    index = filled(FACTOR)
    left = iter([900.0, 0.0])
    go_on = Event()
    facts: dict[str, Any] = {}
    made: list[Merged | None] = []

    def merge(segments: Sequence[str]) -> Merged | None:
        assert go_on.wait(PATIENCE)
        made.append(index.merge(segments))
        return made[0]

    pictures = index.count()
    notes = Notes()
    Compactor(index, merge, notes, workers=1, merge_seconds=300).run(lambda: next(left), facts)
    assert (facts["merges"], facts["merges_left"]) == (0, 1)
    go_on.set()
    assert run(index, index.merge)[0]["merges"] == 1, "the next call has it done anew"
    assert index.count() == pictures
    assert index.verify().is_clean


def test_a_compactor_that_is_killed_before_it_commits_leaves_what_a_collector_takes() -> None:
    index = filled(FACTOR)
    world = index._table.effects
    assert isinstance(world, FakeWorld)
    merged = index.merge(index.due_merges()[0])
    assert merged is not None
    (orphan,) = merged.segments
    store = index._table.root
    assert isinstance(store, MemoryStore)
    store._clock = lambda: world.now_ns() / 1e9
    index.commit()
    world.pass_seconds(2 * ORPHAN_SECONDS)
    assert orphan.name in index.collect().objects
    assert run(index, index.merge)[0]["merges"] == 1
    assert index.verify().problems == ()


def test_a_merge_is_of_segments_of_one_shard() -> None:
    index = filled(1, shards=2)
    segments = [segment.name for segment in index._table._newest()]
    assert len(segments) == 2
    with pytest.raises(QueryError, match="a merge takes segments of one shard, one or more"):
        index.merge(segments)
    with pytest.raises(QueryError, match="one or more: not none"):
        index.merge([])
    assert index.merge(["segments/0000/gone.npz"]) is None


def test_an_answer_of_a_worker_is_small_however_many_rows_and_segments_there_are() -> None:
    """A function answers with 6 MB at most. Of many dead rows it says where they are listed."""
    index = Index.create("memory://", families=["dhash"], effects=FakeWorld())
    keys = [f"{n:06d}" for n in range(40_000)]
    for deleted in (False, True):
        index.write_bulk(many(keys, float(deleted), deleted=deleted))
    (segments,) = [[segment.name for segment in index._table._newest()]]
    merged = index.merge(segments)
    assert merged is not None
    (made,) = merged.segments
    assert made.tombstones == len(keys)
    assert len(json.dumps(merged.to_json())) < 4_000
    of_thousands = {f"segments/0000/{n:032x}-{n:016x}.npz": 1_000_000 for n in range(10_000)}
    largest = replace(merged, replaced=of_thousands)
    assert len(json.dumps(largest.to_json())) < 1_000_000
    assert Merged.from_json(json.loads(json.dumps(largest.to_json()))) == largest
