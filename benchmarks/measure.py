"""Timing, memory and the table."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One row: `ours` and `baseline` in seconds, medians; `bar`: what must hold, in words; `holds`: whether it does."""

    what: str
    ours: float
    baseline_name: str
    baseline: float
    detail: str
    bar: str = ""
    holds: bool = True

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def median_seconds(work: Callable[[], object], *, runs: int = 5) -> float:
    """The median wall time of some runs after one that does not count."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one run, for work that cannot be repeated."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_memory() -> int:
    """Bytes of memory this process held at most: mapped files count while their pages are in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def human(duration: float) -> str:
    """A duration as people write it."""
    if duration < 1e-3:
        return f"{duration * 1e6:.0f} µs"
    return f"{duration * 1000:.1f} ms" if duration < 1 else f"{duration:.2f} s"
