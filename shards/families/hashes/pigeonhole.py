"""The pigeonhole index of 64-bit hashes: all within a few bits of a query, from a few buckets of millions.

At radius 3 these are 4 buckets, at 5 they are 36, at 7 they are 68 and at 10 they are 428: `chunks.py` says why, and
`tables.py` how the buckets lie. They hold the hashes themselves, which are so compared where they are found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import SECONDS_A_BYTE, ColumnReader
from shards.families.hashes import chunks
from shards.families.hashes.chunks import MAX_FLIPS
from shards.families.hashes.near import Near
from shards.families.hashes.tables import BUCKETS, COPIES, MANY, STARTS, TABLES, permuted_one, rotated

DIRECT_RADIUS = TABLES - 1
"""Up to here no bit is flipped: so few buckets that where they start is read for each of them, not for all."""

QUERY_COST = 50e-6
PROBE_COST = 1e-6
WORD_COST = 0.9e-9
"""Seconds that any query takes, and each bucket, and each word in it."""

SKEW = 8
"""A bucket is taken to be at most so many times as large as the mean: of crossed real hashes, a million to four, one in
a hundred is in a larger one."""

WINDOW = 2048
"""Copies of one hash read at first: 8 KB. Where there are more, the rest is read by another request."""


@dataclass(frozen=True, slots=True)
class Probes:
    """The buckets to look in for one hash and radius.

    `query`: permuted. `buckets` (4,): how many of each table. `spans`: where each bucket lies, in words, table after
    table; `counts`: hashes in it. `seconds`: estimated.
    """

    query: int
    radius: int
    buckets: tuple[int, ...]
    spans: list[tuple[int, int]]
    counts: list[int]
    seconds: float


@dataclass(frozen=True, slots=True)
class Pigeonhole:
    """The index in the columns of a segment. `bits` of each chunk number its buckets, 16 at most."""

    reader: ColumnReader
    name: str
    bits: int

    @classmethod
    def of(cls, reader: ColumnReader, name: str) -> Pigeonhole | None:
        """The index of the family of this name, where the segment has one."""
        length = reader.length(name + STARTS)
        return None if length is None else cls(reader, name, (length // TABLES).bit_length() - 1)

    @property
    def tables(self) -> int:
        return TABLES

    def within(self, query: NDArray[np.uint64], number: int, radius: int, seconds: float) -> Near | None:
        """Every row within `radius`, 0 to 11, of this hash (words,), as of query `number`; None where that
        would take longer."""
        probes = self.probes(query, radius)
        return self.near(probes, number) if probes.seconds <= seconds else None

    def probes(self, query: NDArray[np.uint64], radius: int) -> Probes:
        """Where to look for what is within `radius`, 0 to 11, of this hash (1,). One request."""
        whole = permuted_one(int(query[0]))
        numbers = self._numbers(whole)
        return (self._direct if radius <= DIRECT_RADIUS else self._flipped)(whole, numbers, radius)

    def cold(self, query: NDArray[np.uint64], radius: int) -> int:
        """Bytes that `within` would fetch for this hash, besides copies: at most, unless a bucket is very large."""
        starts = self.starts_cold(query, radius)
        if not starts:
            return self.reader.cold(self.name + BUCKETS, self.probes(query, radius).spans)
        numbers = self._numbers(permuted_one(int(query[0])))
        words = self.reader.length(self.name + BUCKETS) or 0
        spans = chunks.about(numbers, radius, self.bits, words, SKEW)
        return starts + self.reader.cold(self.name + BUCKETS, spans)

    def starts_cold(self, query: NDArray[np.uint64], radius: int) -> int:
        """Bytes that `probes` would fetch for this hash."""
        numbers = self._numbers(permuted_one(int(query[0])))
        of_starts = None if radius > DIRECT_RADIUS else [(number, number + 2) for number in numbers]
        return self.reader.cold(self.name + STARTS, of_starts)

    def everything_cold(self) -> int:
        """Bytes that are not here of the whole index."""
        return sum(self.reader.cold(self.name + part) for part in (STARTS, BUCKETS, COPIES))

    def _numbers(self, query: int) -> list[int]:
        """The number of the permuted query's own bucket in each table; the tables' buckets follow one another."""
        return [(table << self.bits) + (rotated(query, table) >> (64 - self.bits)) for table in range(TABLES)]

    def _fetching(self, spans: list[tuple[int, int]]) -> float:
        """Seconds it takes to fetch what is cold of these buckets."""
        return self.reader.cold(self.name + BUCKETS, spans) * SECONDS_A_BYTE

    def _direct(self, query: int, numbers: list[int], radius: int) -> Probes:
        around = self.reader.ranges(self.name + STARTS, [(number, number + 2) for number in numbers])
        every = [(int(part[0]), int(part[1])) for part in around]
        smallest = sorted(range(TABLES), key=lambda table: every[table][1] - every[table][0])[: radius + 1]
        buckets = tuple(int(table in smallest) for table in range(TABLES))
        spans = [every[table] for table in sorted(smallest)]
        words = sum(stop - start for start, stop in spans)
        seconds = QUERY_COST + len(spans) * PROBE_COST + words * WORD_COST + self._fetching(spans)
        counts = [2 * (stop - start) // 3 for start, stop in spans]
        return Probes(query, radius, buckets, spans, counts, seconds)

    def _flipped(self, query: int, numbers: list[int], radius: int) -> Probes:
        flips = chunks.flips(self.bits)
        near = np.array(numbers)[:, None] ^ flips.masks
        starts = self.reader.column(self.name + STARTS)
        first, last = starts[near], starts[near + 1]
        words = np.zeros((TABLES, MAX_FLIPS + 2))
        words[:, 1:] = np.cumsum(last - first, axis=1)[:, np.array(flips.upto[1:]) - 1]
        costs = words * WORD_COST + np.array(flips.upto) * PROBE_COST
        shares = chunks.share(radius, costs)
        buckets = tuple(flips.upto[share + 1] for share in shares.tolist())
        begin = np.concatenate([first[table, :count] for table, count in enumerate(buckets)])
        end = np.concatenate([last[table, :count] for table, count in enumerate(buckets)])
        spans = list(zip(begin.tolist(), end.tolist(), strict=True))
        seconds = QUERY_COST + float(costs[np.arange(TABLES), shares + 1].sum()) + self._fetching(spans)
        counts = (2 * (end - begin).astype(np.int64) // 3).tolist()
        return Probes(query, radius, buckets, spans, counts, seconds)

    def near(self, probes: Probes, number: int) -> Near:
        """Every row within the radius, as of query `number`. One request, and another for hashes with copies."""
        parts = self.reader.ranges(self.name + BUCKETS, probes.spans)
        counts = probes.counts
        differences = np.concatenate([part[:count] for part, count in zip(parts, counts, strict=True)])
        bucket = start = 0
        for table, buckets in enumerate(probes.buckets):
            stop = start + sum(counts[bucket : bucket + buckets])
            differences[start:stop] ^= np.uint64(rotated(probes.query, table))
            bucket, start = bucket + buckets, stop
        hits = np.flatnonzero(np.bitwise_count(differences) <= probes.radius)
        if not hits.size:
            return Near.nothing()
        ends = np.cumsum(counts)
        part_of = np.searchsorted(ends, hits, "right")
        within = hits - (ends - counts)[part_of]
        # a hash that is near in several chunks is met in several tables, each time with the same reference
        distance_of = {
            int(parts[part][counts[part] :].view("<u4")[at]): distance
            for part, at, distance in zip(
                part_of.tolist(), within.tolist(), np.bitwise_count(differences[hits]).tolist(), strict=True
            )
        }
        references = np.fromiter(distance_of, np.int64, len(distance_of))
        return self._rows(references, np.fromiter(distance_of.values(), np.int64, len(distance_of)), number)

    def _rows(self, references: NDArray[np.int64], distances: NDArray[np.int64], number: int) -> Near:
        """The rows that these refer to, at the same distances."""
        has_copies = references >= MANY
        if has_copies.any():
            copies = self._copies(references[has_copies] - MANY)
            each = np.array([len(rows) for rows in copies])
            alone = ~has_copies
            references = np.concatenate([references[alone], *copies])
            distances = np.concatenate([distances[alone], np.repeat(distances[has_copies], each)])
        return Near(references, distances, np.full(len(references), number))

    def _copies(self, at: NDArray[np.int64]) -> list[NDArray[np.uint32]]:
        """The rows of the hashes whose copies stand at these positions."""
        name = self.name + COPIES
        length = self.reader.length(name) or 0
        found = self.reader.ranges(name, [(start, min(start + WINDOW, length)) for start in at.tolist()])
        counts = [int(part[0]) for part in found]
        long = [n for n, part in enumerate(found) if counts[n] >= len(part)]
        if long:
            starts = at[long].tolist()
            spans = [(start, start + 1 + counts[n]) for start, n in zip(starts, long, strict=True)]
            for n, whole in zip(long, self.reader.ranges(name, spans), strict=True):
                found[n] = whole
        return [part[1 : 1 + count] for part, count in zip(found, counts, strict=True)]
