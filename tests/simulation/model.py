"""The model of the index: a dict of acknowledged events, and of those that may or may not have happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from shards.families import family
from shards.table.format.records import Order, Record, Records

FAMILY = family("dhash")


class ViolationError(AssertionError):
    """The index broke a promise."""


@dataclass(frozen=True, slots=True)
class Event:
    """One write of one key. `number` is its own: its record holds it as its width, in its metadata and signature."""

    number: int
    key: str
    order: Order
    deleted: bool

    @property
    def hashed(self) -> int:
        """Its signature: a bijection of the number, so that a row that strays to another key is noticed."""
        return (self.number * 0x9E3779B97F4A7C15) % 2**64

    def to_record(self) -> Record:
        if self.deleted:
            return Record(self.key, self.order, deleted=True)
        row = np.zeros(1, FAMILY.dtype)
        row["hash"] = self.hashed
        return Record(self.key, self.order, width=self.number, meta={"number": self.number}, rows={FAMILY.name: row[0]})


@dataclass(slots=True, eq=False)
class Batch:
    """Events that happen together or not at all.

    `happened`: True once it was acknowledged or seen, False before it is tried and where it was refused, None while
    it may or may not have happened.
    """

    events: tuple[Event, ...]
    happened: bool | None = False

    def to_records(self) -> Records:
        return Records.of([event.to_record() for event in self.events], [FAMILY])


@dataclass(frozen=True, slots=True)
class Seen:
    """A live record as a reader saw it. What the reader did not look at is None."""

    key: str
    number: int
    width: int
    time: int
    hashed: int | None = None
    tie: int | None = None


Floor: TypeAlias = Mapping[str, Event]
"""The newest event of each key that is known to have happened: a reader must see it, or a newer one."""


@dataclass(slots=True, eq=False)
class Model:
    """Everything that was ever tried."""

    events: dict[int, Event] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    under_way: set[Batch] = field(default_factory=set)
    """Batches that somebody is writing."""

    places: int = 1
    """How many indexes there were at this place."""

    _batch_of: dict[int, Batch] = field(default_factory=dict)
    _newest: dict[str, Event] = field(default_factory=dict)

    def begin(self, writes: Iterable[tuple[str, Order, bool]]) -> Batch:
        """A new batch of (key, order, deleted)."""
        return self.add(Batch(tuple(Event(len(self.events) + n, *write) for n, write in enumerate(writes))))

    def add(self, batch: Batch) -> Batch:
        """Take a batch into account that has been made elsewhere."""
        self.events |= {event.number: event for event in batch.events}
        self.batches.append(batch)
        self._batch_of |= {event.number: batch for event in batch.events}
        if batch.happened:
            self.has_happened(batch)
        return batch

    def has_happened(self, batch: Batch) -> None:
        """From now on every reader must see it."""
        batch.happened = True
        for event in batch.events:
            newest = self._newest.get(event.key)
            if newest is None or event.order > newest.order:
                self._newest[event.key] = event

    def was_refused(self, batch: Batch, before: bool | None) -> None:
        """This attempt changed nothing: what was known `before` it still holds. Raises ViolationError."""
        if batch.happened and before is False:
            raise ViolationError(f"{batch.events} was refused, and somebody has seen it")
        batch.happened = batch.happened or before

    def was_replaced(self) -> None:
        """Another index is there now, which has nothing of this one but what somebody may still be writing."""
        self.places += 1
        self._newest.clear()
        for batch in self.batches:
            if batch.happened:
                batch.happened = None if batch in self.under_way else False

    def floor(self) -> Floor:
        """Return what a reader that begins now must see."""
        return dict(self._newest)

    def check(self, seen: Iterable[Seen], floor: Floor, *, keys: Iterable[str] | None = None) -> None:
        """Check that a snapshot showed what a reader with this floor may see of these keys (all unless given).

        What was seen has happened, with its whole batch: the same snapshot, and every later one, must show all of it.
        Raises ViolationError.
        """
        shown: dict[str, Event] = {}
        for one in seen:
            if one.key in shown:
                raise ViolationError(f"{one.key} lives twice: {shown[one.key]} and {one}")
            shown[one.key] = self._event_of(one)
        for event in list(shown.values()):
            batch = self._batch_of[event.number]
            if batch.happened is False:
                raise ViolationError(f"{event} is seen, and the store had said that it did not happen")
            if not batch.happened:
                self.has_happened(batch)
            if keys is None:
                floor = {**floor, **{e.key: e for e in batch.events if e.order > _order(floor.get(e.key))}}
        for key in floor if keys is None else keys:
            self._check_key(key, shown.get(key), floor.get(key))

    def _event_of(self, seen: Seen) -> Event:
        """The event that wrote this record, and that it is what was written."""
        event = self.events.get(seen.number)
        if event is None or event.deleted or event.key != seen.key:
            raise ViolationError(f"{seen} was never written: its number belongs to {event}")
        if (event.number, event.order[0]) != (seen.width, seen.time):
            raise ViolationError(f"{seen} is not what was written: {event}")
        if seen.hashed not in (None, event.hashed) or seen.tie not in (None, event.order[1]):
            raise ViolationError(f"{seen} has another record's row: {event}")
        return event

    def _check_key(self, key: str, shown: Event | None, least: Event | None) -> None:
        if shown is not None:
            if least is not None and shown.order < least.order:
                raise ViolationError(f"{key} shows {shown}, which {least} had replaced")
        elif least is not None and not least.deleted and not self._may_be_deleted(key, least.order):
            raise ViolationError(f"{key} is lost: {least} had happened, and no later delete")

    def _may_be_deleted(self, key: str, since: Order) -> bool:
        return any(
            event.deleted and event.order > since and self._batch_of[event.number].happened is not False
            for event in self.events.values()
            if event.key == key
        )


def _order(event: Event | None) -> Order:
    return (0, 0) if event is None else event.order
