"""What the processes of a scene do. Each opens the index as a process does that has just started."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from lookalike.index import Index
from shards.errors import Conflict, QueryError, Undecided
from shards.storage.effects import Effects
from shards.storage.probe import StoreClock
from shards.table.format import names, settings
from shards.table.format.records import Records
from shards.table.maintain import collect
from shards.table.maintain.committing import CommittingTable
from shards.table.maintain.merge import Merged
from tests.simulation.audit import read_all
from tests.simulation.model import Batch, Event
from tests.simulation.schedules.facts import Acknowledged, Began, Read, Reads, Refused, Replaced
from tests.simulation.schedules.objects import Stored
from tests.simulation.schedules.process import Outside, Program

Opened = TypeVar("Opened", bound=CommittingTable)


def open_table(outside: Outside) -> CommittingTable:
    return knowing(outside, CommittingTable(outside.store, settings.read(outside.store), effects=outside.effects))


def knowing(outside: Outside, table: Opened) -> Opened:
    """Return a table that knows the time and that the store is fit, in scenes in which neither is in question.

    It asks the store all the same when it meets another index.
    """
    if not outside.asks_for_time:
        table.clock, table._is_fit = LocalClock(outside.effects), True
    return table


class LocalClock(StoreClock):
    """A clock that is right."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    def now_ns(self) -> int:
        return self._effects.now_ns()


class Saying(CommittingTable):
    """A table that tells the oracle of each write before it is made, and how it went.

    `first`: the number of the first event. A record has no number of its own yet where the front door made it.
    """

    outside: Outside
    first: int

    @classmethod
    def of(cls, outside: Outside, first: int) -> Saying:
        table = knowing(outside, cls(outside.store, settings.read(outside.store), effects=outside.effects))
        table.outside, table.first = outside, first
        return table

    def append(self, records: Records, before: Callable[[], object] = lambda: None) -> str:
        events = []
        for n in range(len(records)):
            time, tie = records.fixed["order"][n].tolist()
            events.append(Event(self.first + n, records.key(n), (time, tie), bool(records.fixed["kind"][n])))
        self.first += len(events)
        self.outside.say(Began(tuple(events), in_turn=True))
        name = super().append(records, before)
        self.outside.say(Acknowledged())
        return name


def events(table: CommittingTable, first: int, keys: Iterable[str]) -> tuple[Event, ...]:
    """Return an event of now for each key; one that begins with - is a delete."""
    return tuple(
        Event(number, key.removeprefix("-"), table.next_order(), key.startswith("-"))
        for number, key in enumerate(keys, first)
    )


def write(
    outside: Outside, those: tuple[Event, ...], do: Callable[[Records], object], *, in_turn: bool = False
) -> None:
    """Write and say so. Who is told that nobody knows what happened does not say that it did."""
    outside.say(Began(those, in_turn))
    try:
        do(Batch(those).to_records())
    except Undecided:
        return
    except Conflict:
        outside.say(Refused())
    else:
        outside.say(Acknowledged())


def appends_late(first: int, seconds: float, *keys: str) -> Program:
    """Write these keys to the log as events that happened some seconds ago."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        late = [
            Event(event.number, event.key, (event.order[0] - int(seconds * 10**9), event.order[1]), event.deleted)
            for event in events(table, first, keys)
        ]
        write(outside, tuple(late), table.append)

    return program


def appends(first: int, *batches: Sequence[str]) -> Program:
    """Write each of these batches of keys to the log."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        for n, keys in enumerate(batches):
            number = first + 10 * n
            write(outside, events(table, number, keys), table.append)

    return program


def writes(first: int, *batches: Sequence[str]) -> Program:
    """Write each of these batches of keys straight into segments."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        for n, keys in enumerate(batches):
            number = first + 10 * n
            write(outside, events(table, number, keys), table.write)

    return program


def maintains(*steps: Callable[[CommittingTable], object]) -> Program:
    """Do this to the index. That somebody else won, or that nobody knows, is no failure."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        for step in steps:
            with suppress(Conflict, Undecided):
                step(table)

    return program


def commits(table: CommittingTable) -> None:
    table.commit()


def compacts(table: CommittingTable) -> None:
    table.compact()


def compacts_everything(table: CommittingTable) -> None:
    table.compact(everything=True)


def reshards(shards: int) -> Callable[[CommittingTable], object]:
    """Make so many shards, if nobody has made more meanwhile."""

    def step(table: CommittingTable) -> None:
        with suppress(QueryError):
            table.reshard(shards)

    return step


def collects(table: CommittingTable) -> None:
    collect.collect(table)


ANSWERS = "answers/"


def merges() -> Program:
    """Merge everything that is due, as a worker does, and leave its answer to whoever commits."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        for segments in table.due_merges(everything=True):
            merged = table.merge(segments)
            if merged is not None:
                answer = json.dumps(merged.to_json()).encode()
                with suppress(Undecided):
                    outside.store.create(f"{ANSWERS}{names.digest(answer)}", answer)

    return program


def commits_merges() -> Program:
    """Commit what workers have answered so far, all of it, together with a fold."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        answers = [outside.store.get(entry.name) for entry in outside.store.list(ANSWERS)]
        with suppress(Conflict, Undecided):
            table.commit([Merged.from_json(json.loads(bytes(answer))) for answer in answers])

    return program


def reads(times: int = 1) -> Program:
    """Read everything in new snapshots."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        for _ in range(times):
            outside.say(Reads())
            outside.say(Read(tuple(table.read(read_all))))

    return program


def adds(first: int, key: str) -> Program:
    """Add a picture through the front door."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        (order,) = table.orders([key])
        write(outside, (Event(first, key, order, deleted=False),), table.append, in_turn=True)

    return program


def removes(first: int, key: str) -> Program:
    """Remove a picture through the front door."""

    def program(outside: Outside) -> None:
        with suppress(Undecided):
            Index(Saying.of(outside, first)).remove([key])

    return program


def is_replaced_by(objects: tuple[Stored, ...], numbers: frozenset[int], *, is_the_same: bool = False) -> Program:
    """Put another index in this one's place, in one step; or an older state of the same one."""

    def program(outside: Outside) -> None:
        outside.replace(objects)
        outside.say(Replaced(numbers, is_the_same))

    return program


def lives_through(step: Callable[[CommittingTable], object], happening: Program) -> Program:
    """Do a step, let something happen, and do the step again, in a process that remembers what was before."""

    def program(outside: Outside) -> None:
        table = open_table(outside)
        for so_far in (happening, None):
            with suppress(Conflict, Undecided):
                step(table)
            if so_far is not None:
                so_far(outside)

    return program


def waits(seconds: float) -> Program:
    """Let time pass, for everybody."""
    return lambda outside: outside.effects.sleep(seconds)


def in_turn(*programs: Program) -> Program:
    """Do one after the other, in one process that knows nothing of the one before."""

    def program(outside: Outside) -> None:
        for one in programs:
            one(outside)

    return program
