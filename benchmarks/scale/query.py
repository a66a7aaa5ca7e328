"""What a question costs: the snapshot, the plan that the real planner makes, the slowest worker, the hits.

The planner goes by what a family says it would fetch at most; time and money go by what a search did fetch from a real
segment of 2^20 rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmarks.columns import Counted
from benchmarks.scale import cloud, shapes
from benchmarks.scale.ingest import SEGMENT_JSON, SEGMENT_STORED
from benchmarks.scale.life import COMMIT
from benchmarks.scale.lookups import Reads, lookups
from benchmarks.scale.prices import PRICES
from benchmarks.scale.store import Unwritten
from shards.families import family
from shards.families.base import SECONDS_A_BYTE
from shards.search.plan import Plan, cold_bytes, plan
from shards.search.query import Query
from shards.storage.cloud import GAP
from shards.storage.memory import MemoryStore
from shards.table.columns import CHECKS
from shards.table.manifest import Manifest, Segment
from shards.table.reader import SegmentReader
from shards.table.records import Records
from shards.table.segment import pack_records
from shards.table.snapshot import Source

MEASURED_ROWS = 1 << 20

LIMIT = 10

DESCRIBED_ROWS = 20_000
"""Enough that a row of each column is read by itself."""


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of question, and what it read of a cold segment of 2^20 rows when that was measured.

    `fixed`: bytes that do not grow with the rows; `row`: bytes of each row. `rounds` of requests wait for one another,
    and grow with the rows to the power of `deeper`. `warm`, `cold`: seconds of one core a row. `found`: whether every
    segment has candidates, whose keys are read.
    """

    name: str
    family: str
    max_distance: float | None
    row: float
    requests: int
    rounds: int
    warm: float
    cold: float
    fixed: int = 0
    deeper: float = 0.0
    found: bool = True

    @property
    def min_score(self) -> float | None:
        return None if self.max_distance is None else family(self.family).score_at(self.max_distance)

    def planned(self, segment: Segment) -> int:
        """Bytes that the planner reckons with."""
        rows = np.zeros(1, family(self.family).dtype)
        if self.family == "haar":
            # in colour, each coefficient in a bucket of its own
            rows["sig"] = np.arange(1, 121).reshape(1, 3, 40)
            rows["avgl"] = 0.5
        query = Query(family(self.family), ("as it is",), LIMIT, self.min_score)
        reader = SegmentReader(Unwritten({segment.name: segment}), segment)
        return cold_bytes(Source(reader, np.empty(0, np.uint32)), query, [rows])

    def reads(self, segment: Segment) -> Reads:
        """What it fetches of this segment, checksums and keys of candidates included."""
        whole = segment.columns[self.family].size
        has_index = any(name.startswith(f"{self.family}.") for name in segment.columns)
        size = round(self.fixed + self.row * segment.rows) if has_index else whole
        rounds = max(round(self.rounds * (segment.rows / MEASURED_ROWS) ** self.deeper), 1)
        requests = min(self.requests, 1 + size // (1 << 14))
        keys = Reads(2, 2 * LIMIT, 2 * LIMIT << 14) if self.found else Reads()
        return Reads(rounds, requests, size + segment.columns[CHECKS].size, 1) + keys


QUESTIONS = (
    Question("haar, best 10", "haar", None, row=43.3, requests=44, rounds=3, warm=10e-9, cold=25e-9),
    Question("goldberg, best 10", "goldberg", None, 106, 20, rounds=18, warm=15e-9, cold=70e-9, deeper=0.45),
    Question("dhash within 3", "dhash", 3, 0, 6, 2, warm=5e-11, cold=7e-10, fixed=180_000, found=False),
    Question("dhash within 10", "dhash", 10, 20.0, 16, 2, warm=3.5e-10, cold=5e-9, found=False),
)
"""Measured with 2^20 crosses of real signatures, gaps below 1 MiB bridged as the store does it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one question took: seconds of opening a snapshot, scanning and describing; requests, bytes, dollars."""

    plan: Plan
    opening: float
    scanning: float
    describing: float
    requests: int
    fetched: int
    rounds: int
    fits: bool
    dollars: float

    @property
    def seconds(self) -> float:
        return self.opening + self.scanning + self.describing


def ask(manifest: Manifest, question: Question, *, warm: bool, tail: int = 0) -> Asked:
    """A question to an index whose readers have nothing, or all that it reads. `tail`: records not folded yet.

    Who asks plans by what it has itself: it knows nothing of what its workers have.
    """
    segments = list(manifest)
    reads = [question.reads(segment) for segment in segments]
    alone = warm and sum(one.fetched for one in reads) <= cloud.KEPT
    planned = {rows: question.planned(segment) for rows, segment in {s.rows: s for s in segments}.items()}
    made = plan([0 if alone else planned[segment.rows] for segment in segments])
    batches = [made.here, *made.batches]
    fits = all(sum(reads[n].fetched for n in batch) <= cloud.ON_DISK for batch in batches)
    cold = not (warm and fits)
    opening = Reads(2) if warm else _opening(manifest) + lookups(manifest, tail)
    unseal = 0.0 if warm else len(segments) * SEGMENT_JSON * cloud.UNSEAL
    times = [
        _scan([reads[n] for n in batch], sum(segments[n].rows for n in batch), question, cold) for batch in batches
    ]
    fresh = cloud.START + len(made.batches) / cloud.NEW_ENVIRONMENTS if not warm else 0.0
    scanning = max(times[0], max((cloud.INVOKE + fresh + time for time in times[1:]), default=0.0))
    hits = min(LIMIT, len(segments)) if question.found else 1
    described = _described().times(hits)
    fetched = sum(reads, Reads()) if cold else Reads()
    every = fetched + opening + described
    parent = (0.0 if warm else cloud.START) + opening.seconds + unseal + scanning + described.seconds
    dollars = (
        cloud.running(parent + sum(time + fresh for time in times[1:]))
        + PRICES.invocation * len(batches)
        + PRICES.get * every.requests
        + 2 * PRICES.put
    )
    return Asked(
        made,
        parent - scanning - described.seconds,
        scanning,
        described.seconds,
        every.requests,
        every.fetched,
        max(one.rounds for one in reads) if cold else 0,
        fits,
        dollars,
    )


def _opening(manifest: Manifest) -> Reads:
    """`index.json`, the listings of the log and of the newest manifest, and that."""
    return Reads(4, 4, sum(map(len, manifest.segments)) * SEGMENT_STORED)


def _scan(reads: Sequence[Reads], rows: int, question: Question, cold: bool) -> float:
    """Seconds of one process for these segments, 16 at once."""
    if not reads:
        return 0.0
    if not cold:
        size = sum(one.fetched for one in reads)
        return rows * question.warm + (size * cloud.DISK if size > cloud.KEPT else 0.0)
    waits = -(-len(reads) // cloud.PARALLEL) * max(one.rounds for one in reads) * cloud.GET
    return max(waits, cloud.GET + sum(one.fetched for one in reads) * SECONDS_A_BYTE) + rows * question.cold


@lru_cache
def _described() -> Reads:
    """What the real code reads to describe a hit in a segment."""
    records = Records.build(
        keys=[f"{n:0{shapes.KEY_BYTES}}" for n in range(DESCRIBED_ROWS)],
        order=np.ones((DESCRIBED_ROWS, 2), np.uint64),
        rows={},
        meta=[b"{}".ljust(shapes.META_BYTES)] * DESCRIBED_ROWS,
    )
    segment, objects = pack_records(0, records.latest(), (), COMMIT)
    store = Counted(MemoryStore(), GAP)
    for name, data in objects.items():
        store.create(name, bytes(data))
    Source(SegmentReader(store, segment), np.empty(0, np.uint32)).images(np.array([DESCRIBED_ROWS // 2]))
    return Reads(store.rounds, store.requests, store.fetched)
