"""Memory and time of collecting thumbnails, in an index of any size whose objects are only names.

    python -m benchmarks.collecting 2_000_000

Neither thumbnails nor segments are stored: a listing makes names as it goes, and a column makes digests. What the
collector itself holds is all that there is to measure.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from shards.storage.base import Entry
from shards.storage.parallel import parallel_map
from shards.table.format import names
from shards.table.format.records import SHA256
from shards.table.maintain.collect_thumbnails import collect_thumbnails
from shards.table.read.snapshot import Snapshot
from shards.table.table import Table

Item = TypeVar("Item")
Result = TypeVar("Result")

SEGMENT = 1 << 20
"""Rows of a segment."""

GARBAGE = 50
"""One thumbnail in so many has no image."""

SIZE = 8_000
"""Bytes of a thumbnail."""

BLOCK = 1 << 16
"""Digests that are made at a time."""


def digests(first: int, count: int, images: int) -> NDArray[np.uint8]:
    """Return (count, 32) uint8: the digests of some of so many images, which rise evenly over all digests."""
    step = (1 << 64) // images
    heads = np.arange(first, first + count, dtype=np.uint64) * np.uint64(step)
    made = np.zeros((count, 32), np.uint8)
    made[:, :8] = heads.astype(">u8")[:, None].view(np.uint8).reshape(count, 8)
    return made


@dataclass
class Names:
    """A far store with a thumbnail for each of so many images."""

    images: int
    deleted: int = 0
    listings: int = 0
    mapped: bool = False
    _lock: Lock = field(default_factory=Lock)

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        del after
        self.listings += 1
        first, last = 0, self.images
        digits = prefix.removeprefix(names.THUMBNAILS)
        if digits:
            share = self.images / 16 ** len(digits)
            first, last = int(int(digits, 16) * share), min(int((int(digits, 16) + 1) * share) + 2, self.images)
        given = 0
        for start in range(first, last, BLOCK):
            for digest in digests(start, min(BLOCK, last - start), self.images):
                name = names.thumbnail(digest.tobytes())
                if name.startswith(prefix):
                    if given == limit:
                        return
                    given += 1
                    yield Entry(name, SIZE, 0.0)

    def delete(self, some: Sequence[str]) -> None:
        with self._lock:
            self.deleted += len(some)


@dataclass(frozen=True)
class Column:
    """A segment of which there are only digests. Those of garbage belong to nobody."""

    first: int
    rows: int
    images: int

    @property
    def name(self) -> str:
        return f"segments/0000/{self.first}.npz"

    @property
    def reader(self) -> Column:
        return self

    @property
    def live(self) -> int:
        return self.rows

    def length(self, name: str) -> int:
        assert name == SHA256
        return self.rows

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]:
        assert name == SHA256
        stop = self.rows if stop is None else stop
        made = digests(self.first + start, stop - start, self.images)
        made[np.arange(self.first + start, self.first + stop) % GARBAGE == 0, 0] ^= 0x55
        # the second half of it, which no thumbnail has
        made[np.arange(self.first + start, self.first + stop) % GARBAGE == 0, 7] ^= 0x55
        return made

    def live_rows(self, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
        return np.arange(start, self.rows if stop is None else stop, dtype=np.int64)


@dataclass
class Numbers:
    """A table and a snapshot of it, of which there are only numbers."""

    images: int
    store: Names = field(init=False)

    def __post_init__(self) -> None:
        self.store = Names(self.images)
        self.sources = [
            Column(first, min(SEGMENT, self.images - first), self.images) for first in range(0, self.images, SEGMENT)
        ]

    @property
    def live(self) -> int:
        return self.images

    @property
    def clock(self) -> Numbers:
        return self

    def now_ns(self) -> int:
        return 10**18

    def read(self, question: Callable[[Snapshot], Result]) -> Result:
        return question(cast(Snapshot, self))

    def parallel_map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        return parallel_map(cast(Any, self.store), function, items)


def held(images: int) -> tuple[int, Numbers]:
    """Return the most bytes that a collector of so many images holds, and the table with what it has deleted."""
    table = Numbers(images)
    tracemalloc.start()
    try:
        collect_thumbnails(cast(Table, table))
        return tracemalloc.get_traced_memory()[1], table
    finally:
        tracemalloc.stop()


def main(images: int) -> None:
    """Print what a collector of so many images holds, and its time without anybody looking."""
    size, table = held(images)
    began = time.perf_counter()
    collect_thumbnails(cast(Table, Numbers(images)))
    took = time.perf_counter() - began
    print(
        f"{images:,} images: {size / images:,.0f} bytes an image at most, {size / 1e6:,.0f} MB; {table.store.deleted:,}"
        f" thumbnails deleted, {table.store.listings:,} listings, {took:,.1f} s of one processor"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
