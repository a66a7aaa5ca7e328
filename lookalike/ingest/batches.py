"""Signed records on their way into an index: written in batches, and reported once they are safe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lookalike.index import Index
from shards.table.format.records import Record

BATCH_SECONDS = 2.0
"""Work that a kill may cost."""

TAIL_OBJECTS, TAIL_BYTES = 128, 32 << 20
"""Log objects, and bytes in them, from which on a query notices that they are not folded yet."""

RECORD_BYTES = 150
"""Of a record besides its signatures, key and metadata, roughly."""


class Batches:
    """Collects records and writes them: `size` of them, or those of BATCH_SECONDS, a log object.

    `safe` is told of the records that are in the index, after each write. `clock` gives seconds.
    """

    def __init__(
        self, index: Index, size: int, clock: Callable[[], float], safe: Callable[[Sequence[Record]], None]
    ) -> None:
        self._index = index
        self._size = size
        self._clock = clock
        self._safe = safe
        self._records: list[Record] = []
        self._since = 0.0
        stats = index.stats()
        self._tail_objects = stats.tail
        self._row_bytes = RECORD_BYTES + sum(family.dtype.itemsize for family in index.families)
        self._tail_bytes = stats.tail_images * self._row_bytes

    def add(self, record: Record) -> None:
        if not self._records:
            self._since = self._clock()
        self._records.append(record)
        self.write_what_is_due()

    def write_what_is_due(self) -> None:
        """Write if the batch is full or old."""
        if len(self._records) >= self._size or (self._records and self._clock() - self._since >= BATCH_SECONDS):
            self.write()
            if self._tail_objects >= TAIL_OBJECTS or self._tail_bytes >= TAIL_BYTES:
                self._index.compact()
                self._tail_objects = self._tail_bytes = 0

    def write(self) -> None:
        """Write whatever there is. After this it is safe, and reported."""
        records, self._records = self._records, []
        if not records:
            return
        self._index.write(records)
        self._tail_objects += 1
        self._tail_bytes += sum(
            self._row_bytes + len(record.key) + 100 * bool(record.source or record.meta) for record in records
        )
        self._safe(records)
