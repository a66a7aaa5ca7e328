"""The lines of a lock file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a lock file."""

    name: str
    version: str
    marker: str | None = None

    @property
    def is_for_here(self) -> bool:
        return self.marker is None or Marker(self.marker).evaluate()


def entries(lock: Path) -> list[Entry]:
    """Return what a lock file lists, in its order."""
    return [
        Entry(match["name"], match["version"], match["marker"])
        for match in ENTRY.finditer(lock.read_text(encoding="utf-8"))
    ]
