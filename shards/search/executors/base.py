"""The contract of an executor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from shards.search.found import ScanOutcome
from shards.search.query import Query
from shards.table.read.snapshot import Source

ScanHere: TypeAlias = Callable[[Sequence[Source]], Sequence[ScanOutcome]]
"""Scans sources in this process, several at once where their store is far away."""


class Executor(Protocol):
    """Scans the sources of a snapshot. Safe to use from several threads."""

    def scan(
        self, sources: Sequence[Source], query: Query, scan_here: ScanHere, *, max_rows: int
    ) -> Sequence[ScanOutcome]:
        """Return for each source, in order, its best rows for each lane of the query, or why they are not known.

        Rows that are not among the best `max_rows` of a lane may be left out. That is more than the hits wanted, where
        some rows may turn out to be outdated. Raises ObjectNotFound where an object is gone and the query has to begin
        again with a new snapshot.
        """
        ...

    def close(self) -> None:
        """End the threads, and cancel the calls that have not begun. Does not wait for those that have."""
        ...
