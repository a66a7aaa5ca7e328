"""Schedules at random that are likely to break something.

A process goes on until it is about to do what others may spoil, or has just learned what others may change. Then,
often, somebody else comes first, and stays until it ends or comes to such a point too. The idea is that of Burckhardt
et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs (2010): few changes of turn, well placed.
"""

from __future__ import annotations

from random import Random

from shards.table.format import names
from tests.simulation.model import ViolationError
from tests.simulation.schedules.explore import BrokenError
from tests.simulation.schedules.process import Request
from tests.simulation.schedules.world import Choice, State, World

HOT, COLD = 0.25, 0.03
"""How probable a change of turn is before a request that matters, and before any other."""

MISHAP = 0.04
"""How probable a death or a lost message is at a request that matters."""

STEP = 0.3
"""How probable it is that time goes on, or a clock is set, when the turn changes."""


def play(world: World, random: Random) -> list[Choice]:
    """Play one schedule, and return its steps. Raises BrokenError where it breaks a promise."""
    state, path = world.start, list[Choice]()
    try:
        while True:
            choices = world.choices(state)
            going = [choice for choice in choices if choice.kind == "go"]
            if not going:
                world.check_end(state)
                return path
            choice = _choose(state, choices, going, random)
            path.append(choice)
            state = world.after(state, choice)
    except ViolationError as error:
        raise BrokenError(world, path, error, 0) from error


def _choose(state: State, choices: list[Choice], going: list[Choice], random: Random) -> Choice:
    steps = [choice for choice in choices if choice.kind == "time"]
    if state.running is None:
        return random.choice(steps if steps and random.random() < STEP else going)
    request = state.nodes[state.running].request
    is_hot = request is not None and _is_hot(request)
    others = going[1:]
    if is_hot and random.random() < MISHAP:
        mishaps = [choice for choice in choices if choice.kind not in ("go", "time")]
        if mishaps:
            return random.choice(mishaps)
    if random.random() < (HOT if is_hot else COLD):
        if steps and random.random() < STEP:
            return random.choice(steps)
        if others:
            return random.choice(others)
    return going[0]


def _is_hot(request: Request) -> bool:
    """Return True before a change, and between a listing of manifests or of the log and what follows from it."""
    learns = request.verb in ("get", "list") and (names.MANIFEST in request.name or names.LOG in request.name)
    return request.changes or learns
