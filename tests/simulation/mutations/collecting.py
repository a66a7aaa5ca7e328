"""What a collector may leave out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from math import inf
from unittest.mock import patch

from shards.storage.base import Entry
from shards.table.format import names
from shards.table.format.manifest import Manifest
from shards.table.maintain import collect, committing
from shards.table.maintain.collect import Collected
from shards.table.read.newest import Base, newest
from shards.table.table import Table
from tests.simulation.interleaving import InterleavedStore

COLLECT = collect.collect
"""The collector as it is, for those that change what it sees."""


def whatever_is_not_named_is_collected_at_once() -> AbstractContextManager[object]:
    """It may belong to a commit under way."""

    def at_once(table: Table) -> Collected:
        store = table.store
        there = [entry.name for entry in store.list(names.SEGMENTS)]
        named = {segment.name for segment in newest(store, 1, index=table.settings.id).manifest}
        gone = tuple(name for name in there if name not in named)
        store.delete(gone)
        return Collected(gone, 0)

    return patch.object(collect, "collect", at_once)


def collect_by_age(table: Table) -> Collected:
    """Whatever nothing names and is an hour old: perhaps a commit that fell asleep at its last step will name it."""
    ageless = Table(AgelessStore(table.root), table.settings, effects=table.effects)
    ageless.clock = table.clock
    return COLLECT(ageless)


def collect_before_the_fence(table: Table) -> Collected:
    """The same commit may wake between the two."""
    collected = collect_by_age(table)
    if collected.objects:
        collect._fence(table)
    return collected


def a_collector_goes_by_age_alone() -> AbstractContextManager[object]:
    return patch.object(collect, "collect", collect_by_age)


def a_collector_makes_its_fence_when_it_has_deleted() -> AbstractContextManager[object]:
    return patch.object(collect, "collect", collect_before_the_fence)


class AgelessStore(InterleavedStore):
    """Shows manifests as younger than everything else."""

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        for entry in self.inner.list(prefix, after=after, limit=limit):
            yield replace(entry, modified=inf) if names.MANIFEST in prefix else entry


def what_the_fence_names_is_deleted_all_the_same() -> AbstractContextManager[object]:
    """Somebody else's commit may have come before it, and name what nothing named."""
    fence = collect._fence

    def unread(table: Table) -> Base:
        return replace(fence(table), manifest=Manifest.empty(1))

    return patch.object(collect, "_fence", unread)


def lists_of_dead_rows_do_not_count_as_named() -> AbstractContextManager[object]:
    """A segment without its list has rows that came back to life."""
    return patch.object(collect, "_named", lambda manifest: {segment.name for segment in manifest})


def log_objects_go_by_age() -> AbstractContextManager[object]:
    """Nobody may have folded them."""

    def old(log: Iterable[Entry], folded: Mapping[str, int], now: float) -> list[Entry]:
        return [entry for entry in log if now - entry.modified > collect.LOG_AGE_MS / 1000]

    stack = ExitStack()
    stack.enter_context(patch.object(collect, "folded_log", old))
    stack.enter_context(patch.object(committing, "folded_log", old))
    return stack
