"""A schedule as a word: the scene, and at which steps something else than the first choice was taken."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.simulation.model import ViolationError
from tests.simulation.schedules.all_scenes import SCENES
from tests.simulation.schedules.explore import BrokenError
from tests.simulation.schedules.world import Choice, World

WORD = re.compile(r"(?P<scene>[a-z-]+):(?P<choices>(\d+\.\d+(,\d+\.\d+)*)?)")


def encode(scene: str, world: World, path: Sequence[Choice]) -> str:
    """Return the word for a schedule."""
    state, chosen = world.start, []
    for n, choice in enumerate(path):
        at = world.choices(state).index(choice)
        if at:
            chosen.append(f"{n}.{at}")
        if n + 1 < len(path):  # the last one may be what broke a promise
            state = world.after(state, choice)
    return f"{scene}:{','.join(chosen)}"


def replay(word: str) -> list[Choice]:
    """Play the schedule of a word, and return its steps. Raises BrokenError, or ValueError for what is no word."""
    match = WORD.fullmatch(word)
    if match is None or match["scene"] not in SCENES:
        raise ValueError(f"{word!r} is no schedule: a scene, a colon, and pairs of a step and a choice")
    chosen = {}
    for pair in filter(None, match["choices"].split(",")):
        step, _, at = pair.partition(".")
        chosen[int(step)] = int(at)
    path: list[Choice] = []
    with SCENES[match["scene"]].world() as world:
        state = world.start
        try:
            while any(choice.kind == "go" for choice in world.choices(state)):
                path.append(world.choices(state)[chosen.get(len(path), 0)])
                state = world.after(state, path[-1])
            world.check_end(state)
        except ViolationError as error:
            raise BrokenError(world, path, error, 0) from error
    return path
