"""All schedules of every scene, then schedules at random for the rest of the time: a part of `make torture`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import count, cycle
from random import Random

from tests.simulation.schedules.all_scenes import SCENES
from tests.simulation.schedules.biased import play
from tests.simulation.schedules.explore import BrokenError, Explored, explore
from tests.simulation.schedules.replay import encode
from tests.simulation.schedules.replay import replay as play_again
from tests.simulation.schedules.scene import Scene
from tests.simulation.schedules.world import Limits, World
from tests.torture.figures import Failure, Figures, Table

SHARE = 0.75
"""The share of the time in which all schedules are looked at."""

SMALLER = (Limits(0, 1, 1), Limits(1, 0, 1), Limits(1, 1, 1), Limits(2, 1, 1))
"""Limits that are tried before those of a scene, for when the time does not suffice."""


def run(minutes: float, seed: int) -> Figures:
    """Look at all schedules within each scene's limits, or within smaller ones where the time is short."""
    started = time.process_time()
    all_until = started + 60 * minutes * SHARE
    counts = dict.fromkeys(("schedules, all within the limits", "states that differ", "schedules at random"), 0)
    failures: list[Failure] = []
    rows: list[tuple[str, str, str, str, str]] = []
    for left, (name, scene) in zip(range(len(SCENES), 0, -1), SCENES.items(), strict=True):
        # what the scenes before left over is shared by those that come
        until = time.process_time() + (all_until - time.process_time()) / left
        found = _all(name, scene, until, failures)
        if found is not None:
            limits, explored = found
            counts["schedules, all within the limits"] += explored.schedules
            counts["states that differ"] += explored.states
            unkind = (f"{limits.preemptions}", f"{limits.mishaps}", f"{limits.steps}")
            rows.append((name.replace("-", " "), *unkind, f"{explored.schedules:,}"))
    counts["schedules at random"] = _at_random(started + 60 * minutes, seed, failures)
    titles = ("scene", "pre-emptions", "mishaps", "steps of time", "schedules, all")
    return Figures(counts, failures, [Table(titles, rows)])


def replay(text: str) -> Figures:
    """Play the schedule of a word."""
    try:
        play_again(text)
    except BrokenError as error:
        return Figures({}, [Failure(str(error), text)])
    return Figures({})


def _all(name: str, scene: Scene, until: float, failures: list[Failure]) -> tuple[Limits, Explored] | None:
    """Look at all schedules of a scene with the largest limits that the time suffices for."""
    best = None
    with scene.world() as world:
        for limits in (*SMALLER, world.setting.limits):
            try:
                explored = explore(world, limits, patience=lambda: time.process_time() > until)
            except BrokenError as error:
                failures.append(Failure(f"{name}: {error}", encode(name, world, error.choices)))
                return None
            if explored is None:
                return best
            best = limits, explored
    return best


def _at_random(until: float, seed: int, failures: list[Failure]) -> int:
    with ExitStack() as stack:
        worlds: dict[str, World] = {name: stack.enter_context(scene.world()) for name, scene in SCENES.items()}
        for n, name in zip(count(), cycle(worlds), strict=False):
            try:
                play(worlds[name], Random(f"{seed} {n}"))
            except BrokenError as error:
                failures.append(Failure(f"{name}: {error}", encode(name, worlds[name], error.choices)))
                return n + 1
            if time.process_time() > until:
                return n + 1
    raise AssertionError("unreachable")
