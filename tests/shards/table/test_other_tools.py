"""Copying an index in use by `cp`, `rsync` or `aws s3 sync`: docs/operations.md has the order in which that works.

A tool lists a part, then copies what it has listed, and leaves out what has vanished meanwhile.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

from shards.errors import LookalikeError, ObjectNotFound
from shards.storage.memory import MemoryStore
from shards.table.format import names, settings
from shards.table.format.settings import IndexSettings
from shards.table.maintain.collect import collect
from shards.table.maintain.committing import CommittingTable
from tests.shards.table.synthetic import DHASH, delete, make_store, put, read, records
from tests.world import FakeWorld

ID = "5bd1e9955bd1e995"
MINUTES, DAYS = 60.0, 86_400.0
RIGHT = (names.LOG, names.MANIFEST, names.SEGMENTS, names.DEAD)
"""And `index.json` in the end, so that nobody opens what is not complete."""

AT_ONCE = ("",)
"""Everything in the order of names, as `cp -r` does it."""


class Place:
    """An index with two segments and a tail, its owner, and a tool that copies it."""

    def __init__(self) -> None:
        self.world = FakeWorld()
        self.store: MemoryStore = make_store(self.world)
        self.copy: MemoryStore = make_store(self.world)
        settings.create(self.store, IndexSettings((DHASH.name,), id=ID), self.world)
        self.table = CommittingTable(self.store, settings.read(self.store), effects=self.world)
        self.table.write(records(put("a", 1, 1), put("b", 1, 2)))
        self.table.write(records(put("b", 2, 3)))
        self.table.append(records(put("c", 3, 4)))
        self.known = read(self.table)

    def work(self) -> None:
        """Add, fold and merge everything, and delete log objects that were folded long ago."""
        self.table.append(records(put("new", 4, 5)))
        self.table.compact(everything=True)
        self.world.pass_seconds(11 * MINUTES)
        collect(self.table)

    def run_tool(self, order: Sequence[str], meanwhile: Callable[[int], None], *, deleting: bool = True) -> None:
        """Copy part after part; `meanwhile` gets the number of steps done so far, before each step."""
        steps = itertools.count()
        for part in order:
            meanwhile(next(steps))
            listed = [entry.name for entry in self.store.list(f"{ID}/{part}")]
            for name in listed:
                meanwhile(next(steps))
                try:
                    self.copy.create(name, self.store.get(name))
                except ObjectNotFound:
                    continue
            if deleting:
                there = [entry.name for entry in self.copy.list(f"{ID}/{part}")]
                self.copy.delete([name for name in there if name not in listed])
        self.copy.create(names.SETTINGS, self.store.get(names.SETTINGS))

    def shown(self) -> dict[str, int]:
        return read(CommittingTable(self.copy, settings.read(self.copy), effects=self.world))


def lost(order: Sequence[str], step: int) -> str | None:
    """Return what is wrong with a copy if the owner works before this step of the tool; None for nothing."""
    place = Place()

    def meanwhile(now: int) -> None:
        if now == step:
            place.work()

    place.run_tool(order, meanwhile)
    try:
        shown = place.shown()
    except LookalikeError as error:
        return str(error)
    missing = {key for key, number in place.known.items() if shown.get(key) != number}
    return f"{missing} lost" if missing else None


STEPS = range(14)


@pytest.mark.parametrize("step", STEPS)
def test_in_the_right_order_nothing_is_lost_whenever_the_owner_works(step: int) -> None:
    assert lost(RIGHT, step) is None


WRONG = [
    order
    for order in [*itertools.permutations(RIGHT[:3]), AT_ONCE]
    if order != RIGHT[:3]
]  # fmt: skip


@pytest.mark.parametrize("order", WRONG, ids=lambda order: "-".join(order).replace("/", "") or "at-once")
def test_in_any_other_order_a_copy_loses_images_or_cannot_be_read(order: Sequence[str]) -> None:
    found = [lost((*order, names.DEAD), step) for step in STEPS]
    assert any(found), "this order would do, too"


@pytest.mark.parametrize("deleting", [True, False])
def test_a_second_copy_has_to_delete_what_is_gone_or_what_was_removed_comes_back(deleting: bool) -> None:
    place = Place()
    place.run_tool(RIGHT, lambda _: None)
    assert place.shown() == place.known
    place.table.append(records(delete("c", 5)))
    place.table.compact(everything=True)
    place.world.pass_seconds(16 * DAYS)
    place.table.append(records(put("late", 6, 7)))
    collect(place.table)
    place.table.compact(everything=True)
    place.world.pass_seconds(1 * DAYS)
    place.table.write(records(put("later", 7, 8)))
    place.table.compact(everything=True)
    place.run_tool(RIGHT, lambda _: None, deleting=deleting)
    assert ("c" in place.shown()) is not deleting
