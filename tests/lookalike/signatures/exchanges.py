"""The exchanges of a pool with its processes, as a test sees and steers them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

import pytest

from lookalike.signatures.process import Process
from lookalike.signatures.watchdog import Watchdog


@dataclass
class Exchanges:
    """The exchanges of a pool, as its watchdog is told of them."""

    begun: Event = field(default_factory=Event)
    """Set when the first begins."""

    limits: list[float] = field(default_factory=list)
    """The time limit of each, in seconds."""

    current: set[Process] = field(default_factory=set)
    """Processes that are at work."""

    overlap: bool = False
    """Whether there were two at once."""

    is_over: Callable[[int], bool] = lambda number: False
    """Whether the time of this exchange, counted from 0, is over when it begins."""


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> Exchanges:
    """Those that begin in this test after the fixtures that are named before it."""
    exchanges = Exchanges()
    real_begin, real_end = Watchdog.begin, Watchdog.end

    def begin(watchdog: Watchdog, process: Process, seconds: float) -> None:
        exchanges.overlap |= bool(exchanges.current)
        exchanges.current.add(process)
        real_begin(watchdog, process, 0 if exchanges.is_over(len(exchanges.limits)) else seconds)
        exchanges.limits.append(seconds)
        exchanges.begun.set()

    def end(watchdog: Watchdog, process: Process) -> bool:
        exchanges.current.remove(process)
        return real_end(watchdog, process)

    monkeypatch.setattr(Watchdog, "begin", begin)
    monkeypatch.setattr(Watchdog, "end", end)
    return exchanges
