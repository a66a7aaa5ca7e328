"""Scenes of clocks that are wrong, and of places that change hands."""

from __future__ import annotations

from tests.simulation.schedules import programs
from tests.simulation.schedules.facts import Facts, Write
from tests.simulation.schedules.past import HOUR, MINUTE, Past
from tests.simulation.schedules.scene import scene
from tests.simulation.schedules.world import Limits, Setting, Step


@scene
def a_stalled_bulk_write_beside_a_collector_whose_clock_is_ahead() -> Setting:
    past = Past().write(0, "a").write(10, "b").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "stalled": programs.writes(100, ["c"]),
            "bulk writer": programs.writes(200, ["d"], ["e"], ["f"]),
            "collector": programs.maintains(programs.collects),
        },
        skews={"collector": 1.5 * HOUR},
        asks_for_time=True,
    )


@scene
def a_bulk_write_that_sleeps_while_its_clock_is_set_back() -> Setting:
    past = Past().write(0, "a").write(10, "b").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {
            "stalled": programs.writes(100, ["c"]),
            "others": programs.in_turn(
                programs.writes(200, ["d"], ["e"], ["f"]), programs.maintains(programs.collects)
            ),
        },
        steps=[Step(2 * HOUR), Step(-2 * HOUR, "stalled")],
        asks_for_time=True,
        limits=Limits(steps=2),
    )


@scene
def an_index_is_restored_while_a_compactor_lives() -> Setting:
    past = Past().write(0, "a", "b").wait(2 * HOUR)
    other = Past(seed=98).write(10, "c", "d").wait(HOUR).append(20, "e").wait(HOUR)
    writes = tuple(Write(write.by, write.events, happened=None) for write in other.written)
    return Setting(
        past.objects,
        Facts((*past.facts.writes, *writes)),
        {
            "compactor": programs.maintains(programs.commits, programs.commits),
            "restore": programs.is_replaced_by(other.objects, other.numbers),
            "writer": programs.appends(100, ["f"]),
        },
    )


@scene
def a_key_that_a_fast_clock_wrote_is_removed() -> Setting:
    past = Past().append(0, "a").wait(2 * HOUR)
    return Setting(
        past.objects,
        past.facts,
        {"fast": programs.adds(100, "b"), "remover": programs.in_turn(programs.removes(200, "b"), programs.reads())},
        skews={"fast": 25 * HOUR},
    )


@scene
def a_clock_that_is_slow_adds_what_was_removed() -> Setting:
    past = Past().append(0, "a").append(10, "-a").wait(2 * HOUR)
    return Setting(
        past.objects, past.facts, {"slow": programs.adds(100, "a")}, skews={"slow": -25 * HOUR}, asks_for_time=True
    )


@scene
def an_older_state_is_put_back_while_others_live() -> Setting:
    """Nobody is in the middle of a commit just then: docs/trust.md says what follows otherwise."""
    past = Past().write(0, "a").append(5, "b").wait(HOUR)
    objects, numbers = past.objects, past.numbers
    past.write(10, "c").wait(HOUR)
    put_back = programs.in_turn(
        programs.is_replaced_by(objects, numbers, is_the_same=True),
        programs.waits(MINUTE),  # a manifest is known by its time, which stores tell in seconds
        programs.writes(200, ["d"], ["e"]),
    )
    return Setting(
        past.objects,
        past.facts,
        {"compactor": programs.lives_through(programs.commits, put_back), "reader": programs.reads(2)},
    )
