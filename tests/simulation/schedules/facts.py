"""What is known to have happened in a schedule, as a value; and what a reader may see then.

The promises are those of `tests.simulation.model`. Two more hold for writes that are made one after the other, whatever
the clocks of those who make them show: what was acknowledged before another write of the same key began is not seen
once that other one is acknowledged; and what was acknowledged before an index was replaced is not seen in the new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from tests.simulation.model import Batch, Event, Model, Seen, ViolationError


@dataclass(frozen=True, slots=True)
class Began:
    """A process is about to write these. `in_turn`: the write counts as later than all that was acknowledged."""

    events: tuple[Event, ...]
    in_turn: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The store has said that what this process began last is safe."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The store has said that what this process began last did not happen."""


@dataclass(frozen=True, slots=True)
class Reads:
    """A process begins to read."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a process has read since."""

    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another index has taken the place of this one. It has the events of these numbers."""

    numbers: frozenset[int]

    is_the_same: bool = False
    """True for an older state of the same index: who writes just then cannot tell, and what it writes may be lost with
    all that is newer than that state."""


Said: TypeAlias = Began | Acknowledged | Refused | Reads | Read | Replaced


@dataclass(frozen=True, slots=True)
class Write:
    """A batch, whether it happened (as in `model.Batch`), and what had been acknowledged when it began."""

    by: str
    events: tuple[Event, ...]
    happened: bool | None
    before: frozenset[int] = frozenset()
    in_turn: bool = False

    is_excused: bool = False
    """True if an acknowledgement promises nothing: the index was put back meanwhile."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`floors`: of each process that reads what it must see, or None if the index was replaced meanwhile.

    `gone`: numbers of events that nobody may see any more.
    """

    writes: tuple[Write, ...] = ()
    floors: tuple[tuple[str, tuple[Event, ...] | None], ...] = ()
    gone: frozenset[int] = frozenset()

    def after(self, by: str, said: Said) -> Facts:
        """Return the facts after a process has said something. Raises ViolationError."""
        match said:
            case Began(events, in_turn):
                write = Write(by, events, None, self._acknowledged() if in_turn else frozenset(), in_turn)
                # by number, whoever was first: equal facts are equal values
                writes = sorted((*self.writes, write), key=lambda write: write.events[0].number)
                return replace(self, writes=tuple(writes))
            case Acknowledged():
                return self._settled(by, happened=True)
            case Refused():
                return self._settled(by, happened=False)
            case Reads():
                floor = tuple(sorted(self.model().floor().values(), key=lambda event: event.number))
                return replace(self, floors=tuple(sorted((*self.floors, (by, floor)))))
            case Read(seen):
                floors = dict(self.floors)
                least = floors.pop(by)
                after = replace(self, floors=tuple(floors.items()))
                return after if least is None else after.seeing(seen, least)
            case Replaced(numbers, is_the_same):
                return self._replaced(numbers, is_the_same=is_the_same)

    def seeing(self, seen: Iterable[Seen], floor: Iterable[Event] | None = None) -> Facts:
        """Return the facts after somebody saw the index like this. Raises ViolationError."""
        seen = tuple(seen)
        for one in seen:
            if one.number in self.gone:
                raise ViolationError(f"{one} is seen again, and had been replaced")
        model = self.model()
        model.check(seen, model.floor() if floor is None else {event.key: event for event in floor})
        if floor is None:
            self._check_turns({one.key for one in seen})
        writes = zip(self.writes, model.batches, strict=True)
        return replace(self, writes=tuple(replace(write, happened=batch.happened) for write, batch in writes))

    def model(self) -> Model:
        model = Model()
        for write in self.writes:
            model.add(Batch(write.events, write.happened))
        return model

    def _acknowledged(self) -> frozenset[int]:
        return frozenset(event.number for write in self.writes if write.happened for event in write.events)

    def _settled(self, by: str, *, happened: bool) -> Facts:
        at = max(n for n, write in enumerate(self.writes) if write.by == by)
        write = self.writes[at]
        if write.happened and not happened:
            raise ViolationError(f"{write.events} was refused, and somebody has seen it")
        if happened and write.is_excused:
            return self
        writes = list(self.writes)
        writes[at] = replace(write, happened=happened)
        gone = self.gone
        if happened and write.in_turn:
            keys = {event.key for event in write.events}
            earlier = (event for other in self.writes for event in other.events if event.number in write.before)
            gone |= {event.number for event in earlier if event.key in keys}
        return replace(self, writes=tuple(writes), gone=gone)

    def _replaced(self, numbers: frozenset[int], *, is_the_same: bool) -> Facts:
        gone = self._acknowledged() - numbers
        writes = tuple(
            replace(write, happened=None)
            if any(event.number in gone for event in write.events)
            else replace(write, is_excused=is_the_same and write.happened is None)
            for write in self.writes
        )
        return Facts(writes, tuple((by, None) for by, _ in self.floors), (self.gone | gone) - numbers)

    def _check_turns(self, shown: set[str]) -> None:
        """Check that no acknowledged image is missing that was added in its turn, and that nobody removed since."""
        deletes = {
            event.key
            for write in self.writes
            if write.happened is not False
            for event in write.events
            if event.deleted and event.number not in self.gone
        }
        for write in self.writes:
            for event in write.events if write.in_turn and write.happened else ():
                hidden = event.key not in shown and event.key not in deletes
                if hidden and not event.deleted and event.number not in self.gone:
                    raise ViolationError(f"{event} was acknowledged, nobody removed it since, and it is not seen")
