"""The parts of a run. Each is a module with `run(minutes, seed) -> Figures` and `replay(text) -> Figures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from tests.torture.figures import Figures


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its module, and its share of the time."""

    module: str
    share: float

    def run(self, minutes: float, seed: int) -> Figures:
        run: Callable[[float, int], Figures] = import_module(self.module).run
        return run(minutes, seed)

    def replay(self, text: str) -> Figures:
        replay: Callable[[str], Figures] = import_module(self.module).replay
        return replay(text)


PARTS: Mapping[str, Part] = {
    "schedules": Part("tests.simulation.schedules.torture", 3.0),
    "power": Part("tests.simulation.schedules.power", 1.0),
    "simulation": Part("tests.simulation.torture", 5.0),
    "fuzzing": Part("tests.torture.fuzzing.run", 2.0),
    "servers": Part("tests.torture.servers.run", 2.0),
    "corruption": Part("tests.torture.corruption.run", 1.0),
}
