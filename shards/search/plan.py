"""Plans a query: what this process scans, and what is shared among how many workers, by the bytes to be fetched.

Pure arithmetic. Fetching is what takes time: a process downloads 50 to 87 MB a second, and scans a hundred times as
fast what it has.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shards.search.query import DEEP, Part, Query
from shards.table.read.snapshot import Source

ALONE = 32 << 20
"""Bytes up to which this process fetches everything itself: half a second, as long as it takes to ask workers."""

WORKER = 128 << 20
"""Maximum bytes that one worker fetches, where there are workers enough: two seconds."""

WAITING = 512 << 10
"""Bytes that could arrive during two rounds of requests of 63 ms each, while 15 other sources wait for theirs."""

WORKERS = 64
"""Maximum number of workers: one process asks them, and takes an answer of up to 6 MB from each."""


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """The division of a query's sources between this process and workers. Sources are numbered."""

    here: tuple[int, ...]
    """Sources that this process scans."""

    batches: tuple[tuple[int, ...], ...]
    """Sources that each worker scans."""

    cold: int
    """Bytes to be fetched in all."""


def cold_bytes(source: Source, query: Query) -> int:
    """Return the bytes that a scan of this source has to fetch, without fetching any.

    The sum of what the families fetch (at most, or on average where it is not known yet where that lies), the checksums
    of a segment that was not looked at before (1/4096 of it), and the waiting. Left out are the keys of the few rows
    that are among the best of all, and what a filter by metadata makes the scan look at again.
    """
    fetched = sum(_fetched(source, part, query.depth) for part in query.parts)
    return fetched + source.reader.checks_cold + WAITING if fetched else 0


def _fetched(source: Source, part: Part, depth: int) -> int:
    """Return the bytes that one family has to fetch of this source."""
    asked = [rows for rows in part.questions if len(rows)]
    if not asked:
        return 0
    if depth > DEEP:
        return source.reader.cold(part.family.name)
    return part.family.cold(np.concatenate(asked), source.reader, limit=depth, min_score=part.min_score)


def plan(cold: Sequence[int], *, alone: int = ALONE, worker: int = WORKER, max_workers: int = WORKERS) -> ScanPlan:
    """Return who scans which source, given the cold bytes of each: this process all, if they are fewer than `alone`.

    It also scans all where fewer than two workers may be asked: one alone would be no faster.

    Otherwise cold sources go to workers, in batches as equal as can be (longest processing time first: at most a third
    longer than the best there is), and this process scans what is in memory, mapped or cached.

    Source: R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969.
    """
    total = sum(cold)
    if not total or total < alone or max_workers < 2:
        return ScanPlan(tuple(range(len(cold))), (), total)
    here = tuple(number for number, size in enumerate(cold) if not size)
    others = sorted((number for number, size in enumerate(cold) if size), key=lambda number: (-cold[number], number))
    # a source is not divided: where one is larger than a batch should be, nothing is gained by batches less than it
    max_batch = max(worker, cold[others[0]])
    # one worker would be no faster than this process
    workers = min(max(-(-total // worker), 2), max_workers, len(others))
    batches = share_out(cold, others, workers)
    while workers < min(max_workers, len(others)) and any(_size(cold, batch) > max_batch for batch in batches):
        workers += 1
        batches = share_out(cold, others, workers)
    return ScanPlan(here, batches, total)


def share_out(cold: Sequence[int], numbers: Sequence[int], batches: int) -> tuple[tuple[int, ...], ...]:
    """Divide these sources into batches: each in turn goes into the batch that has least so far."""
    shared: list[list[int]] = [[] for _ in range(batches)]
    filled = [(0, batch) for batch in range(batches)]
    for number in numbers:
        size, batch = filled[0]
        shared[batch].append(number)
        heapq.heapreplace(filled, (size + cold[number], batch))
    return tuple(map(tuple, shared))


def _size(cold: Sequence[int], batch: Sequence[int]) -> int:
    return sum(cold[number] for number in batch)
