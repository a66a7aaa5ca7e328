"""Stories: for each rule of the protocol, the schedule that makes it necessary."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from shards.errors import Conflict, CorruptObject, QueryError, Undecided
from shards.storage import deciding
from shards.table.format import names
from shards.table.maintain import collect
from shards.table.maintain.merge import FACTOR, due
from shards.table.write import commit
from tests.shards.table.synthetic import delete, make_table, put, read, records
from tests.simulation.interleaving import CrashError, crash, lose_answer, refuse
from tests.simulation.scene import HOURS, MINUTES, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


class TestOrder:
    def test_a_delete_that_arrives_late_does_not_delete_what_is_newer(self, scene: Scene) -> None:
        scene.append(put("cat", 10, 1))
        scene.append(delete("cat", 5))
        assert scene.read() == {"cat": 1}
        scene.compact()
        scene.append(delete("cat", 6))
        assert scene.read() == {"cat": 1}
        scene.compact(everything=True)
        assert scene.read() == {"cat": 1}

    def test_a_delete_that_arrives_late_does_not_resurrect(self, scene: Scene) -> None:
        """put 1, delete 2 and put 3 arrive as 3, 2, 1; or the last of them is the delete."""
        scene.append(delete("cat", 10))
        scene.compact()
        scene.append(put("cat", 5, 1))
        assert scene.read() == {}
        scene.compact(everything=True)
        scene.append(put("cat", 6, 1))
        scene.compact(everything=True)
        assert scene.read() == {}
        assert scene.is_whole()

    def test_equal_times_are_told_apart_by_the_tie_break(self, scene: Scene) -> None:
        scene.append(put("cat", 1, 2, tie=2**64 - 1))
        scene.append(put("cat", 1, 1, tie=2**63))
        assert scene.read() == {"cat": 2}
        scene.compact()
        scene.append(put("cat", 1, 3, tie=1))
        assert scene.read() == {"cat": 2}


class TestLog:
    def test_a_slow_writers_log_object_is_folded_after_newer_ones(self, scene: Scene) -> None:
        fast = scene.append(put("cat", 10, 1))
        scene.compact()
        slow = scene.append(put("dog", 5, 2))
        assert slow < fast
        assert scene.read() == {"cat": 1, "dog": 2}
        scene.compact()
        assert set(scene.newest().folded) == {slow, fast}
        assert scene.read() == {"cat": 1, "dog": 2}

    def test_an_append_whose_answer_is_lost_is_made_once(self, scene: Scene) -> None:
        way, writer = scene.process()
        way.after("create", names.LOG, lose_answer)
        writer.append(records(put("cat", 1, 1)))
        assert way.all_happened
        assert len(scene.names(names.LOG)) == 1
        assert scene.read() == {"cat": 1}

    def test_a_store_that_stays_undecided_is_reported_and_the_same_call_is_safe_to_repeat(self, scene: Scene) -> None:
        way, writer = scene.process()
        batch = records(put("cat", 1, 1))
        for n in range(deciding.TRIES):
            way.before("create", names.LOG, refuse, nth=n + 1)
        with pytest.raises(Undecided):
            writer.append(batch)
        assert scene.read() == {}
        writer.append(batch)
        writer.append(batch)
        assert len(scene.names(names.LOG)) == 1
        assert scene.read() == {"cat": 1}

    def test_a_call_repeated_after_its_log_object_was_collected_changes_nothing(self, scene: Scene) -> None:
        late = put("cat", 1, 1)
        scene.append(late)
        scene.append(put("cat", 2, 2), delete("dog", 2))
        scene.compact()
        scene.wait(11 * MINUTES)
        assert len(scene.collect()) == 2
        scene.append(put("bird", 3, 3))
        scene.compact()
        assert len(scene.newest().folded) == 1, "the collected ones are forgotten"
        scene.append(late)
        scene.append(put("dog", 1, 4))
        assert scene.read() == {"cat": 2, "bird": 3}
        scene.compact(everything=True)
        assert scene.read() == {"cat": 2, "bird": 3}
        assert scene.is_whole()

    def test_a_folded_log_object_is_kept_for_those_who_have_listed_it(self, scene: Scene) -> None:
        scene.append(put("cat", 1, 1))
        scene.compact()
        scene.wait(9 * MINUTES)
        assert scene.collect() == set()


class TestCommits:
    def test_a_retried_commit_that_had_succeeded_is_not_made_twice(self, scene: Scene) -> None:
        way, writer = scene.process()
        way.after("create", names.MANIFEST, lose_answer)
        writer.write(records(put("cat", 1, 1)))
        assert way.all_happened
        assert scene.versions() == [1]
        assert [segment.rows for segment in scene.newest()] == [1]

    def test_a_commit_that_lost_the_race_is_built_again_on_the_winners(self, scene: Scene) -> None:
        way, writer = scene.process()
        way.before("create", names.MANIFEST, lambda: scene.write(put("cat", 2, 2), put("dog", 1, 1)))
        writer.write(records(put("cat", 1, 1), put("dog", 2, 2)))
        assert scene.versions() == [2, 1]
        assert scene.read() == {"cat": 2, "dog": 2}
        assert scene.is_whole()

    def test_a_commit_whose_base_is_collected_before_it_is_read_starts_from_the_newest(self, scene: Scene) -> None:
        scene.write(put("dog", 0, 0))
        way, writer = scene.process()

        def others() -> None:
            for n in range(1, commit.KEPT_MANIFESTS + 1):
                scene.write(put("dog", n, n))
            scene.wait(2 * HOURS)
            assert names.manifest(1) in scene.collect()

        way.before("get", names.manifest(1), others)
        writer.write(records(put("cat", 1, 1)))
        assert scene.read() == {"dog": 8, "cat": 1}

    def test_two_folds_of_the_same_log_objects_make_one_version(self, scene: Scene) -> None:
        scene.append(put("cat", 1, 1))
        way, compactor = scene.process()
        way.before("create", names.MANIFEST, scene.compact)
        compactor.compact()
        assert scene.versions() == [1]
        assert scene.read() == {"cat": 1}

    def test_a_fold_that_crashes_before_its_manifest_has_changed_nothing(self, scene: Scene) -> None:
        scene.append(put("cat", 1, 1))
        way, compactor = scene.process()
        way.before("create", names.MANIFEST, crash)
        with pytest.raises(CrashError):
            compactor.compact()
        assert len(scene.names(names.SEGMENTS)) == 1
        assert scene.versions() == []
        assert scene.read() == {"cat": 1}
        scene.compact()
        assert scene.read() == {"cat": 1}
        assert scene.is_whole()

    def test_who_never_wins_says_so_and_has_changed_nothing(self, scene: Scene) -> None:
        way, writer = scene.process()
        for n in range(commit.TRIES):
            way.before("create", names.MANIFEST, lambda n=n: scene.write(put("cat", n, n)), nth=n + 1)  # type: ignore[misc]
        with pytest.raises(Conflict, match="40 times in a row"):
            writer.write(records(put("dog", 1, 1)))
        assert scene.read() == {"cat": commit.TRIES - 1}

    def test_a_commit_may_sleep_for_hours(self, scene: Scene) -> None:
        way, writer = scene.sleeper()
        way.after("create", names.SEGMENTS, lambda: scene.wait(20 * HOURS))
        writer.write(records(put("cat", 1, 1)))
        assert scene.versions() == [1]
        assert scene.read() == {"cat": 1}

    def test_a_commit_that_falls_asleep_at_its_last_step_is_in_time_or_finds_its_version_taken(
        self, scene: Scene
    ) -> None:
        scene.write(put("dog", 1, 2))
        way, writer = scene.sleeper()
        way.before("create", names.MANIFEST, lambda: scene.wait(2 * HOURS))
        writer.write(records(put("cat", 1, 1)))
        assert scene.read() == {"dog": 2, "cat": 1}

        def sleep() -> None:
            scene.wait(2 * HOURS)
            assert len(scene.collect()) == 1

        way.before("create", names.MANIFEST, sleep)
        writer.write(records(put("bird", 1, 3)))
        assert scene.versions() == [4, 3, 2, 1], "the third says what the second says"
        assert scene.read() == {"dog": 2, "cat": 1, "bird": 3}
        assert scene.is_whole()

    def test_a_commit_that_wakes_when_its_version_is_long_past_is_made_again(self, scene: Scene) -> None:
        way, writer = scene.sleeper()

        def sleep() -> None:
            for n in range(commit.KEPT_MANIFESTS + 2):
                scene.write(put("dog", n, n))
            scene.wait(2 * HOURS)
            assert names.manifest(1) in scene.collect()

        way.before("create", names.MANIFEST, sleep)
        writer.write(records(put("cat", 1, 1)))
        assert scene.versions()[-1] == 1, "its first manifest stays unread until it is collected"
        assert scene.read() == {"dog": 9, "cat": 1}
        assert scene.is_whole()

    def test_no_clock_is_needed_to_notice_it(self, scene: Scene) -> None:
        """That of the committer was set back while it slept, that of the collector is hours ahead."""
        way, writer = scene.sleeper()
        _, collector = scene.process()
        collector.clock.now_ns = lambda: scene.world.now_ns() + int(20 * HOURS * 1e9)  # type: ignore[method-assign]

        def sleep() -> None:
            writer.effects.pass_seconds(-3 * HOURS)  # type: ignore[attr-defined]
            for n in range(commit.KEPT_MANIFESTS + 2):
                scene.write(put("dog", n, n))
            assert names.manifest(1) in collect.collect(collector).objects

        way.before("create", names.MANIFEST, sleep)
        writer.write(records(put("cat", 1, 1)))
        assert way.all_happened
        assert scene.read() == {"dog": 9, "cat": 1}
        assert scene.is_whole()

    def test_a_fold_does_not_bring_back_what_was_removed_while_it_slept(self, scene: Scene) -> None:
        """Its log object was folded, forgotten and collected, and the tombstone too."""
        scene.append(put("cat", 1, 1))
        way, folder = scene.sleeper()

        def sleep() -> None:
            scene.compact()
            scene.write(delete("cat", 2))
            scene.wait(20 * 24 * HOURS)
            scene.append(put("dog", 1, 2))
            scene.compact()
            scene.compact(everything=True)
            scene.append(put("dog", 2, 3))
            scene.compact()
            assert not any("cat" in key for key in scene.read())

        way.before("create", names.SEGMENTS, sleep)
        folder.compact()
        assert way.all_happened
        assert scene.read() == {"dog": 3}


class TestReaders:
    def test_a_reader_between_fold_and_collect_starts_again(self, scene: Scene) -> None:
        scene.append(put("cat", 1, 1))
        way, reader = scene.process()

        def others() -> None:
            scene.compact()
            scene.wait(11 * MINUTES)
            assert len(scene.collect()) == 1

        way.before("get", names.LOG, others)
        assert read(reader) == {"cat": 1}
        assert way.requests.count(("list", names.LOG)) == 2

    def test_a_reader_that_listed_the_log_before_a_fold_misses_nothing(self, scene: Scene) -> None:
        scene.append(put("cat", 1, 1))
        way, reader = scene.process()

        def others() -> None:
            scene.compact()
            scene.wait(11 * MINUTES)
            scene.collect()

        way.after("list", names.LOG, others)
        assert read(reader) == {"cat": 1}

    def test_a_reader_whose_segments_are_merged_and_collected_asks_again(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        way, reader = scene.process()

        def others() -> None:
            scene.compact(everything=True)
            for n in range(commit.KEPT_MANIFESTS):
                scene.write(put("bird", n, n))
            scene.wait(2 * HOURS)
            assert len(scene.collect()) > 2

        way.before("get", names.SEGMENTS, others)
        assert read(reader) == {"cat": 1, "dog": 2, "bird": 7}
        assert way.requests.count(("list", names.LOG)) == 2

    def test_an_object_that_stays_away_is_named_at_last(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        (gone,) = scene.names(names.SEGMENTS)
        scene.store.delete([gone])
        with pytest.raises(CorruptObject, match=f"{gone}: is needed by the newest manifest"):
            scene.read()

    def test_a_deleted_record_stays_deleted_in_every_snapshot(self, scene: Scene) -> None:
        scene.append(put("cat", 1, 1), put("dog", 1, 2))
        scene.append(delete("cat", 2))
        for step in (
            scene.compact,
            lambda: scene.wait(2 * HOURS),
            scene.collect,
            lambda: scene.compact(everything=True),
        ):
            assert scene.read() == {"dog": 2}
            step()
        assert scene.read() == {"dog": 2}


class TestMerges:
    def test_rows_that_died_during_a_merge_are_dead_after_it(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1), put("dog", 1, 2))
        scene.write(put("bird", 1, 3))
        way, compactor = scene.process()

        def others() -> None:
            scene.write(put("cat", 2, 4))
            scene.write(delete("bird", 2))

        way.before("create", names.MANIFEST, others)
        compactor.compact(everything=True)
        assert way.all_happened
        assert scene.read() == {"cat": 4, "dog": 2}
        assert scene.newest().live == 2
        assert scene.is_whole()

    def test_two_merges_of_the_same_segments(self, scene: Scene) -> None:
        for n in range(FACTOR):
            scene.write(put(f"key {n}", 1, n))
        way, compactor = scene.process()
        way.before("create", names.MANIFEST, scene.compact)
        assert compactor.compact().merged == 0, "the other one was first"
        assert [segment.rows for segment in scene.newest()] == [FACTOR]
        assert scene.read() == {f"key {n}": n for n in range(FACTOR)}
        assert scene.is_whole()

    def test_a_merged_segment_is_uploaded_once_however_many_commits_come_between(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        way, compactor = scene.process()
        for n in range(5):
            way.before("create", names.MANIFEST, lambda n=n: scene.write(put("bird", n, n)), nth=n + 1)  # type: ignore[misc]
        assert compactor.compact(everything=True).merged == 2
        assert way.all_happened
        assert len([name for verb, name in way.requests if (verb, name[:9]) == ("create", names.SEGMENTS)]) == 1
        assert scene.read() == {"cat": 1, "dog": 2, "bird": 4}
        assert scene.is_whole()

    def test_merges_of_others_and_a_fold_make_one_version(self, scene: Scene) -> None:
        scene.reshard(2)
        for n in range(2):
            scene.write(*(put(f"{key} {n}", 1, n) for key in ("cat", "dog", "owl", "bat")))
        due = scene.bystander.due_merges(everything=True)
        assert len(due) == 2
        merges = [scene.merged(segments) for segments in due]
        scene.append(put("cat 0", 2, 5), delete("owl 1", 2), put("bird", 1, 6))
        before = scene.newest().version
        committed = scene.bystander.commit(merges)
        assert (committed.folded, committed.placed) == (1, (True, True))
        assert scene.newest().version == before + 1
        expected = {f"{key} {n}": n for key in ("cat", "dog", "owl", "bat") for n in range(2)}
        del expected["owl 1"]
        assert scene.read() == expected | {"cat 0": 5, "bird": 6}
        assert scene.is_whole()

    def test_of_two_merges_of_the_same_segments_one_is_in_vain(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        merges = [scene.merged() for _ in range(2)]
        assert scene.bystander.commit(merges).placed == (True, False)
        assert scene.bystander.commit(merges).placed == (False, False)
        assert len(list(scene.newest())) == 1
        assert scene.read() == {"cat": 1, "dog": 2}

    def test_who_merges_what_another_has_merged_is_told(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        (segments,) = scene.bystander.due_merges(everything=True)
        scene.compact(everything=True)
        assert scene.bystander.merge(segments) is None

    def test_what_a_compactor_that_was_killed_had_merged_is_collected_and_nothing_else(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        merged = scene.merged()
        way, compactor = scene.process()
        way.before("create", names.MANIFEST, crash)
        with pytest.raises(CrashError):
            compactor.commit([merged])
        scene.wait(2 * HOURS)
        assert scene.collect() == {segment.name for segment in merged.segments}
        assert scene.read() == {"cat": 1, "dog": 2}
        scene.compact(everything=True)
        assert scene.read() == {"cat": 1, "dog": 2}
        assert scene.is_whole()

    def test_a_merge_that_was_collected_before_it_is_committed_is_in_vain(self, scene: Scene) -> None:
        a_merge_that_is_committed_after_it_was_collected(scene)

    def test_a_merge_is_not_named_half_an_hour_later_whether_it_was_collected_or_not(self, scene: Scene) -> None:
        """A committer cannot know whether it was."""
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        merged = scene.merged()
        scene.wait(29 * MINUTES)
        scene.write(put("bird", 1, 3))
        older = replace(merged, uploaded=(merged.uploaded or 0) - 2 * MINUTES)
        assert scene.bystander.commit([older]).placed == (False,)
        assert scene.bystander.commit([merged]).placed == (True,)
        assert scene.read() == {"cat": 1, "dog": 2, "bird": 3}

    def test_who_is_too_slow_to_commit_its_own_merges_says_so(self, scene: Scene) -> None:
        """To go on would be for ever."""
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        way, compactor = scene.sleeper()

        def others() -> None:
            scene.wait(31 * MINUTES)
            scene.write(put("bird", 1, 3))

        way.after("create", names.SEGMENTS, others)
        with pytest.raises(Conflict, match="over half an hour to be uploaded"):
            compactor.compact(everything=True)
        assert scene.read() == {"cat": 1, "dog": 2, "bird": 3}
        compactor.compact(everything=True)
        assert [segment.rows for segment in scene.newest()] == [3]

    def test_where_nobody_has_committed_since_no_merge_is_too_old(self, scene: Scene) -> None:
        """Nobody can have collected it without a manifest that is younger."""
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        merged = scene.merged()
        scene.wait(20 * HOURS)
        assert scene.bystander.commit([merged]).placed == (True,)
        assert scene.read() == {"cat": 1, "dog": 2}
        assert scene.is_whole()

    def test_a_commit_that_sleeps_while_its_merge_is_collected_finds_its_version_taken(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        merged = scene.merged()
        way, compactor = scene.sleeper()

        def sleep() -> None:
            scene.wait(2 * HOURS)
            assert scene.collect() == {segment.name for segment in merged.segments}

        way.before("create", names.MANIFEST, sleep)
        assert compactor.commit([merged]).placed == (False,)
        assert scene.versions() == [3, 2, 1], "the third says what the second says"
        assert scene.read() == {"cat": 1, "dog": 2}
        assert scene.is_whole()

    def test_a_merge_that_is_committed_while_the_collector_makes_its_fence_stays(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        merged = scene.merged()
        scene.wait(2 * HOURS)
        way, _ = scene.sleeper()
        way.before("create", names.MANIFEST, lambda: scene.bystander.commit([merged]))
        assert collect.collect(make_table(way, scene.world)).objects == ()
        assert way.all_happened
        assert scene.versions() == [4, 3, 2, 1]
        assert scene.read() == {"cat": 1, "dog": 2}
        assert scene.is_whole()

    def test_a_merge_planned_before_the_lists_of_dead_rows_were_collected(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shards.table.format.segment.INLINE_DEAD", 0)
        first, second = sorted("ab", key=lambda key: names.key_hash(key.encode()))
        scene.write(put(first, 1, 1), put(second, 1, 1))
        scene.write(put("c", 1, 1))
        scene.write(delete(second, 2))
        planned = scene.bystander.snapshot().manifest
        scene.write(delete(first, 2))
        for n in range(commit.KEPT_MANIFESTS):
            scene.write(put("e", n, n))
        scene.wait(2 * HOURS)
        assert any(name.startswith(names.DEAD) for name in scene.collect())
        _, compactor = scene.process()
        (segments,) = due(planned, 100, everything=True)
        merged = compactor.merge([segment.name for segment in segments])
        assert merged is not None
        assert compactor.commit([merged]).placed == (True,)
        assert scene.read() == {"c": 1, "e": 7}
        assert scene.is_whole()


class TestResharding:
    """Wide segments are those made for fewer shards than there are."""

    @pytest.fixture(autouse=True)
    def animals_of_both_halves(self, scene: Scene) -> None:
        """owl and bat are of the first of two shards, cat and dog of the second."""
        halves = [names.key_hash(key.encode()) % 2 for key in ("owl", "bat", "cat", "dog")]
        assert halves == [0, 0, 1, 1]
        scene.write(put("cat", 1, 1), put("dog", 1, 2), put("owl", 1, 3))

    def test_a_commit_built_for_fewer_shards_is_built_again(self, scene: Scene) -> None:
        way, writer = scene.process()
        way.before("create", names.MANIFEST, lambda: scene.reshard(2))
        writer.write(records(put("dog", 2, 4), put("bat", 2, 5)))
        assert way.all_happened
        assert scene.read() == {"cat": 1, "dog": 4, "owl": 3, "bat": 5}
        assert [segment.residue for segment in scene.newest()] == [(0, 2), (0, 2), (1, 2), (1, 2)]
        assert scene.is_whole()

    def test_between_the_first_commit_and_the_last_everybody_goes_on(self, scene: Scene) -> None:
        way, resharder = scene.process()
        way.before("create", names.SEGMENTS, crash)
        with pytest.raises(CrashError):
            resharder.reshard(4)
        assert scene.newest().shards == 4
        assert [segment.residue for segment in scene.newest().wide] == [(0, 1)]
        assert scene.read() == {"cat": 1, "dog": 2, "owl": 3}
        scene.append(put("dog", 2, 4), delete("cat", 2))
        assert scene.read() == {"dog": 4, "owl": 3}
        scene.compact()
        scene.write(delete("owl", 2), put("bat", 1, 5))
        scene.compact(everything=True)
        assert scene.read() == {"dog": 4, "bat": 5}
        assert scene.is_whole()
        scene.reshard(4)
        assert scene.newest().wide == []
        assert scene.read() == {"dog": 4, "bat": 5}
        assert scene.is_whole()

    def test_rows_that_died_during_a_split_are_dead_after_it(self, scene: Scene) -> None:
        way, resharder = scene.process()

        def others() -> None:
            scene.write(put("cat", 2, 4), delete("dog", 2))
            scene.append(delete("owl", 2))

        way.before("create", names.MANIFEST, others, nth=2)
        resharder.reshard(2)
        assert way.all_happened
        assert scene.read() == {"cat": 4}
        assert scene.is_whole()

    def test_a_merge_planned_before_gives_a_segment_that_is_split_later(self, scene: Scene) -> None:
        scene.write(put("bat", 1, 4))
        way, compactor = scene.process()
        way.before("create", names.MANIFEST, lambda: grow_and_crash(scene, 2))
        assert compactor.compact(everything=True).merged == 2
        assert [segment.residue for segment in scene.newest()] == [(0, 1)]
        scene.write(put("dog", 2, 5))
        assert scene.read() == {"cat": 1, "dog": 5, "owl": 3, "bat": 4}
        scene.reshard(2)
        assert [segment.live for segment in scene.newest()] == [2, 1, 1]
        assert scene.read() == {"cat": 1, "dog": 5, "owl": 3, "bat": 4}
        assert scene.is_whole()

    def test_a_segment_that_was_merged_during_its_split_is_split_as_it_is_then(self, scene: Scene) -> None:
        scene.write(put("bat", 1, 4))
        way, resharder = scene.process()
        way.before("create", names.MANIFEST, lambda: scene.compact(everything=True), nth=2)
        done = resharder.reshard(2)
        assert (done.split, done.written) == (1, 2)
        assert scene.read() == {"cat": 1, "dog": 2, "owl": 3, "bat": 4}
        assert scene.is_whole()

    def test_two_reshardings_to_the_same_number_do_each_thing_once(self, scene: Scene) -> None:
        way, resharder = scene.process()
        way.before("create", names.MANIFEST, lambda: scene.reshard(2), nth=2)
        assert resharder.reshard(2).split == 0, "the other one was first"
        assert scene.versions() == [3, 2, 1]
        assert [segment.residue for segment in scene.newest()] == [(0, 2), (1, 2)]
        assert scene.is_whole()

    def test_of_two_reshardings_to_different_numbers_both_reach_the_larger(self, scene: Scene) -> None:
        way, resharder = scene.process()
        way.before("create", names.MANIFEST, lambda: grow_and_crash(scene, 8), nth=2)
        resharder.reshard(2)
        assert scene.newest().shards == 8
        assert scene.newest().wide == []
        assert scene.read() == {"cat": 1, "dog": 2, "owl": 3}
        assert scene.is_whole()

    def test_who_asks_for_fewer_than_another_has_made_meanwhile_is_refused(self, scene: Scene) -> None:
        way, resharder = scene.process()
        way.before("create", names.MANIFEST, lambda: scene.reshard(8))
        with pytest.raises(QueryError, match="shards is 2, the index has 8"):
            resharder.reshard(2)
        assert scene.newest().shards == 8

    def test_a_reader_whose_wide_segment_is_split_and_collected_asks_again(self, scene: Scene) -> None:
        way, reader = scene.process()

        def others() -> None:
            scene.reshard(2)
            for n in range(commit.KEPT_MANIFESTS):
                scene.write(put("bat", n, n))
            scene.wait(2 * HOURS)
            assert len(scene.collect()) > 1

        way.before("get", names.SEGMENTS, others)
        assert read(reader) == {"cat": 1, "dog": 2, "owl": 3, "bat": 7}

    def test_what_an_interrupted_split_left_is_collected_and_nothing_else(self, scene: Scene) -> None:
        way, resharder = scene.process()
        way.before("create", names.MANIFEST, crash, nth=2)
        with pytest.raises(CrashError):
            resharder.reshard(2)
        assert len(scene.names(names.SEGMENTS)) == 3
        scene.wait(2 * HOURS)
        scene.write(put("bat", 1, 4))
        orphans = scene.collect()
        assert len(orphans) == 2
        scene.reshard(2)
        assert scene.read() == {"cat": 1, "dog": 2, "owl": 3, "bat": 4}
        assert scene.is_whole()


def grow_and_crash(scene: Scene, shards: int) -> None:
    """There are so many shards, and the one who made them so did not live to split a segment."""
    way, resharder = scene.process()
    way.before("create", names.SEGMENTS, crash)
    with pytest.raises(CrashError):
        resharder.reshard(shards)


class TestCollecting:
    def test_an_orphan_of_a_crashed_fold_is_not_taken_over_when_collected(self, scene: Scene) -> None:
        orphan_is_not_taken_over(scene)

    def test_a_collector_that_sleeps_between_listing_and_deleting_deletes_nothing_needed(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        scene.write(put("dog", 1, 2))
        way, _ = scene.sleeper()

        def others() -> None:
            scene.compact(everything=True)
            scene.append(put("bird", 1, 3))
            scene.compact()
            scene.wait(2 * HOURS)

        way.after("list", names.MANIFEST, others)
        collect.collect(make_table(way, scene.world))
        assert scene.read() == {"cat": 1, "dog": 2, "bird": 3}
        assert scene.is_whole()

    def test_a_collector_that_is_overtaken_leaves_the_work_to_the_others(self, scene: Scene) -> None:
        scene.write(put("cat", 1, 1))
        way, _ = scene.sleeper()

        def others() -> None:
            for n in range(commit.KEPT_MANIFESTS):
                scene.write(put("dog", n, n))
            scene.wait(2 * HOURS)
            assert names.manifest(1) in scene.collect()

        way.after("list", names.MANIFEST, others)
        assert collect.collect(make_table(way, scene.world)).objects == ()

    def test_a_collector_that_crashes_half_way_leaves_an_index_that_is_whole(self, scene: Scene) -> None:
        for n in range(20):
            scene.write(put("cat", n, n))
        scene.wait(2 * HOURS)
        old = scene.names(names.MANIFEST)[commit.KEPT_MANIFESTS :]
        scene.store.delete(old[::2])
        assert any(a - b > 1 for a, b in pairwise(scene.versions()))
        assert scene.is_whole()
        scene.collect()
        assert scene.versions() == list(range(20, 12, -1))


def orphan_is_not_taken_over(scene: Scene) -> None:
    """A fold died after its segment. Later another writes the same content, and just then the orphan is collected."""
    scene.append(put("cat", 1, 1))
    way, unlucky = scene.process()
    way.before("create", names.MANIFEST, crash)
    with pytest.raises(CrashError):
        unlucky.compact()
    (orphan,) = scene.names(names.SEGMENTS)
    scene.wait(2 * HOURS)
    scene.write(put("dog", 1, 2))
    way, compactor = scene.process()
    way.before("create", names.MANIFEST, lambda: collected.update(scene.collect()))
    collected: set[str] = set()
    compactor.compact()
    assert orphan in collected
    assert scene.read() == {"cat": 1, "dog": 2}
    assert scene.is_whole()


def a_merge_that_is_committed_after_it_was_collected(scene: Scene) -> None:
    """The process that merged slept before it reported."""
    scene.write(put("cat", 1, 1))
    scene.write(put("dog", 1, 2))
    merged = scene.merged()
    scene.wait(2 * HOURS)
    assert scene.collect() == {segment.name for segment in merged.segments}
    placed = scene.bystander.commit([merged]).placed
    assert scene.read() == {"cat": 1, "dog": 2}
    assert scene.is_whole()
    assert placed == (False,)
