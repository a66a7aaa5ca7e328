"""The cost of looking up fresh keys in all segments, as a fold does, and as counting does while there is a tail.

The real `find_latest` does it, on segments whose bytes are made up. Of segments with equally many rows one is asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from benchmarks.scale import cloud, shapes
from benchmarks.scale.life import nothing_dead
from benchmarks.scale.store import Unwritten
from shards.families.reading import SECONDS_A_BYTE
from shards.table.format.manifest import Manifest
from shards.table.format.records import Records
from shards.table.read.latest import find_latest
from shards.table.read.reader import SegmentReader

SEARCHED = 0.5e-3
"""Seconds a segment to look up thousands of hashes among a million that are in memory: measured."""


@dataclass(frozen=True, slots=True)
class Reads:
    """`rounds` of requests, one after the other; `requests` and `fetched` bytes in all."""

    rounds: int = 0
    requests: int = 0
    fetched: int = 0
    segments: int = 0

    def __add__(self, other: Reads) -> Reads:
        return Reads(
            self.rounds + other.rounds,
            self.requests + other.requests,
            self.fetched + other.fetched,
            self.segments + other.segments,
        )

    def __sub__(self, other: Reads) -> Reads:
        return Reads(
            self.rounds - other.rounds,
            self.requests - other.requests,
            self.fetched - other.fetched,
            self.segments - other.segments,
        )

    def at_once(self, count: int) -> Reads:
        """Return the same for so many segments, as many at once as the library reads."""
        waits = -(-self.rounds * count // cloud.PARALLEL) if count > cloud.PARALLEL else self.rounds * (count > 0)
        return Reads(waits, self.requests * count, self.fetched * count, self.segments * count)

    @property
    def seconds(self) -> float:
        """Return the seconds that these take."""
        return self.rounds * cloud.GET + self.fetched * SECONDS_A_BYTE + self.segments * SEARCHED


def lookups(manifest: Manifest, records: int) -> Reads:
    """Return the reads to look up so many fresh keys, with nothing in memory."""
    found = Reads()
    waits = 0
    for (rows, modulus), count in Counter((segment.rows, segment.modulus) for segment in manifest).items():
        share = records / modulus
        # where there are fewer records than shards, the segments of the other shards are not asked
        asked, one = round(count * min(share, 1)), _one(rows, max(round(share), 1))
        found += one.at_once(asked)
        waits += one.rounds * asked
    return replace(found, rounds=-(-waits // cloud.PARALLEL))


@lru_cache(maxsize=512)
def _one(rows: int, records: int) -> Reads:
    """Return the reads in one segment that holds all of their shard."""
    store = Unwritten()
    one = store.hold(shapes.segment(0, rows, 0))
    fresh = Records.build(
        keys=[f"{n}" for n in range(records)],
        order=np.full((records, 2), shapes.LATEST + shapes.LATEST, np.uint64),
        rows={},
    )
    found = find_latest(
        Manifest(1, "", 0, ((one,),)), fresh, lambda segment: SegmentReader(store, segment), nothing_dead
    )
    if len(found.records) != records:
        raise RuntimeError(f"of {records:,} fresh keys {records - len(found.records):,} were found in the segment")
    return Reads(store.rounds, store.requests, store.fetched, 1)
