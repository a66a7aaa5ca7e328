"""How soon a mistake in the protocol is found: schedules at random over all scenes, until one breaks a promise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from statistics import median

from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.schedules.all_scenes import SCENES
from tests.simulation.schedules.biased import play
from tests.simulation.schedules.explore import BrokenError
from tests.torture.figures import Failure, Figures, Table

MOST = 20_000
"""Schedules after which a mistake counts as not found."""

SEEDS = 11
"""Seeds of which the median is told, if the time suffices."""


@dataclass(frozen=True, slots=True)
class Found:
    """How a mistake was found: in which scenes, and after how many schedules with each seed."""

    scenes: tuple[str, ...]
    schedules: tuple[int, ...]


def find(
    mutation: Mutation, seeds: Iterable[int], most: int = MOST, *, patience: Callable[[], bool] = lambda: False
) -> Found:
    """Look for a mistake anew with each seed. Nobody knows beforehand which scene shows it: each has its turn.

    What was not found after `most` schedules counts as that many, in no scene. `patience`: True when it is over; the
    first seed is tried all the same.
    """
    found: list[str] = []
    schedules: list[int] = []
    with mutation(), ExitStack() as stack:
        worlds = {name: stack.enter_context(scene.world()) for name, scene in SCENES.items()}
        order = list(worlds)
        for seed in seeds:
            if schedules and patience():
                break
            random = Random(seed)
            for n in range(most):
                if n % len(order) == 0:
                    random.shuffle(order)
                name = order[n % len(order)]
                try:
                    play(worlds[name], random)
                except BrokenError:
                    found.append(name)
                    schedules.append(n + 1)
                    break
            else:
                schedules.append(most)
    return Found(tuple(dict.fromkeys(found)), tuple(schedules))


def run(minutes: float, seed: int) -> Figures:
    """Look for every mistake with several seeds, as many as the time suffices for: a part of `make torture`."""
    until = time.process_time() + 60 * minutes
    found: dict[str, Found] = {}
    for left, (name, mutation) in zip(range(len(MUTATIONS), 0, -1), MUTATIONS.items(), strict=True):
        end = time.process_time() + (until - time.process_time()) / left
        found[name] = find(mutation, range(seed, seed + SEEDS), patience=lambda end=end: time.process_time() > end)  # type: ignore[misc]
    failures = [
        Failure(f"{name}: not found within {MOST:,} schedules", f"{name.replace(' ', '_')}:{seed}")
        for name, one in found.items()
        if not one.scenes
    ]
    rows = [
        (name, f"{int(median(one.schedules)):,}", f"{max(one.schedules):,}", f"{len(one.schedules)}")
        for name, one in sorted(found.items(), key=lambda item: median(item[1].schedules))
    ]
    counts = {"mistakes found": len(found) - len(failures), "mistakes not found": len(failures)}
    return Figures(counts, failures, [Table(("mistake", "schedules, median", "schedules, most", "seeds"), rows)])


def replay(text: str) -> Figures:
    """Look for one mistake with one seed."""
    name, _, seed = text.partition(":")
    one = find(MUTATIONS[name.replace("_", " ")], [int(seed)])
    return Figures({}, [] if one.scenes else [Failure(f"{name}: not found within {MOST:,} schedules", text)])
