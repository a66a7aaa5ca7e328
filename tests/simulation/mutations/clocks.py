"""What clocks may be trusted with, and what a place."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from unittest.mock import patch

from shards.storage.probe import StoreClock
from shards.table.format.records import Order
from shards.table.table import Table
from tests.simulation.mutations.committing import a_commit_does_not_look_back, both


def a_write_does_not_go_above_what_it_read() -> AbstractContextManager[object]:
    """A machine whose clock was ahead may have written that."""

    def orders(self: Table, keys: Sequence[str], at: Order | None = None) -> list[Order]:
        return [at or self.next_order() for _ in keys]

    return patch.object(Table, "orders", orders)


def writes_take_the_local_time() -> AbstractContextManager[object]:
    """That clock may be behind."""
    return both(the_local_clock_is_believed(), a_write_does_not_go_above_what_it_read())


def a_collector_believes_its_clock_and_a_commit_does_not_look_back() -> AbstractContextManager[object]:
    """Numbers are free again while somebody who sleeps still wants them."""
    return both(the_local_clock_is_believed(), a_commit_does_not_look_back())


def nobody_looks_which_index_is_there() -> AbstractContextManager[object]:
    """Another one may be there now, at the same place."""
    return patch.object(Table, "look", lambda self: None)


def the_local_clock_is_believed() -> AbstractContextManager[object]:
    return patch.object(StoreClock, "now_ns", lambda self: self._effects.now_ns())
