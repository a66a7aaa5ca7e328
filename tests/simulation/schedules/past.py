"""What happened before a scene."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from shards.storage.memory import MemoryStore
from shards.table.format import names
from shards.table.format import settings as table_settings
from shards.table.format.settings import IndexSettings
from shards.table.maintain.committing import CommittingTable
from tests.simulation.interleaving import CrashError, InterleavedStore, crash
from tests.simulation.model import FAMILY, Batch
from tests.simulation.scheduler import START_NS
from tests.simulation.schedules import programs
from tests.simulation.schedules.facts import Facts, Write
from tests.simulation.schedules.objects import Stored
from tests.world import FakeWorld

HOUR = 3600.0
MINUTE = 60.0


class Past:
    """What happened before a scene: an index that is made and written to, at times that are told."""

    def __init__(self, *, seed: int = 99, shards: int = 1, began: float = -3 * HOUR) -> None:
        self.seconds = began
        self.store = MemoryStore("memory://schedules", clock=self._now)
        self.effects = FakeWorld(seed, START_NS + int(began * 10**9))
        self.settings = IndexSettings((FAMILY.name,), shards=shards, segment_rows=1000, id=f"{seed:016x}")
        table_settings.create(self.store, self.settings, self.effects)
        self.table = CommittingTable(self.store, self.settings, effects=self.effects)
        self.written: list[Write] = []

    def wait(self, seconds: float) -> Past:
        self.seconds += seconds
        self.effects.pass_seconds(seconds)
        return self

    def append(self, first: int, *keys: str) -> Past:
        return self._write(self.table.append, first, keys)

    def write(self, first: int, *keys: str) -> Past:
        return self._write(self.table.write, first, keys)

    def fold(self) -> Past:
        self.table.commit()
        return self

    def merge(self) -> Past:
        self.table.compact(everything=True)
        return self

    def merge_only(self) -> Past:
        """Merge all as a worker does whose answer nobody has seen yet."""
        (segments,) = self.table.due_merges(everything=True)
        merged = self.table.merge(segments)
        assert merged is not None
        answer = json.dumps(merged.to_json()).encode()
        self.store.create(f"{programs.ANSWERS}{names.digest(answer)}", answer)
        return self

    def fold_and_die(self) -> Past:
        """Leave what a fold leaves that dies before it creates its manifest."""
        return self._die(lambda table: table.commit())

    def write_and_die(self, first: int, *keys: str) -> Past:
        """Leave what a bulk write leaves that dies before it creates its manifest."""
        return self._die(lambda table: table.write(Batch(programs.events(self.table, first, keys)).to_records()))

    def grow(self, shards: int) -> Past:
        """Say that there are more shards, and split nothing."""
        self.table._commit(lambda base, commit_id: self.table._grow(base, commit_id, shards))
        return self

    @property
    def objects(self) -> tuple[Stored, ...]:
        return tuple(
            Stored(entry.name, bytes(self.store.get(entry.name)), entry.modified) for entry in self.store.list()
        )

    @property
    def facts(self) -> Facts:
        return Facts(tuple(self.written))

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset(event.number for write in self.written for event in write.events)

    def _die(self, do: Callable[[CommittingTable], object]) -> Past:
        way = InterleavedStore(self.store)
        way.before("create", f"{self.settings.id}/{names.MANIFEST}", crash)
        with suppress(CrashError):
            do(CommittingTable(way, self.settings, effects=self.effects))
        assert way.all_happened
        return self

    def _write(self, do: Callable[[Any], object], first: int, keys: Sequence[str]) -> Past:
        self.wait(1.0)
        events = programs.events(self.table, first, keys)
        do(Batch(events).to_records())
        self.written.append(Write("before", events, happened=True))
        return self

    def _now(self) -> float:
        return START_NS / 10**9 + self.seconds
