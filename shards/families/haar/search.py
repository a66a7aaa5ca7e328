"""Exact search over the inverted index.

The value of a row is the weight it shares with the query minus the distance of their colours, in hundredths: the score
before it is scaled. Rows pass three filters for each query, and each filter keeps every row that may be a match:

1. an upper bound of every row's value, in coarse units, added up bit-sliced;
2. for rows whose bound is high enough: the exact weight and both bounds of the distance, from what was read already;
3. for rows that may be among the best by those: the signature, which is read and scored by the plain formula.

So scores are those of the plain formula to the last bit, and a cold reader makes three rounds of requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.allocator import keep_freed_memory
from shards.families.base import Row, Rows, search_plainly
from shards.families.haar import inverted, scoring
from shards.families.haar.bitsliced import BLOCK_WORDS, Adder, Words, at_least, bits_of, cut_of, rows_of
from shards.families.haar.buckets import query_buckets
from shards.families.haar.colours import Colour
from shards.families.haar.gaps import add_at
from shards.families.matches import BestRows, Matches
from shards.families.reading import ColumnReader, scattered

SEARCH_FROM = 1 << 14
"""Number of rows from which on an index is built: at half as many, scoring every row takes as long as a lookup."""

SEEDS = 4
"""Rows with the highest bounds that are looked at first, for each wanted row: they tell a value that the best reach."""

MIN_SEEDS = 64

LEFT = 2
"""Estimate of the signatures that are read for each wanted row: with crossed real signatures it is 1.1 to 1.5."""

PLAIN_FROM = 32
"""Every row is scored if one row in this many is left, or wanted: a lookup would be no faster."""

STRIP = 1 << 16
"""Rows whose listed weights are turned into planes together: their 128 KB stay in the L2 cache."""

EPSILON = 1e-6
"""Hundredths by which rounding in float64 may change a value, generously."""

COARSE = 16
"""Hundredths in a unit of the first filter: most coefficients weigh 14, 27 or 30."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A query, and the parts of the index that were read for it."""

    scale: int
    """The weight of all the query's coefficients, in hundredths."""

    colours: list[Colour]
    read: inverted.Read

    listed: NDArray[np.int16]
    """(padded rows,) int16: the weight that each row shares through buckets that are lists, in hundredths."""

    @classmethod
    def of(cls, row: Row, reader: ColumnReader) -> Prepared:
        """Read the parts of the index that the query needs."""
        keep_freed_memory()
        asked = scoring.QueryTables.of(row)
        buckets, weights = query_buckets(row, asked.channels)
        read = inverted.read(reader, buckets, weights.tolist(), asked.channels)
        listed = np.zeros(inverted.padded(reader.rows), np.int16)
        buffer = np.empty(max((len(units) for units, _ in read.lists), default=0), np.int64)
        for units, weight in read.lists:
            add_at(listed, units, weight, buffer)
        return cls(asked.scale, [Colour.of(asked.avgl, channel) for channel in range(asked.channels)], read, listed)


def search(
    name: str,
    queries: Rows,
    reader: ColumnReader,
    *,
    limit: int,
    min_score: float | None,
    dead: NDArray[np.uint32] | None,
) -> Matches:
    """Search as `Family.search` does."""

    def plainly() -> Matches:
        return search_plainly(scoring.score, name, queries, reader, limit=limit, min_score=min_score, dead=dead)

    if not inverted.is_there(reader) or limit * PLAIN_FROM >= reader.rows:
        return plainly()
    living = _living(reader.rows, dead)
    best = BestRows(limit, min_score, distinct=len(queries) == 1)
    for number, row in enumerate(queries):
        query = Prepared.of(row, reader)
        rows = survivors(query, reader, living, limit, best.floor * query.scale / 100 - EPSILON)
        if rows is None:
            return plainly()
        if not len(rows):
            continue
        signatures = np.concatenate(reader.ranges(name, [(at, at + 1) for at in rows.tolist()]))
        best.add(rows, scoring.score(row, signatures), number)
        best.settle()
    return best.settle()


def cold(name: str, queries: Rows, reader: ColumnReader, *, limit: int) -> int:
    """Return the number of bytes that `search` would fetch, as `Family.cold` does."""
    everything = reader.cold(name)
    if not inverted.is_there(reader) or limit * PLAIN_FROM >= reader.rows:
        return everything
    of_index = 0
    for row in queries:
        channels = scoring.QueryTables.of(row).channels
        of_index += inverted.cold(reader, query_buckets(row, channels)[0], channels)
    of_index = min(of_index, reader.cold(inverted.BUCKETS) + reader.cold(inverted.INVERTED))
    return of_index + min(len(queries) * scattered(everything, LEFT * limit), everything)


def _living(rows: int, dead: NDArray[np.uint32] | None) -> Words:
    """Return the bitmap of living rows; rows that only pad the last word are not among them."""
    bits = np.zeros(inverted.padded(rows), np.uint8)
    bits[:rows] = 1
    if dead is not None:
        bits[dead.astype(np.int64)] = 0
    return np.packbits(bits).view(np.uint64)


def survivors(
    query: Prepared, reader: ColumnReader, living: Words, limit: int, floor: float
) -> NDArray[np.int64] | None:
    """Return the living rows that may be among the best `limit` or tie with them, and whose value may reach `floor`.

    None where there are too many to read one by one.
    """
    planes = coarse_bounds(query)
    offset = sum(colour.ceiling(COARSE) for colour in query.colours)
    slack = sum(colour.slack(COARSE) for colour in query.colours) + EPSILON

    def coarse(value: float) -> int:
        """Return the least coarse bound that a row of this value or more can have."""
        return 0 if value == -np.inf else math.ceil((value - slack) / COARSE) + offset

    cut = max(cut_of(planes, max(SEEDS * limit, MIN_SEEDS), living), coarse(floor))
    while True:
        rows = rows_of(at_least(planes, cut, living))
        if len(rows) * PLAIN_FROM > reader.rows:
            return None
        least, greatest = value_bounds(query, rows)
        if len(rows) >= limit:
            # `limit` rows have this value at least
            floor = max(floor, float(np.partition(least, len(least) - limit)[len(least) - limit]) - EPSILON)
        if coarse(floor) >= cut:
            return rows[greatest >= floor]
        cut = coarse(floor)


def coarse_bounds(query: Prepared) -> Words:
    """Return (bits, words): an upper bound of every row's value, in units of `COARSE`, plus the colours' ceilings."""
    weighted = [(bitmap, -(-weight // COARSE)) for bitmap, weight in query.read.bitmaps]
    weighted += [(plane, 1 << bit) for bit, plane in enumerate(_listed_planes(query.listed))]
    highest = sum(weight for _, weight in weighted) + sum(colour.ceiling(COARSE) for colour in query.colours)
    words = len(query.listed) // 64
    planes = np.empty((highest.bit_length(), words), np.uint64)
    for start in range(0, words, BLOCK_WORDS):
        block = slice(start, min(start + BLOCK_WORDS, words))
        adder = Adder(block.stop - start, len(planes))
        for bitmap, weight in weighted:
            adder.add(bitmap[block], weight)
        for colour, codes in zip(query.colours, query.read.colours, strict=True):
            for bit, plane in enumerate(colour.nearness(codes[:, block], COARSE)):
                adder.add(plane, 1 << bit)
        adder.total(planes[:, block])
    return planes


def _listed_planes(listed: NDArray[np.int16]) -> list[Words]:
    """Return the listed weights in units of `COARSE`, rounded up, as planes."""
    bits = (-(-int(listed.max()) // COARSE)).bit_length()
    planes = np.empty((bits, len(listed) // 8), np.uint8)
    units = np.empty(STRIP, np.int16)
    for start in range(0, len(listed), STRIP):
        strip = listed[start : start + STRIP]
        rounded = units[: len(strip)]
        np.add(strip, np.int16(COARSE - 1), out=rounded)
        np.right_shift(rounded, np.int16(COARSE.bit_length() - 1), out=rounded)
        for first in range(0, bits, 8):
            # bytes are packed three times as fast as numbers of 16 bits
            part = (rounded >> first if first else rounded).astype(np.uint8)
            for plane in range(first, min(first + 8, bits)):
                bit = part & np.uint8(1 << (plane - first))
                planes[plane, start // 8 : (start + len(strip)) // 8] = np.packbits(bit)
    return [plane.view(np.uint64) for plane in planes]


def value_bounds(query: Prepared, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a lower and an upper bound of the values of these rows: (rows,) float64 each."""
    bitmaps = [bitmap for bitmap, _ in query.read.bitmaps]
    weights = np.array([weight for _, weight in query.read.bitmaps], np.int64)
    least = query.listed[rows] + np.dot(weights, bits_of(bitmaps, rows)).astype(np.float64)
    greatest = least.copy()
    for colour, planes in zip(query.colours, query.read.colours, strict=True):
        nearest, farthest = colour.bounds(planes, rows)
        least -= farthest
        greatest -= nearest
    return least, greatest
