"""The pigeonhole index of 64-bit hashes: it finds all hashes near a query in a few of its many buckets.

A lookup takes 4 buckets at radius 3, 36 at 5, 68 at 7 and 428 at 10: `chunks.py` says why, and `tables.py` how buckets
are laid out. Buckets hold the hashes themselves, so nothing else is read to compare them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.hashes import chunks
from shards.families.hashes.chunks import CHUNK, MAX_FLIPS
from shards.families.hashes.near import Near
from shards.families.hashes.tables import BUCKETS, COPIES, MANY, STARTS, TABLES, permuted_one, rotated
from shards.families.reading import SECONDS_A_BYTE, ColumnReader, has_columns

DIRECT_RADIUS = TABLES - 1
"""Greatest radius for which no bit is flipped: so few buckets that their starts are read one by one, not all starts."""

QUERY_COST = 50e-6
PROBE_COST = 1e-6
WORD_COST = 0.9e-9
"""Seconds: of a query in any case, of a bucket, and of a word in it."""

SKEW = 8
"""A bucket is estimated to be at most so many times as large as the mean. Of one to four million crossed real hashes,
one in a hundred is in a larger bucket."""

WINDOW = 2048
"""Copies of a hash that are read at first: 8 KB. If there are more, another request reads the rest."""


@dataclass(frozen=True, slots=True)
class Probes:
    """The buckets to look in for one hash and radius."""

    query: int
    """The hash, permuted."""

    radius: int

    buckets: tuple[int, ...]
    """(4,): number of buckets of each table."""

    spans: list[tuple[int, int]]
    """The words of each bucket, from first up to last, table after table."""

    counts: list[int]
    """Number of hashes in each bucket."""

    seconds: float
    """Estimated duration of the lookup."""


@dataclass(frozen=True, slots=True)
class Pigeonhole:
    """The index in the columns of a segment."""

    reader: ColumnReader
    name: str

    bits: int
    """Bits of each chunk that number its buckets: 16 at most."""

    @classmethod
    def of(cls, reader: ColumnReader, name: str) -> Pigeonhole | None:
        """Return the index of the family of this name, if the segment has one. Raises CorruptObject."""
        forms = {name + STARTS: ("<u4", (None,)), name + BUCKETS: ("<u8", (None,)), name + COPIES: ("<u4", (None,))}
        if not has_columns(reader, forms):
            return None
        length = reader.length(name + STARTS) or 0
        bits = (length // TABLES).bit_length() - 1
        if not 1 <= bits <= CHUNK or length != (TABLES << bits) + 1:
            raise reader.damaged(name + STARTS, f"has {length:,} places, which no number of buckets has")
        return cls(reader, name, bits)

    @property
    def tables(self) -> int:
        return TABLES

    def within(self, query: NDArray[np.uint64], number: int, radius: int, seconds: float) -> Near | None:
        """Return every row within `radius`, 0 to 11, of this hash (words,), which is query `number`.

        None if that would take more than `seconds`.
        """
        probes = self.probes(query, radius)
        return self.near(probes, number) if probes.seconds <= seconds else None

    def probes(self, query: NDArray[np.uint64], radius: int) -> Probes:
        """Return the buckets to look in for hashes within `radius`, 0 to 11, of this hash (1,). One request."""
        whole = permuted_one(int(query[0]))
        numbers = self._numbers(whole)
        return (self._direct if radius <= DIRECT_RADIUS else self._flipped)(whole, numbers, radius)

    def cold(self, query: NDArray[np.uint64], radius: int) -> int:
        """Return the number of bytes that `within` would fetch, without copies; more if a bucket is very large."""
        starts = self.starts_cold(query, radius)
        if not starts:
            return self.reader.cold(self.name + BUCKETS, self.probes(query, radius).spans)
        numbers = self._numbers(permuted_one(int(query[0])))
        words = self.reader.length(self.name + BUCKETS) or 0
        spans = chunks.about(numbers, radius, self.bits, words, SKEW)
        return starts + self.reader.cold(self.name + BUCKETS, spans)

    def starts_cold(self, query: NDArray[np.uint64], radius: int) -> int:
        """Return the number of bytes that `probes` would fetch for this hash."""
        numbers = self._numbers(permuted_one(int(query[0])))
        of_starts = None if radius > DIRECT_RADIUS else [(number, number + 2) for number in numbers]
        return self.reader.cold(self.name + STARTS, of_starts)

    def everything_cold(self) -> int:
        """Return the number of bytes of the whole index that would have to be fetched."""
        return sum(self.reader.cold(self.name + part) for part in (STARTS, BUCKETS, COPIES))

    def _numbers(self, query: int) -> list[int]:
        """Return the permuted query's own bucket in each table, counted through all tables."""
        return [(table << self.bits) + (rotated(query, table) >> (64 - self.bits)) for table in range(TABLES)]

    def _fetching(self, spans: list[tuple[int, int]]) -> float:
        """Return the seconds it takes to fetch these buckets."""
        return self.reader.cold(self.name + BUCKETS, spans) * SECONDS_A_BYTE

    def _direct(self, query: int, numbers: list[int], radius: int) -> Probes:
        around = self.reader.ranges(self.name + STARTS, [(number, number + 2) for number in numbers])
        own = [(int(part[0]), int(part[1])) for part in around]
        smallest = sorted(range(TABLES), key=lambda table: own[table][1] - own[table][0])[: radius + 1]
        buckets = tuple(int(table in smallest) for table in range(TABLES))
        spans = [own[table] for table in sorted(smallest)]
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
        """Return every row within the radius, for query `number`. One request, and another for hashes with copies."""
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
            return Near.none()
        ends = np.cumsum(counts)
        part_of = np.searchsorted(ends, hits, "right")
        within = hits - (ends - counts)[part_of]
        # a hash that is near in several chunks occurs in several tables, always with the same reference
        distance_of = {
            int(parts[part][counts[part] :].view("<u4")[at]): distance
            for part, at, distance in zip(
                part_of.tolist(), within.tolist(), np.bitwise_count(differences[hits]).tolist(), strict=True
            )
        }
        references = np.fromiter(distance_of, np.int64, len(distance_of))
        return self._rows(references, np.fromiter(distance_of.values(), np.int64, len(distance_of)), number)

    def _rows(self, references: NDArray[np.int64], distances: NDArray[np.int64], number: int) -> Near:
        """Return the rows of these references, at the same distances."""
        has_copies = references >= MANY
        if has_copies.any():
            copies = self._copies(references[has_copies] - MANY)
            counts = np.array([len(rows) for rows in copies])
            alone = ~has_copies
            references = np.concatenate([references[alone], *copies])
            distances = np.concatenate([distances[alone], np.repeat(distances[has_copies], counts)])
        if references.max() >= self.reader.rows:
            raise self.reader.damaged(self.name + BUCKETS, f"names row {references.max():,} of {self.reader.rows:,}")
        return Near(references, distances, np.full(len(references), number))

    def _copies(self, at: NDArray[np.int64]) -> list[NDArray[np.uint32]]:
        """Return the rows of each hash whose copies begin at these positions."""
        name = self.name + COPIES
        length = self.reader.length(name) or 0
        windows = self.reader.ranges(name, [(start, min(start + WINDOW, length)) for start in at.tolist()])
        if not all(map(len, windows)):
            raise self.reader.damaged(name, f"has {length:,} numbers, and a bucket names copies behind them")
        counts = [int(window[0]) for window in windows]
        # of different hashes each row is a copy of one at most
        if sum(counts) > self.reader.rows or min(counts) < 1:
            raise self.reader.damaged(
                name, f"has {sum(counts):,} copies of some hashes among {self.reader.rows:,} rows"
            )
        long = [n for n, window in enumerate(windows) if counts[n] >= len(window)]
        if long:
            starts = at[long].tolist()
            spans = [(start, start + 1 + counts[n]) for start, n in zip(starts, long, strict=True)]
            for n, whole in zip(long, self.reader.ranges(name, spans), strict=True):
                windows[n] = whole
        return [window[1 : 1 + count] for window, count in zip(windows, counts, strict=True)]
