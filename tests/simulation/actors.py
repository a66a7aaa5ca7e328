"""The processes that share an index. Each does one thing over and over, until it is killed; then it starts anew."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random

from lookalike.index import Index
from lookalike.questions import Signature
from shards.errors import Conflict, CorruptObject, IndexReplaced, KeyNotFound, QueryError, Undecided
from shards.table.format import settings
from shards.table.format.records import Order
from shards.table.maintain import collect
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.merge import Merged
from shards.table.read.snapshot import Image
from tests.simulation.audit import WatchedStore, read_all
from tests.simulation.faults import KilledError, UnreliableStore
from tests.simulation.model import FAMILY, Batch, Floor, Model, Seen
from tests.simulation.scheduler import Scheduler
from tests.simulation.world import ActorEffects

HOUR_NS = 3600 * 10**9


@dataclass(frozen=True, slots=True)
class Place:
    """The index and the model that all actors of a run share.

    `keys`: few, so that actors meet. `pause`: seconds between two rounds in which all act.

    `audit`: checks what lies in the store now, while nobody moves. `answers`: of those who merge, on their way to
    those who commit; some come late, twice or never.
    """

    scheduler: Scheduler
    model: Model
    store: WatchedStore
    keys: tuple[str, ...]
    pause: float
    audit: Callable[[], None]
    answers: list[str] = field(default_factory=list)


class Actor(ABC):
    """`acts`: how often it acts before it ends."""

    def __init__(self, place: Place, store: UnreliableStore, effects: ActorEffects, random: Random, acts: int) -> None:
        self.place = place
        self.store = store
        self.effects = effects
        self.random = random
        self.acts = acts
        self.table = self.open()

    def open(self) -> CommittingTable:
        """Open the table as a process does that has just started and knows nothing."""
        return CommittingTable(self.store, settings.read(self.place.store), effects=self.effects)

    def live(self) -> None:
        for _ in range(self.acts):
            self.place.scheduler.pass_on(self.until_next_round() + self.random.random())
            cut = self.store.truncated
            try:
                self.act()
            except (Undecided, IndexReplaced) as error:
                self.place.scheduler.note(f"  gave up: {error}")
            except KilledError:
                self.table = self.open()
            except CorruptObject as error:
                if cut == self.store.truncated:
                    raise
                self.place.scheduler.note(f"  noticed: {error}")

    def until_next_round(self) -> float:
        """Seconds. All act at about the same times, so that they get in each other's way."""
        pause = self.place.pause * self.random.choice((1, 1, 3))
        return pause - self.place.scheduler.now_ns / 1e9 % pause

    @abstractmethod
    def act(self) -> None: ...


class Writer(Actor):
    """Adds and deletes, sometimes late, and sometimes says again what it has said before."""

    def __init__(self, place: Place, store: UnreliableStore, effects: ActorEffects, random: Random, acts: int) -> None:
        super().__init__(place, store, effects, random, acts)
        self.said: list[Batch] = []

    def act(self) -> None:
        model = self.place.model
        if self.said and self.random.random() < 0.15:
            batch = self.random.choice(self.said)
        else:
            batch = model.begin([self.write_of(self.random.choice(self.place.keys)) for _ in range(self.size())])
            self.said.append(batch)
        self.place.scheduler.note(f"writes {batch.events}")
        before, place = batch.happened, model.places
        batch.happened = before or None
        model.under_way.add(batch)
        try:
            self.write(batch)
        except Conflict as error:
            self.place.scheduler.note(f"  refused: {error}")
            model.was_refused(batch, before if place == model.places else None)
        else:
            # a writer looks which index is there, and then reports: if another one came between the two, what was
            # written is in the one that is gone
            if place == model.places or self.store.looked_ns > self.place.store.replaced_ns:
                model.has_happened(batch)
            self.place.audit()
        finally:
            model.under_way.discard(batch)

    def write_of(self, key: str) -> tuple[str, Order, bool]:
        return key, self.order(), self.random.random() < 0.3

    def size(self) -> int:
        return self.random.choice((1, 1, 2, 5))

    def order(self) -> Order:
        time, tie = self.table.next_order()
        return (time - self.random.randrange(HOUR_NS), tie) if self.random.random() < 0.3 else (time, tie)

    def write(self, batch: Batch) -> None:
        self.table.append(batch.to_records())


class BulkWriter(Writer):
    """Puts records straight into segments."""

    def size(self) -> int:
        return self.random.choice((1, 12, 30))

    def write(self, batch: Batch) -> None:
        self.table.write(batch.to_records())


class Compactor(Actor):
    """Folds and merges. That somebody else won every race is no failure."""

    def act(self) -> None:
        try:
            self.place.scheduler.note(f"  {self.table.compact(everything=self.random.random() < 0.2)}")
        except Conflict as error:
            self.place.scheduler.note(f"  refused: {error}")


class Committer(Actor):
    """Folds, and commits what others have merged: some of it late, and some of it twice."""

    def act(self) -> None:
        answers = self.place.answers
        chosen = [answer for answer in answers if self.random.random() < 0.4]
        answers[:] = [answer for answer in answers if answer not in chosen or self.random.random() < 0.2]
        try:
            done = self.table.commit([Merged.from_json(json.loads(answer)) for answer in chosen])
            self.place.scheduler.note(f"  {done}")
        except Conflict as error:
            self.place.scheduler.note(f"  refused: {error}")


class Merger(Actor):
    """Merges, and tells those who commit."""

    def act(self) -> None:
        due = self.table.due_merges(everything=self.random.random() < 0.5)
        if due:
            merged = self.table.merge(self.random.choice(due))
            self.place.scheduler.note(f"  {merged}")
            if merged is not None:
                self.place.answers.append(json.dumps(merged.to_json()))


class Resharder(Actor):
    """Doubles the shards, or goes on where somebody was interrupted. Another may double them at the same moment."""

    MOST = 24

    def act(self) -> None:
        there = self.table.snapshot().manifest.shards
        wanted = [shards for shards in (there, 2 * there, 4 * there) if shards <= self.MOST]
        try:
            self.place.scheduler.note(f"  {self.table.reshard(self.random.choice(wanted))}")
        except (Conflict, QueryError) as error:
            self.place.scheduler.note(f"  refused: {error}")


class Collector(Actor):
    """Deletes what nobody needs. That it slept while it made a fence is no failure."""

    def act(self) -> None:
        try:
            self.place.scheduler.note(f"  {collect.collect(self.table)}")
        except Conflict as error:
            self.place.scheduler.note(f"  refused: {error}")


class Replacer(Actor):
    """Makes another index, and puts it in the place of the one that everybody works with."""

    def act(self) -> None:
        place, model = self.place, self.place.model
        other = replace(settings.read(place.store), id=f"{self.random.getrandbits(64):016x}")
        by = WatchedStore.another(place.scheduler)
        settings.create(by, other, self.effects)
        table = CommittingTable(by, other, effects=self.effects)
        batch = model.begin([(key, table.next_order(), False) for key in place.keys[:2]])
        table.write(batch.to_records())
        place.scheduler.note(f"puts another index in this place, with {batch.events}")
        place.store.replace(by, other)
        model.was_replaced()
        model.has_happened(batch)


class Reader(Actor):
    """Asks in every way there is, and never gets an answer that is not right."""

    def act(self) -> None:
        floor = self.place.model.floor()
        self.began_at = self.place.model.places
        self.random.choice((self.read_all, self.read_all, self.search, self.get, self.list))(floor)

    def check(self, seen: Iterable[Seen], floor: Floor, *, keys: Iterable[str] | None = None) -> None:
        """Check what was read, unless another index came meanwhile: then it may be of the one or of the other."""
        if self.began_at == self.place.model.places:
            self.place.model.check(seen, floor, keys=keys)

    def read_all(self, floor: Floor) -> None:
        self.check(self.table.read(read_all), floor)

    def search(self, floor: Floor) -> None:
        asked = Signature(f"{self.random.getrandbits(64):016x}")
        answer = Index(self.table).search(asked, family=FAMILY.name, limit=1000)
        self.check([_seen(hit.image) for hit in answer.hits], floor)

    def get(self, floor: Floor) -> None:
        key = self.random.choice(self.place.keys)
        try:
            stored = Index(self.table).get(key)
        except KeyNotFound:
            seen = []
        else:
            seen = [_seen(stored.image, int(stored.signatures[FAMILY.name], 16))]
        self.check(seen, floor, keys=[key])

    def list(self, floor: Floor) -> None:
        """A listing goes on in a new snapshot where it has to, so it promises something of each key alone."""
        seen = [_seen(image) for image in Index(self.table).list()]
        self.check(seen, floor, keys=self.place.keys)


class WarmReader(Reader):
    """Uses a snapshot for a minute, and so sees at least what had happened when it was taken."""

    STALENESS = 60.0

    UNSETTLED = 200.0
    """Seconds after another index has come in which a reader may still know the one before."""

    def open(self) -> CommittingTable:
        self.floors: list[tuple[int, Floor]] = []
        self.began_at = self.place.model.places
        stored = settings.read(self.place.store)
        return CommittingTable(self.store, stored, effects=self.effects, max_staleness=self.STALENESS)

    def act(self) -> None:
        now = self.effects.now_ns()
        if self.began_at != self.place.model.places:
            self.floors.clear()
            self.began_at = self.place.model.places
        if self.place.scheduler.now_ns - self.place.store.replaced_ns < self.UNSETTLED * 1e9:
            self.table.read(read_all)  # of the index before, or of this one
            return
        self.floors.append((now, self.place.model.floor()))
        old = [at for at, _ in self.floors if now - at > self.STALENESS * 1e9]
        # the snapshot was taken within the last minute, by an act that may have begun before
        self.floors = self.floors[max(len(old) - 1, 0) :]
        self.read_all(self.floors[0][1])


def _seen(image: Image, hashed: int | None = None) -> Seen:
    return Seen(image.key, image.meta.get("number", -1), image.width, image.added, hashed)
