"""What may be wrong with records, and with what is the later of two."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from shards.storage.base import Entry
from shards.table.format import names, segment
from shards.table.format.manifest import Manifest
from shards.table.format.orders import Orders
from shards.table.format.records import DELETE, Order, Records
from shards.table.read import latest, tail
from shards.table.read.latest import Latest
from shards.table.table import Table
from shards.table.write import fold


def what_is_folded_is_told_by_a_watermark() -> AbstractContextManager[object]:
    """The log object of a slow writer sorts before those that are folded already."""

    def unfolded(self: Table, manifest: Manifest, listed: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in listed if entry.name > max(manifest.folded, default="")]

    return patch.object(Table, "_unfolded", unfolded)


def the_last_to_arrive_wins() -> AbstractContextManager[object]:
    """A late event must not replace what is newer."""
    latest = Records.latest

    def by_position(self: Records) -> Records:
        order = np.stack([np.arange(len(self)), np.zeros(len(self))], axis=1).astype(np.uint64)
        kept = latest(Records({**self.fixed, "order": order}, self.texts, self.rows))
        return self.take(kept.fixed["order"][:, 0].astype(np.int64))

    return patch.object(Records, "latest", by_position)


def ties_are_not_compared() -> AbstractContextManager[object]:
    """Two writes at one time are told apart by their tie-break alone."""

    def is_later(orders: Orders, than: Order | Orders | None) -> NDArray[np.bool_]:
        if than is None:
            return np.zeros(len(orders), bool)
        return np.asarray(orders[:, 0] > np.asarray(than, np.uint64)[..., 0])

    stack = ExitStack()
    for module in (latest, tail):
        stack.enter_context(patch.object(module, "is_later", is_later))
    return stack


def a_segment_knows_its_earliest_order_instead_of_its_latest() -> AbstractContextManager[object]:
    """What is between the two is not looked up, and wins."""

    def lowest(orders: Orders) -> Order | None:
        return min(map(tuple, orders.tolist()), default=None)

    return patch.object(segment, "highest", lowest)


def a_fold_writes_no_tombstones() -> AbstractContextManager[object]:
    """An event that is older than the delete may still be on its way."""
    find = latest.find_latest

    def living(*args: Any, **more: Any) -> Latest:
        found = find(*args, **more)
        return replace(found, rows=found.rows[found.given.fixed["kind"][found.rows] != DELETE])

    return patch.object(fold, "find_latest", living)


def each_record_of_a_call_is_an_object_of_its_own() -> AbstractContextManager[object]:
    """Who writes may die between two."""
    append = Table.append

    def one_by_one(self: Table, records: Records) -> str:
        return [append(self, records.take(np.array([n]))) for n in range(len(records))][-1]

    return patch.object(Table, "append", one_by_one)


def a_log_object_is_named_by_its_time_alone() -> AbstractContextManager[object]:
    """Another writer may write at the same time."""
    check = names.check_content
    stack = ExitStack()
    stack.enter_context(
        patch.object(names, "log", lambda milliseconds, _: f"{names.LOG}{milliseconds:013d}-{0:032x}.npz")
    )
    stack.enter_context(
        patch.object(names, "check_content", lambda name, data: name.startswith(names.LOG) or check(name, data))
    )
    return stack
