"""The simulation as a part of `make torture`: one history after the other, each decided by its seed."""

from __future__ import annotations

import time
from itertools import count

from tests.simulation.copier import Elsewhere, copying_cast
from tests.simulation.faults import ADVERSE
from tests.simulation.run import SimulationError, simulate
from tests.torture.figures import Failure, Figures

MOST_FAILURES = 3

COPYING = 8
"""Of so many histories one has copiers."""


def run(minutes: float, seed: int) -> Figures:
    """Live through histories, from this seed on, until the time is over."""
    end = time.process_time() + 60 * minutes
    counts = {"store operations": 0, "histories": 0, "copies made": 0}
    failures: list[Failure] = []
    for now in count(seed):
        figures = replay(str(now))
        failures += figures.failures
        counts = {what: number + figures.counts.get(what, 0) for what, number in counts.items()}
        if time.process_time() > end or len(failures) >= MOST_FAILURES:
            break
    return Figures(counts, failures)


def replay(text: str) -> Figures:
    """Live through the history of one seed."""
    seed = int(text)
    elsewhere = Elsewhere()
    try:
        history = simulate(seed, ADVERSE, copying_cast(elsewhere) if seed % COPYING == 0 else None)
    except SimulationError as error:
        return Figures({"histories": 1}, [Failure(str(error), text)])
    return Figures({"histories": 1, "store operations": history.requests, "copies made": elsewhere.copied})
