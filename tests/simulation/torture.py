"""The simulation as a part of `make torture`: one history after the other, each decided by its seed."""

from __future__ import annotations

import time
from itertools import count

from tests.simulation.run import EVERYBODY, MERGING, SimulationError, simulate
from tests.torture.figures import Failure, Figures

MOST_FAILURES = 3


def run(minutes: float, seed: int) -> Figures:
    """Live through histories, from this seed on, until the time is over."""
    end = time.monotonic() + 60 * minutes
    histories = 0
    failures: list[Failure] = []
    for now in count(seed):
        failures += replay(str(now)).failures
        histories += 1
        if time.monotonic() > end or len(failures) >= MOST_FAILURES:
            break
    return Figures({"histories": histories}, failures)


def replay(text: str) -> Figures:
    """Live through the history of one seed."""
    seed = int(text)
    try:
        simulate(seed, cast=MERGING if seed % 4 == 3 else EVERYBODY)
    except SimulationError as error:
        return Figures({"histories": 1}, [Failure(str(error), text)])
    return Figures({"histories": 1})
