"""What writers were told, in files that outlive them: the oracle of what an index must have afterwards.

Each writer has keys of its own, and writes one line before it asks for a change, and another when the change was
acknowledged. A change that was asked for and not acknowledged may have happened or not.
"""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

GONE = -1
"""The version of a key that was removed, or never was."""


@contextmanager
def unlimited() -> Iterator[None]:
    """Lift the limit of a file's bytes for a moment: it is there for the index alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Ledger:
    """The file of one writer. A line is written by one call, so a kill leaves whole lines."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def asks(self, change: Mapping[str, int]) -> None:
        """Note the version that each key is to have."""
        self._note("asked", change)

    def told(self, change: Mapping[str, int]) -> None:
        """Note that these keys have these versions now."""
        self._note("told", change)

    def _note(self, what: str, change: Mapping[str, int]) -> None:
        with unlimited():
            os.write(self._file, (json.dumps({what: dict(change)}) + "\n").encode())


NO_VERSION = 0
"""The version of an image without one, as the command adds it."""


@dataclass(slots=True)
class Promised:
    """The versions that keys may have."""

    allowed: dict[str, set[int]] = field(default_factory=dict)
    acknowledged: int = 0

    def read(self, paths: Iterable[Path]) -> Promised:
        """Add what the files of these writers say."""
        for path in paths:
            for line in path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    self._add(json.loads(line))
        return self

    def _add(self, line: Mapping[str, Mapping[str, int]]) -> None:
        for key, version in line.get("asked", {}).items():
            self.allowed.setdefault(key, {GONE}).add(version)
        for key, version in line.get("told", {}).items():
            # an earlier change that nobody acknowledged has an earlier order: it cannot come out on top later
            self.allowed[key] = {version}
            self.acknowledged += 1

    def broken_by(self, found: Mapping[str, int]) -> list[str]:
        """Return what is wrong with an index that has these versions, a line for each key."""
        wrong = [
            f"{key} has version {found.get(key, GONE)}, and only {sorted(versions)} can be"
            for key, versions in self.allowed.items()
            if found.get(key, GONE) not in versions
        ]
        return wrong + [f"{key} is there, and nobody has added it" for key in found.keys() - self.allowed.keys()]

    @property
    def sure(self) -> list[str]:
        """The keys that must be there, in one version or another."""
        return [key for key, versions in self.allowed.items() if GONE not in versions]
