"""An index to be scanned by workers: many small segments with much that ties, dead rows, and a tail over them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lookalike import Index, Record
from shards.families import family
from shards.search.executors.worker import Worker
from shards.search.plan import ScanPlan
from shards.storage import Store
from shards.testing.samples import scene

FAMILIES = ("haar", "goldberg", "dhash", "phash16")

SCENES = 7
"""Number of different pictures among 90 images: each is equally like a dozen others."""

KEYS = [f"{n}.jpg" for n in range(90)]


def fill(store: Store) -> None:
    """Write five shards of a few segments each, and a tail that overwrites and removes some of what they hold."""
    index = Index.create(store, families=FAMILIES, shards=5, segment_rows=8, thumbnails=0)
    signed = [{name: family(name).compute(scene(n)) for name in FAMILIES} for n in range(SCENES)]

    def record(n: int, shown: int) -> Record:
        meta = {"third": n % 3, "name": f"n{n}"}
        return Record(KEYS[n], index.next_order(), width=10 + n, height=10, meta=meta, rows=signed[shown % SCENES])

    for start in range(0, 80, 20):
        index.write([record(n, n) for n in range(start, start + 20)])
        index.compact()
    index.remove(KEYS[3:80:11])
    index.compact()
    index.write([record(n, n + 1) for n in range(0, 80, 9)])
    index.write([record(n, n) for n in range(80, 90)])
    index.remove(KEYS[5:80:13])


def ask(worker: Worker) -> Callable[[Mapping[str, Any]], Any]:
    """Return a way to ask this worker as another process would: by JSON alone."""
    return lambda request: json.loads(json.dumps(worker.answer(json.loads(json.dumps(request)))))


def split(seed: int) -> Callable[[Sequence[int]], ScanPlan]:
    """Return a planner that deals out cold sources at random, some of them to this process."""

    def plan(cold: Sequence[int]) -> ScanPlan:
        rng = random.Random(seed)
        workers = rng.randint(1, 8)
        batches: list[list[int]] = [[] for _ in range(workers + 1)]
        for number, size in enumerate(cold):
            batches[rng.randint(0, workers) if size else 0].append(number)
        here, *others = batches
        return ScanPlan(tuple(here), tuple(tuple(batch) for batch in others if batch), sum(cold))

    return plan


def one_each(cold: Sequence[int]) -> ScanPlan:
    """Plan a worker for each cold source."""
    here = tuple(number for number, size in enumerate(cold) if not size)
    return ScanPlan(here, tuple((number,) for number, size in enumerate(cold) if size), sum(cold))


def together(cold: Sequence[int]) -> ScanPlan:
    """Plan one worker for all cold sources."""
    here = tuple(number for number, size in enumerate(cold) if not size)
    return ScanPlan(here, (tuple(number for number, size in enumerate(cold) if size),), sum(cold))
