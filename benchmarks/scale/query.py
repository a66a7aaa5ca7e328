"""The cost of a question: the snapshot, the plan that the real planner makes, the slowest worker, the hits.

The planner goes by what a family says it would fetch; time and money go by the share of that which a search did fetch
from a real segment of 2^20 rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmarks import crops
from benchmarks.columns import Counted
from benchmarks.scale import cloud, shapes
from benchmarks.scale.ingest import SEGMENT_JSON, SEGMENT_STORED
from benchmarks.scale.life import COMMIT
from benchmarks.scale.lookups import Reads
from benchmarks.scale.prices import PRICES
from benchmarks.scale.store import Unwritten
from shards.families import DEFAULT, Rows, family
from shards.families.reading import SECONDS_A_BYTE
from shards.search.plan import WAITING, WORKERS, ScanPlan, cold_bytes, plan
from shards.search.query import Part, Query
from shards.search.stages import Stages, plan_stages
from shards.storage.memory import MemoryStore
from shards.storage.ranges import GAP
from shards.table.format.columns import CHECKS
from shards.table.format.manifest import Manifest, Segment
from shards.table.format.records import Records
from shards.table.format.segment import pack_records
from shards.table.read.reader import SegmentReader
from shards.table.read.snapshot import Source

MEASURED_ROWS = 1 << 20

LIMIT = 10

DESCRIBED_ROWS = 200_000
"""Rows of a segment that is described: enough that a row of each column is read by itself."""

LOGGED = 100
"""Images in a log object of a tail."""


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of question, and the bytes that it read of a cold segment of 2^20 rows when that was measured.

    `share`: of what the planner reckons with, so much was fetched; of segments of 100,000 rows about the same. `rounds`
    of requests wait for one another, and grow with the rows to the power of `deeper`. `warm`, `cold`: seconds of one
    core a row. `found`: whether there are as many hits as are wanted, or one.
    """

    name: str
    family: str
    max_distance: float | None
    share: float
    requests: int
    rounds: int
    warm: float
    cold: float
    deeper: float = 0.0
    found: bool = True

    @property
    def min_score(self) -> float | None:
        return None if self.max_distance is None else family(self.family).score_at(self.max_distance)

    def planned(self, segment: Segment) -> int:
        """Bytes that the planner expects."""
        return _planned(self, segment.rows)

    def reads(self, segment: Segment) -> Reads:
        """Return the bytes that it fetches of this segment, checksums included."""
        has_index = any(name.startswith(f"{self.family}.") for name in segment.columns)
        checks = segment.columns[CHECKS].size
        size = round((self.planned(segment) - checks - WAITING) * (self.share if has_index else 1.0))
        rounds = max(round(self.rounds * (segment.rows / MEASURED_ROWS) ** self.deeper), 1)
        return Reads(rounds, min(self.requests, 1 + size // (1 << 14)), size + checks, 1)

    def hits(self, segments: int) -> int:
        """Return the number of segments with a hit: as many as possible."""
        return min(LIMIT if self.found else 1, segments)


@lru_cache(maxsize=4096)
def _planned(question: Question, rows: int) -> int:
    """Return the same of any segment of so many rows, with nothing in memory."""
    kind = family(question.family)
    asked = _in_colour() if question.family == "haar" else np.zeros(1, kind.dtype)
    segment = shapes.segment(0, rows, 0)
    reader = SegmentReader(Unwritten({segment.name: segment}), segment)
    query = Query((Part(kind, (kind.asked(asked),), question.min_score),), LIMIT)
    return cold_bytes(Source(reader, np.empty(0, np.uint32)), query)


def _in_colour() -> Rows:
    """Return a question to `haar` in colour, with each coefficient in a bucket of its own."""
    asked = np.zeros(1, family("haar").dtype)
    asked["sig"] = np.arange(1, 121).reshape(1, 3, 40)
    asked["avgl"] = 0.5
    return asked


QUESTIONS = (
    Question("haar, best 10", "haar", None, 0.72, requests=45, rounds=3, warm=10e-9, cold=25e-9),
    Question("goldberg, best 10", "goldberg", None, 1.0, 20, rounds=18, warm=15e-9, cold=70e-9, deeper=0.45),
    Question("dhash within 3", "dhash", 3, 0.75, 6, 2, warm=5e-11, cold=7e-10, found=False),
    Question("dhash within 10", "dhash", 10, 0.51, 9, 5, warm=3.5e-10, cold=5.6e-9, found=False),
)
"""Measured with 2^20 crosses of real signatures, gaps below 1 MiB bridged as the store does it."""

NEAREST = Question("dhash, best 10", "dhash", None, 0.5, requests=8, rounds=4, warm=1.8e-9, cold=7e-9)
"""The question to `dhash` that is part of one to all families; measured in the same way."""


def stages(manifest: Manifest) -> Stages:
    """Return what of a question to all families of a new index is asked where nothing of it is in memory."""
    _, questions = crops.real()
    stored = {name: np.zeros(1, family(name).dtype) for name in DEFAULT} | {"haar": _in_colour()}
    by_family = {name: family(name).asked(rows) for name, rows in stored.items()} | {"crops": questions[0]}
    query = Query(
        tuple(
            Part(kind, (by_family[kind.name],), None, (("as is",) * len(by_family[kind.name]),))
            for kind in map(family, DEFAULT)
        ),
        LIMIT,
    )
    sources = []
    for number, known in enumerate(manifest):
        made = shapes.segment(0, known.rows, number, is_new=True)
        sources.append(Source(SegmentReader(Unwritten({made.name: made}), made), np.empty(0, np.uint32)))
    return plan_stages(query, sources)


@dataclass(frozen=True, slots=True)
class Asked:
    """The cost of one question: seconds of opening a snapshot, scanning and describing; requests, bytes, dollars."""

    plan: ScanPlan
    opening: float
    scanning: float
    describing: float
    requests: int
    fetched: int
    rounds: int
    fits: bool
    dollars: float

    working: float
    """Seconds of all workers together, for which they are paid."""

    @property
    def seconds(self) -> float:
        return self.opening + self.scanning + self.describing


def ask(manifest: Manifest, question: Question, *, warm: bool, tail: int = 0, max_workers: int = WORKERS) -> Asked:
    """Ask an index whose readers have nothing, or everything that is read. `tail`: records not folded yet.

    Who asks plans by what it has itself: it knows nothing of what its workers have.
    """
    segments = list(manifest)
    reads = [question.reads(segment) for segment in segments]
    alone = warm and sum(one.fetched for one in reads) <= cloud.KEPT
    made = plan([0 if alone else question.planned(segment) for segment in segments], max_workers=max_workers)
    batches = [batch for batch in (made.here, *made.batches) if batch]
    fits = all(sum(reads[n].fetched for n in batch) <= cloud.ON_DISK for batch in batches)
    cold = not (warm and fits)
    keys, described = _hit()
    named = [keys.at_once(question.hits(len(batch))) for batch in batches]
    times = [
        _scan([reads[n] for n in batch], sum(segments[n].rows for n in batch), question, cold) + keys_of.seconds
        for batch, keys_of in zip(batches, named, strict=True)
    ]
    fresh = cloud.START + len(made.batches) / cloud.NEW_ENVIRONMENTS if not warm else 0.0
    elsewhere = times[len(times) - len(made.batches) :]
    scanning = max(
        sum(times[: len(times) - len(elsewhere)]), max((cloud.INVOKE + fresh + time for time in elsewhere), default=0.0)
    )
    opening = Reads(2) if warm else _opening(manifest, tail)
    unseal = 0.0 if warm else len(segments) * SEGMENT_JSON * cloud.UNSEAL
    describing = described.at_once(question.hits(len(segments)))
    every = sum([*(reads if cold else ()), *named, opening, describing], Reads())
    parent = (0.0 if warm else cloud.START) + opening.seconds + unseal + scanning + describing.seconds
    working = sum(time + fresh for time in elsewhere)
    dollars = (
        cloud.running(parent + working)
        + PRICES.invocation * (1 + len(elsewhere))
        + PRICES.get * every.requests
        + 2 * PRICES.put
    )
    return Asked(
        made,
        parent - scanning - describing.seconds,
        scanning,
        describing.seconds,
        every.requests,
        every.fetched,
        max(one.rounds for one in reads) + keys.rounds if cold else 0,
        fits,
        dollars,
        working,
    )


def _opening(manifest: Manifest, tail: int) -> Reads:
    """`index.json`, the listings of the log and of the newest manifest, that, and the log objects of the tail."""
    logs = -(-tail // LOGGED)
    known = Reads(4, 4, sum(map(len, manifest.segments)) * SEGMENT_STORED)
    return known + Reads(-(-logs // cloud.PARALLEL), logs, shapes.log_bytes(tail) if tail else 0)


def _scan(reads: Sequence[Reads], rows: int, question: Question, cold: bool) -> float:
    """Return the seconds of one process for these segments, 16 at once."""
    if not reads:
        return 0.0
    if not cold:
        size = sum(one.fetched for one in reads)
        return rows * question.warm + (size * cloud.DISK if size > cloud.KEPT else 0.0)
    waits = -(-len(reads) // cloud.PARALLEL) * max(one.rounds for one in reads) * cloud.GET
    return max(waits, cloud.GET + sum(one.fetched for one in reads) * SECONDS_A_BYTE) + rows * question.cold


@lru_cache
def _hit() -> tuple[Reads, Reads]:
    """Return what the real code reads in a segment that has a hit: its key, and the rest of what is known of it."""
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
    source, row = Source(SegmentReader(store, segment), np.empty(0, np.uint32)), np.array([DESCRIBED_ROWS // 2])
    key = source.reader.texts("key", row)
    named = Reads(store.rounds, store.requests, store.fetched)
    source.images(row, key)
    return named, Reads(store.rounds, store.requests, store.fetched) - named
