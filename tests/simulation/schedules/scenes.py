"""The scenes that are played: one for each thing that may go wrong between a few processes."""

from __future__ import annotations

from tests.simulation.schedules import programs
from tests.simulation.schedules.past import HOUR, MINUTE, Past
from tests.simulation.schedules.scene import scene
from tests.simulation.schedules.world import Limits, Setting, Step


@scene
def an_add_beside_two_folds() -> Setting:
    past = Past().append(0, "a", "b").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "writer": programs.appends(100, ["a"], ["-b"]),
            "folder 1": programs.maintains(programs.commits),
            "folder 2": programs.maintains(programs.commits),
        },
    )


@scene
def a_bulk_write_beside_a_fold() -> Setting:
    past = Past().write(0, "a", "b").append(10, "c").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "bulk writer": programs.writes(100, ["a", "-b", "c"]),
            "folder": programs.maintains(programs.commits),
            "reader": programs.reads(),
        },
    )


@scene
def a_merge_beside_a_bulk_write() -> Setting:
    past = Past().write(0, "a", "b").write(10, "c").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "compactor": programs.maintains(programs.compacts_everything),
            "bulk writer": programs.writes(100, ["a", "-b"]),
            "folder": programs.maintains(programs.commits),
        },
    )


@scene
def a_reader_beside_a_fold_and_a_collector() -> Setting:
    past = Past().append(0, "a").append(10, "b").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "reader": programs.reads(),
            "folder": programs.maintains(programs.commits),
            "collector": programs.maintains(programs.collects),
        },
        steps=[Step(HOUR)],
    )


@scene
def a_slow_clock_beside_two_folds() -> Setting:
    past = Past().append(0, "a").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "slow": programs.appends(100, ["b"]),
            "fast": programs.appends(200, ["c"]),
            "folder": programs.maintains(programs.commits, programs.commits),
        },
        skews={"slow": -30.0, "fast": 5.0},
    )


@scene
def a_fold_dies_and_its_orphan_is_collected() -> Setting:
    past = Past().append(0, "a", "b").fold_and_die().wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "folder": programs.maintains(programs.commits),
            "bulk writer": programs.writes(100, ["c"]),
            "collector": programs.maintains(programs.collects),
        },
        steps=[Step(2 * HOUR)],
    )


@scene
def a_bulk_write_that_sleeps_beside_a_collector() -> Setting:
    past = Past().write(0, "a").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "sleeper": programs.writes(100, ["b"]),
            "collector": programs.maintains(programs.collects),
            "folder": programs.maintains(programs.commits),
        },
        steps=[Step(2 * HOUR)],
    )


@scene
def a_merge_waits_for_a_commit_beside_a_collector() -> Setting:
    past = Past().write(0, "a", "b").write(10, "c").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "merger": programs.merges(),
            "committer": programs.commits_merges(),
            "collector": programs.maintains(programs.collects),
        },
        steps=[Step(2 * HOUR), Step(40 * MINUTE)],
        limits=Limits(steps=2),
    )


@scene
def merges_that_wait_beside_writers() -> Setting:
    past = Past().write(0, "a", "b").write(10, "c").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "merger": programs.merges(),
            "committer": programs.commits_merges(),
            "bulk writer": programs.writes(100, ["-a", "c"]),
            "compactor": programs.maintains(programs.compacts_everything),
        },
    )


@scene
def shards_are_doubled_beside_a_bulk_write() -> Setting:
    past = Past().write(0, "a", "b", "c", "d").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "resharder": programs.maintains(programs.reshards(2)),
            "bulk writer": programs.writes(100, ["a", "-b", "c", "-d"]),
            "reader": programs.reads(),
        },
    )


@scene
def shards_are_doubled_beside_a_merge() -> Setting:
    past = Past().write(0, "a", "b", "c").write(10, "d", "a").wait(2 * HOUR).grow(2)
    return Setting(
        past.objects,
        past.facts,
        {
            "resharder": programs.maintains(programs.reshards(2)),
            "compactor": programs.maintains(programs.compacts_everything),
            "writer": programs.appends(100, ["-a", "b", "c", "d"]),
        },
    )


@scene
def a_delete_is_merged_before_an_older_write_arrives() -> Setting:
    past = Past().write(0, "a").write(10, "b").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "deleter": programs.appends(100, ["-a"]),
            "late": programs.appends_late(200, HOUR, "a", "b"),
            "compactor": programs.maintains(programs.compacts_everything, programs.compacts_everything),
        },
    )


@scene
def a_reader_of_several_states() -> Setting:
    past = Past().write(0, "a", "b").append(10, "c").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "reader": programs.reads(3),
            "writer": programs.appends(100, ["-a"], ["b"]),
            "compactor": programs.maintains(programs.compacts_everything),
        },
    )


@scene
def a_reader_of_a_far_store_beside_merges_and_a_collector() -> Setting:
    past = Past().write(0, "a", "b").write(10, "c").append(20, "-b").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "reader": programs.reads(2),
            "compactor": programs.maintains(programs.compacts_everything),
            "others": programs.in_turn(programs.writes(200, ["d"], ["e"]), programs.maintains(programs.collects)),
        },
        steps=[Step(2 * HOUR)],
        mapped=False,
    )


@scene
def rows_die_again_and_again() -> Setting:
    past = Past().write(0, "a", "b", "c", "d").write(10, "-a", "b").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "bulk writer": programs.writes(100, ["c", "d"], ["-c"]),
            "other": programs.writes(200, ["a", "-d"]),
            "reader": programs.reads(2),
        },
    )


@scene
def writes_of_one_time_are_told_apart_by_their_tie() -> Setting:
    past = Past().wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "writer 1": programs.appends(100, ["a", "b", "c", "d"]),
            "writer 2": programs.appends(200, ["-a", "b", "-c", "d"]),
            "folder": programs.maintains(programs.commits, programs.commits),
        },
    )


@scene
def a_reader_falls_behind() -> Setting:
    past = Past().append(0, "a").append(10, "b").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "reader": programs.reads(),
            "others": programs.in_turn(
                programs.maintains(programs.commits),
                programs.waits(11 * MINUTE),
                programs.maintains(programs.collects),
            ),
        },
    )


@scene
def an_orphan_of_the_same_content_is_collected() -> Setting:
    past = Past().append(0, "a", "b").fold_and_die().wait(2 * HOUR).write(10, "c")
    return Setting(
        past.objects,
        past.facts,
        {
            "folder": programs.maintains(programs.commits),
            "collector": programs.maintains(programs.collects),
            "reader": programs.reads(),
        },
    )


@scene
def a_sleeping_bulk_write_is_collected() -> Setting:
    past = Past().write(0, "a").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "sleeper": programs.writes(100, ["b"]),
            "others": programs.in_turn(programs.waits(2 * HOUR), programs.maintains(programs.collects)),
        },
    )


@scene
def a_merge_is_collected_before_it_is_committed() -> Setting:
    past = Past().write(0, "a", "b").write(10, "c").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "merger": programs.in_turn(programs.merges(), programs.waits(2 * HOUR), programs.commits_merges()),
            "collector": programs.in_turn(programs.waits(5 * MINUTE), programs.maintains(programs.collects)),
        },
        skews={"merger": 2 * HOUR},
    )


@scene
def shards_are_doubled_twice() -> Setting:
    past = Past().write(0, "a", "b", "c", "d").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "resharder 1": programs.maintains(programs.reshards(2)),
            "resharder 2": programs.maintains(programs.reshards(4)),
            "writer": programs.appends(100, ["-a", "b"]),
        },
    )


@scene
def an_orphaned_list_of_dead_rows_is_collected() -> Setting:
    past = Past().write(0, "a", "b").write_and_die(50, "a", "b").wait(2 * HOUR).write(10, "c")
    return Setting(
        past.objects,
        past.facts,
        {
            "bulk writer": programs.writes(100, ["a", "b"]),
            "collector": programs.maintains(programs.collects),
            "reader": programs.reads(),
        },
    )


@scene
def a_merge_of_long_ago_is_committed_beside_a_collector() -> Setting:
    past = Past().write(0, "a", "b").write(10, "c").merge_only().wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "committer": programs.commits_merges(),
            "collector": programs.maintains(programs.collects),
            "reader": programs.reads(),
        },
    )


@scene
def lists_of_dead_rows_beside_a_collector() -> Setting:
    past = Past().write(0, "a", "b", "c").write(10, "-a", "b").wait(2 * HOUR).write(20, "d")
    return Setting(
        past.objects,
        past.facts,
        {
            "collector": programs.maintains(programs.collects),
            "bulk writer": programs.writes(100, ["c"]),
            "reader": programs.reads(),
        },
    )
