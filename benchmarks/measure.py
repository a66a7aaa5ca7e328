"""Timing on one core, memory, and the row that a measurement becomes."""

from __future__ import annotations

import importlib
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import ModuleType

SLACK = 0.05
"""Seconds of processor time beyond the wall time that a measurement may have, for the coarseness of both clocks."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row: `ours` and `baseline` in seconds, medians; `bar`: what must hold, in words; `holds`: whether it does.

    `baseline` is None where what it needs is not installed, which `baseline_name` then says. `rows` is how many
    signatures were searched or added, `row_bytes` what each takes in a segment, `read_bytes` what a query reads that
    has nothing yet, `build` the seconds to make the search columns: None where it does not apply. `line` names the
    plotted line that the row is a point of. `section` is filled in by whoever ran it.
    """

    what: str
    ours: float
    baseline_name: str
    baseline: float | None
    detail: str
    bar: str = ""
    holds: bool = True
    rows: int | None = None
    row_bytes: float | None = None
    read_bytes: float | None = None
    build: float | None = None
    line: str = ""
    section: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.baseline is None else self.ours / self.baseline

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def median_seconds(work: Callable[[], object], *, runs: int = 5) -> float:
    """The median wall time of some runs after one that does not count."""
    work()
    return statistics.median(seconds(work) for _ in range(runs))


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one run on one core.

    Raises RuntimeError where several cores worked at it: every comparison here is of one core with one core.
    """
    processor, start = time.process_time(), time.perf_counter()
    work()
    wall = time.perf_counter() - start
    busy = time.process_time() - processor
    if busy > 1.1 * wall + SLACK:
        raise RuntimeError(
            f"a measurement of {human(wall)} took {human(busy)} of processor time: it ran on several cores; "
            "find the library that started threads, and limit it in benchmarks/__init__.py"
        )
    return wall


def optional(module: str) -> ModuleType | None:
    """A baseline's module, or None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def peak_memory() -> int:
    """Bytes of memory this process held at most: mapped files count while their pages are in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def human(duration: float) -> str:
    """A duration as people write it."""
    if duration < 1e-3:
        return f"{duration * 1e6:.0f} µs"
    return f"{duration * 1000:.1f} ms" if duration < 1 else f"{duration:.2f} s"
