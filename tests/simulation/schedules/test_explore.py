"""All schedules are all schedules, none breaks a promise, and one that does can be played again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import comb

import pytest

from shards.errors import ObjectNotFound, Undecided
from tests.simulation.model import Seen, ViolationError
from tests.simulation.mutations import committing
from tests.simulation.schedules.all_scenes import SCENES
from tests.simulation.schedules.explore import BrokenError, explore
from tests.simulation.schedules.facts import Facts
from tests.simulation.schedules.objects import Contents
from tests.simulation.schedules.process import Outside, Program
from tests.simulation.schedules.replay import encode, replay
from tests.simulation.schedules.scene import Scene
from tests.simulation.schedules.world import Limits, Setting, State, World

MANY = 10**6

QUICK = ["a-reader-falls-behind", "an-orphan-of-the-same-content-is-collected", "a-sleeping-bulk-write-is-collected"]
"""Scenes of a second or less."""


@pytest.mark.parametrize("name", QUICK)
def test_no_schedule_of_a_small_scene_breaks_a_promise(name: str) -> None:
    with SCENES[name].world() as world:
        assert explore(world)


@pytest.mark.long
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_no_schedule_with_one_preemption_breaks_a_promise(scene: Scene) -> None:
    """`make torture` looks at all with three."""
    with scene.world() as world:
        assert explore(world, Limits(preemptions=1, mishaps=1, steps=1))


def nobody_reads(contents: Contents) -> Sequence[Seen]:
    return []


def lists(times: int) -> Program:
    def program(outside: Outside) -> None:
        for _ in range(times):
            list(outside.store.list())

    return program


def creates(*names: str) -> Program:
    def program(outside: Outside) -> None:
        for name in names:
            with suppress(Undecided):
                outside.store.create(name, b"")

    return program


def world_of(limits: Limits, **programs: Program) -> World:
    return World(Setting((), Facts(), programs, limits=limits), nobody_reads)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 3), (4, 4)])
def test_without_limits_every_interleaving_is_counted(first: int, second: int) -> None:
    explored = explore(world_of(Limits(MANY, 0, 0), a=lists(first), b=lists(second)))
    assert explored is not None
    assert explored.schedules == comb(first + second, first)


@pytest.mark.parametrize("limits", [Limits(0, 0, 0), Limits(1, 0, 0), Limits(2, 1, 0), Limits(3, 1, 0)])
def test_looking_at_each_state_once_misses_no_schedule(limits: Limits) -> None:
    programs = {"a": creates("x", "y"), "b": creates("y", "z"), "c": lists(1)}
    world = world_of(limits, **programs)
    explored = explore(world_of(limits, **programs))
    assert explored is not None
    assert explored.schedules == all_of(world, world.start)


def all_of(world: World, state: State) -> int:
    """The number of schedules, each followed by itself to its end."""
    choices = world.choices(state)
    further = sum(all_of(world, world.after(state, choice)) for choice in choices)
    return further + (not any(choice.kind == "go" for choice in choices))


def test_a_race_is_found_with_one_preemption_and_not_without() -> None:
    def increments(outside: Outside) -> None:
        """Read a number, and write the next one, as if nobody else did."""
        there = [entry.name for entry in outside.store.list()]
        if not outside.store.create(f"{len(there)}", b""):
            raise ViolationError("two have counted the same")

    assert explore(world_of(Limits(0, 0, 0), a=increments, b=increments))
    with pytest.raises(BrokenError, match="two have counted the same"):
        explore(world_of(Limits(1, 0, 0), a=increments, b=increments))


def test_what_a_process_did_before_it_died_stays_done() -> None:
    def waits_for_both(outside: Outside) -> None:
        if len(list(outside.store.list())) == 1:
            raise ViolationError("one without the other")

    programs = {"a": creates("x", "y"), "b": waits_for_both}
    with pytest.raises(BrokenError, match="dies"):
        explore(world_of(Limits(0, 1, 0), **programs))
    assert explore(world_of(Limits(0, 0, 0), **programs))


def test_errors_of_the_store_are_those_of_a_store() -> None:
    def program(outside: Outside) -> None:
        with pytest.raises(ObjectNotFound):
            outside.store.get("nothing")

    assert explore(world_of(Limits(0, 0, 0), a=program))


def test_a_broken_schedule_can_be_played_again_by_its_word() -> None:
    name = "a-bulk-write-beside-a-fold"
    with committing.a_version_that_is_there_counts_as_ones_own():
        with SCENES[name].world() as world, pytest.raises(BrokenError) as broken:
            explore(world)
        word = encode(name, world, broken.value.choices)
        with pytest.raises(BrokenError) as again:
            replay(word)
    assert str(again.value) == str(broken.value)


def test_what_is_no_word_is_refused() -> None:
    with pytest.raises(ValueError, match="is no schedule"):
        replay("nothing:1")
