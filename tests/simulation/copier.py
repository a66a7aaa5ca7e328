"""Processes that copy the index to another store while everybody goes on, are killed half way, and go on themselves."""

from __future__ import annotations

from random import Random

from shards.errors import Conflict, CorruptObject, IndexNotFound
from shards.storage.base import Store
from shards.storage.memory import MemoryStore
from shards.table.format import settings
from shards.table.maintain import copying, verify
from shards.table.maintain.committing import CommittingTable
from tests.simulation.actors import Actor, Collector, Committer, Compactor, Merger, Place, Reader, Resharder, Writer
from tests.simulation.audit import read_all
from tests.simulation.faults import UnreliableStore
from tests.simulation.model import Floor, ViolationError
from tests.simulation.run import Cast
from tests.simulation.scheduler import Scheduler
from tests.simulation.world import ActorEffects


class Elsewhere:
    """The store of the copy, the same for all copiers of a history; and what a reader of the copy has to see."""

    def __init__(self) -> None:
        self.store: MemoryStore | None = None
        self.floor: Floor = {}
        self.has_begun = False
        self.copied = 0
        """Copyings that came to their end."""

    def at(self, scheduler: Scheduler) -> MemoryStore:
        if self.store is None:
            self.store = MemoryStore("memory://elsewhere", clock=lambda: scheduler.now_ns / 1e9)
        return self.store


def copier(elsewhere: Elsewhere) -> type[Actor]:
    """Return the role of a process that copies to there."""

    class Copier(Actor):
        def __init__(
            self, place: Place, store: UnreliableStore, effects: ActorEffects, random: Random, acts: int
        ) -> None:
            super().__init__(place, store, effects, random, acts)
            self.there = UnreliableStore(
                elsewhere.at(place.scheduler), place.scheduler, effects, random, store._adversity
            )

        def act(self) -> None:
            look_at_copy(self.place, elsewhere)
            floor = self.place.model.floor()
            if not elsewhere.has_begun:
                # whatever is an index there, however early, is of a moment after this one
                elsewhere.floor, elsewhere.has_begun = floor, True
            cut = self.there.truncated
            try:
                copied = copying.copy(self.store, self.there, self.effects)
            except Conflict as error:
                self.place.scheduler.note(f"  refused: {error}")
                return
            except CorruptObject as error:
                if cut == self.there.truncated:
                    raise
                self.place.scheduler.note(f"  noticed: {error}")
                return
            self.place.scheduler.note(f"  {copied}")
            elsewhere.copied += 1
            # another copier may have made a later point since: it has at least what this one has
            elsewhere.floor = floor
            look_at_copy(self.place, elsewhere)

    return Copier


def copying_cast(elsewhere: Elsewhere) -> Cast:
    """Return everybody, and two who copy to there."""
    return {
        **{f"writer {n}": (Writer, 4) for n in range(8)},
        "compactor": (Compactor, 5),
        "committer": (Committer, 4),
        "merger": (Merger, 4),
        "resharder": (Resharder, 1),
        "collector": (Collector, 5),
        "reader": (Reader, 2),
        "copier 1": (copier(elsewhere), 6),
        "copier 2": (copier(elsewhere), 4),
    }


def look_at_copy(place: Place, elsewhere: Elsewhere) -> None:
    """Read the copy as it is now, however far anybody has come, and verify it. Raises ViolationError."""
    store: Store = elsewhere.at(place.scheduler)
    try:
        chosen = settings.read(store)
    except IndexNotFound:
        if elsewhere.copied:
            raise ViolationError("a copy that was made is not there") from None
        return
    effects = ActorEffects(place.scheduler, Random(0))
    table = CommittingTable(store, chosen, effects=effects)
    problems = [each for each in verify.verify(table).problems if not each.is_harmless]
    if problems:
        raise ViolationError(f"the copy is not whole: {problems}")
    place.model.check(table.read(read_all), elsewhere.floor)
