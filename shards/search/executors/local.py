"""The executor that needs nobody else."""

from __future__ import annotations

from collections.abc import Sequence

from shards.search.executors.base import ScanHere
from shards.search.found import ScanOutcome
from shards.search.query import Query
from shards.table.read.snapshot import Source


class LocalExecutor:
    """Scans everything in this process, and raises whatever goes wrong: an answer is whole, or there is none."""

    def scan(
        self, sources: Sequence[Source], query: Query, scan_here: ScanHere, *, max_rows: int
    ) -> Sequence[ScanOutcome]:
        """Scan these sources as `Executor.scan` says."""
        del query, max_rows
        return scan_here(sources)

    def close(self) -> None:
        """Do nothing: there are no threads to end."""
