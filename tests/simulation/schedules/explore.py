"""All schedules of a scene within its limits, each distinct state once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.simulation.model import ViolationError
from tests.simulation.schedules.world import Choice, Limits, State, World, describe


class BrokenError(AssertionError):
    """A schedule that breaks a promise."""

    def __init__(self, world: World, choices: list[Choice], error: ViolationError, schedules: int) -> None:
        self.choices = choices
        self.schedules = schedules
        super().__init__(f"{error}\n{story(world, choices)}")


@dataclass(slots=True)
class Explored:
    """`schedules` that differ, `states` that differ, and `ends` that differ."""

    schedules: int
    states: int
    ends: int
    seconds: float


def explore(
    world: World, limits: Limits | None = None, *, patience: Callable[[], bool] = lambda: False
) -> Explored | None:
    """Look at all schedules within the scene's limits, or smaller ones. Returns None if patience was lost before.

    Raises BrokenError for the first schedule that breaks a promise.

    Two schedules that lead to one state go on alike, so what comes after a state is looked at once. How many schedules
    there are is known all the same: the number of ways from a state to an end is the sum of those of the next ones.
    """
    started = time.process_time()
    sys.setrecursionlimit(20_000)
    ways: dict[tuple[object, ...], int] = {}
    path: list[Choice] = []
    ends: set[tuple[object, object]] = set()
    schedules = 0

    def count(state: State) -> int:
        nonlocal schedules
        key = state.key
        known = ways.get(key)
        if known is not None:
            return known
        if not len(ways) % 1024 and patience():
            raise TimeoutError
        choices = world.choices(state)
        total = 0
        for choice in choices:
            path.append(choice)
            total += count(world.after(state, choice))
            path.pop()
        if not any(choice.kind == "go" for choice in choices):
            world.check_end(state)
            ends.add((state.contents, id(state.facts)))
            total += 1
            schedules += 1
        ways[key] = total
        return total

    try:
        total = count(world.start if limits is None else replace(world.start, limits=limits))
    except ViolationError as error:
        raise BrokenError(world, path, error, schedules) from error
    except TimeoutError:
        return None
    return Explored(total, len(ways), len(ends), time.process_time() - started)


def story(world: World, choices: list[Choice]) -> str:
    """Return the steps of a schedule, one a line."""
    lines, state = [], world.start
    for choice in choices:
        lines.append(describe(choice, state, world))
        try:
            state = world.after(state, choice)
        except ViolationError:
            break
    return "\n".join(lines)
