"""All scenes that there are: importing this module makes them known."""

from __future__ import annotations

from tests.simulation.schedules import clocks, scenes
from tests.simulation.schedules.scene import SCENES

__all__ = ["SCENES", "clocks", "scenes"]
