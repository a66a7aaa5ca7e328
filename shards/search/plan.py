"""Where a query is worked on: in this process, or in how many others, by what would have to be fetched for it.

Pure arithmetic. Fetching is what takes time: a process downloads 50 to 87 MB a second, and scans what it has a hundred
times as fast.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shards.families import Rows
from shards.search.query import Query
from shards.table.read.snapshot import Source

ALONE = 32 << 20
"""Bytes up to which this process fetches everything itself: half a second, and as long as it takes to ask others."""

WORKER = 128 << 20
"""Bytes that one worker fetches at most, where there are workers enough: two seconds."""

WAITING = 512 << 10
"""Bytes that could come meanwhile: two rounds of requests of 63 ms, while those of 15 other sources are waited for."""

WORKERS = 64
"""Workers at most. They are asked by one process, with an answer of up to 6 MB from each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of sources. `here`: those scanned in this process; `batches`: those that each worker scans.

    `cold`: bytes that are to be fetched in all.
    """

    here: tuple[int, ...]
    batches: tuple[tuple[int, ...], ...]
    cold: int


def cold_bytes(source: Source, query: Query, questions: Sequence[Rows]) -> int:
    """What scanning this source for these questions costs in bytes to be fetched, told without fetching any.

    What the family fetches, at most, or on average where it is not known yet where that lies; the checksums of a
    segment not looked at before (1/4096 of it); and the waiting. Besides them: the keys of the few rows that are among
    the best of all, and what a filter by metadata makes the scan look at again.
    """
    if not questions:
        return 0
    found = query.family.cold(np.concatenate(questions), source.reader, limit=query.limit, min_score=query.min_score)
    return found + source.reader.checks_cold + WAITING if found else 0


def plan(cold: Sequence[int], *, alone: int = ALONE, worker: int = WORKER) -> Plan:
    """Who scans which source, given each one's cold bytes: all here if they are fewer than `alone`.

    Else what is cold goes to workers, in batches as equal as can be (longest processing time first: at most a third
    longer than the best there is), and what is in memory, mapped or cached is scanned here.

    Source: R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969.
    """
    total = sum(cold)
    if not total or total < alone:
        return Plan(tuple(range(len(cold))), (), total)
    here = tuple(number for number, size in enumerate(cold) if not size)
    others = sorted((number for number, size in enumerate(cold) if size), key=lambda number: (-cold[number], number))
    # a source is not divided: where one is larger than a batch should be, nothing is gained by batches less than it
    most = max(worker, cold[others[0]])
    # one worker would be no faster than this process
    workers = min(max(-(-total // worker), 2), WORKERS, len(others))
    batches = share_out(cold, others, workers)
    while workers < min(WORKERS, len(others)) and any(_size(cold, batch) > most for batch in batches):
        workers += 1
        batches = share_out(cold, others, workers)
    return Plan(here, batches, total)


def share_out(cold: Sequence[int], numbers: Sequence[int], batches: int) -> tuple[tuple[int, ...], ...]:
    """These sources in so many batches: one after the other, into the batch that has least so far."""
    shared: list[list[int]] = [[] for _ in range(batches)]
    filled = [(0, batch) for batch in range(batches)]
    for number in numbers:
        size, batch = filled[0]
        shared[batch].append(number)
        heapq.heapreplace(filled, (size + cold[number], batch))
    return tuple(map(tuple, shared))


def _size(cold: Sequence[int], batch: Sequence[int]) -> int:
    return sum(cold[number] for number in batch)
