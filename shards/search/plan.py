"""Where a query is worked on: in this process, or in how many others, by what would have to be fetched for it.

Pure arithmetic. Fetching is what takes time: a process downloads 50 to 87 MB a second, and scans what it has a hundred
times as fast.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shards.families.base import FETCHED, Rows
from shards.search.query import Query
from shards.table.snapshot import Source

ALONE = 32 << 20
"""Bytes up to which this process fetches everything itself: half a second, and as long as it takes to ask others."""

WORKER = 128 << 20
"""Bytes that one worker fetches at most, where there are workers enough: two seconds."""

WORKERS = 64
"""Workers at most. They are asked by one process, with an answer of up to 6 MB from each."""

TEXTS = ("key.offsets", "key.data")
"""What is read of every row that may be a hit, to order those of one score."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of sources. `here`: those scanned in this process; `batches`: those that each worker scans.

    `cold`: bytes that are to be fetched in all.
    """

    here: tuple[int, ...]
    batches: tuple[tuple[int, ...], ...]
    cold: int


def cold_bytes(source: Source, query: Query, questions: Sequence[Rows]) -> int:
    """Bytes that scanning this source for these questions would fetch at most, as can be told without fetching any.

    Besides them: the checksums of a segment not looked at before (1/4096 of it), what a store fetches along to save
    requests, and what a filter by metadata makes the scan look at again.
    """
    if not questions:
        return 0
    reader = source.reader
    found = query.family.cold(np.concatenate(questions), reader, limit=query.limit, min_score=query.min_score)
    # where a row's text begins and where it ends, and its bytes, may lie in two blocks each
    most = 2 * FETCHED * query.limit * len(questions)
    return found + sum(min(reader.cold(name), most) for name in TEXTS)


def plan(cold: Sequence[int]) -> Plan:
    """Who scans which source, given each one's cold bytes: all here if they are few.

    Else what is cold goes to workers, in batches as equal as can be (longest processing time first: at most a third
    longer than the best there is), and what is in memory, mapped or cached is scanned here.

    Source: R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969.
    """
    total = sum(cold)
    if total < ALONE:
        return Plan(tuple(range(len(cold))), (), total)
    here = tuple(number for number, size in enumerate(cold) if not size)
    others = sorted((number for number, size in enumerate(cold) if size), key=lambda number: (-cold[number], number))
    # a source is not divided: where one is larger than a batch should be, nothing is gained by batches less than it
    most = max(WORKER, cold[others[0]])
    workers = min(-(-total // WORKER), WORKERS, len(others))
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
