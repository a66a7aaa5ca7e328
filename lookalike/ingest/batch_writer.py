"""Records on their way into an index: written in batches, and reported once they are safe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lookalike.ingest.backpressure import BACKPRESSURE, Backpressure
from lookalike.ingest.writer import Writer
from shards.table.format.records import Record

BATCH_SECONDS = 2.0
"""Work that a kill may cost."""


class BatchWriter:
    """Collects records, and writes them in batches: one log object each. Folds when the log gets long.

    A batch is written when it has `size` records, or when its first record has waited BATCH_SECONDS. `clock` gives
    seconds; `report` is called with the records of each batch once they are in the index.
    """

    def __init__(
        self,
        index: Writer,
        size: int,
        clock: Callable[[], float],
        report: Callable[[Sequence[Record]], None],
        limits: Backpressure = BACKPRESSURE,
    ) -> None:
        self._index = index
        self._size = size
        self._clock = clock
        self._report = report
        self._limits = limits
        self._records: list[Record] = []
        self._since = 0.0

    def add(self, record: Record) -> None:
        """Take one record more, and write the batch if it is full."""
        if not self._records:
            self._since = self._clock()
        self._records.append(record)
        self.write_if_due()

    def write_if_due(self) -> None:
        """Write the batch if it is full or old, and fold if the log is long by then."""
        if len(self._records) >= self._size or (self._records and self._clock() - self._since >= BATCH_SECONDS):
            self.write()
            if self._limits.should_fold_soon(*self._index.pressure()):
                self._index.compact()

    def write(self) -> None:
        """Write and report whatever there is."""
        records, self._records = self._records, []
        if records:
            self._index.write(records)
            self._report(records)
