"""Timing on one core, memory, and results."""

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
    """A measurement and its baseline: a row of the table. `None` means that a figure does not apply."""

    what: str

    ours: float
    """Seconds, a median."""

    baseline_name: str
    """The baseline, and the reason where it was not measured."""

    baseline: float | None
    """Seconds, a median; None where the baseline is not installed."""

    detail: str

    target: str = ""
    """The target, in words."""

    holds: bool = True
    """Whether the target was reached."""

    rows: int | None = None
    """Signatures that were searched or added."""

    row_bytes: float | None = None
    """Bytes of each in a segment."""

    read_bytes: float | None = None
    """Bytes that a query reads without a cache."""

    build: float | None = None
    """Seconds to make the columns for searching."""

    line: str = ""
    """The plotted line that this result is a point of."""

    section: str = ""
    """The section that measured it, filled in by the command."""

    @property
    def ratio(self) -> float | None:
        return None if self.baseline is None else self.ours / self.baseline

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def median_seconds(work: Callable[[], object], *, runs: int = 5) -> float:
    """Return the median wall time of some runs after one that does not count."""
    work()
    return statistics.median(seconds(work) for _ in range(runs))


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one run on one core.

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


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one run, of all threads of this process together."""
    start = time.process_time()
    work()
    return time.process_time() - start


def optional(module: str) -> ModuleType | None:
    """Import the module of a baseline; None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def peak_memory() -> int:
    """Return the peak memory of this process in bytes: mapped files count while their pages are in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def human(duration: float) -> str:
    """Write a duration from microseconds to seconds."""
    if duration < 1e-3:
        return f"{duration * 1e6:.0f} µs"
    return f"{duration * 1000:.1f} ms" if duration < 1 else f"{duration:.2f} s"
