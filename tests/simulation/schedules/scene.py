"""A scene: an index, a few processes, what may go wrong, and the constants that make it short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from shards.storage import parallel
from shards.storage.memory import MemoryStore
from shards.table.format import segment
from shards.table.format import settings as table_settings
from shards.table.maintain import collect, merge, verify
from shards.table.maintain.committing import CommittingTable
from shards.table.write import commit
from tests.simulation.audit import read_all
from tests.simulation.model import Seen
from tests.simulation.run import OneByOne
from tests.simulation.schedules.objects import Contents
from tests.simulation.schedules.world import Setting, World
from tests.world import FakeWorld

KEPT = 2


@dataclass(frozen=True, slots=True)
class Scene:
    """`begin` makes the setting."""

    name: str
    begin: Callable[[], Setting]

    @contextmanager
    def world(self) -> Iterator[World]:
        """Give the world of this scene."""
        with ExitStack() as patches:
            for module, name, value in CONSTANTS:
                patches.enter_context(patch.object(module, name, value))
            yield World(self.begin(), look)


CONSTANTS: Sequence[tuple[Any, str, Any]] = (
    (collect, "KEPT_MANIFESTS", KEPT),
    (commit, "KEPT_MANIFESTS", KEPT),
    (verify, "KEPT_MANIFESTS", KEPT),
    (merge, "FACTOR", 2),
    (segment, "INLINE_DEAD", 1),
    (parallel, "ThreadPoolExecutor", OneByOne),
)
"""Few manifests are kept and few segments merged, so that short schedules reach what takes many commits otherwise."""


def look(contents: Contents) -> Sequence[Seen]:
    """Read everything as a process that has the store for itself."""
    now = max(one.modified for one in contents.by_name.values())
    store = MemoryStore("memory://schedules", clock=lambda: now)
    store._objects = {one.name: (one.body, one.modified) for one in contents.by_name.values()}
    table = CommittingTable(store, table_settings.read(store), effects=FakeWorld())
    return table.read(read_all)


SCENES: dict[str, Scene] = {}
"""All scenes by name, of the modules that were imported."""


def scene(begin: Callable[[], Setting]) -> Callable[[], Setting]:
    """Make a scene of a function that returns its setting; the scene is called as the function is, with hyphens."""
    name = begin.__name__.replace("_", "-")
    SCENES[name] = Scene(name, begin)
    return begin
