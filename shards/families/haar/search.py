"""Exact search over the inverted index.

A row's value is the weight it shares with the query less the distance of their colours, in hundredths: the score, not
yet scaled. Each query goes through three sieves, each of which keeps every row that could still be an answer:

1. a bound of every row's value, in coarse units rounded up, added up bit-sliced;
2. for rows whose bound is high enough: the exact weight, and both bounds of the distance, by what was read already;
3. for rows that may be among the best by those: the signature, read and scored by the plain formula.

So scores are those of the plain formula to the last bit, and a cold reader makes three rounds of requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.families.base import ColumnReader, Matches, Row, Rows, best_of, scattered, search_plainly
from shards.families.haar import inverted, scoring
from shards.families.haar.bitsliced import BLOCK_WORDS, Adder, Words, at_least, bits_of, cut_of, rows_of
from shards.families.haar.buckets import query_buckets
from shards.families.haar.colours import Colour
from shards.families.haar.gaps import add_at

SEARCH_FROM = 1 << 14
"""Rows from which an index is built: at half as many, scoring each row takes as long as looking into it."""

SEEDS = 4
"""For each wanted row, so many of the highest bounds are looked at to learn what the best reach at least."""

LEAST_SEEDS = 64

LEFT = 2
"""For each wanted row, so many signatures are taken to be read: of crossed real ones it is 1.1 to 1.5."""

MOST_OF_ALL = 32
"""Where one row in this many is left, or wanted, scoring every row is as fast."""

STRIP = 1 << 16
"""Rows whose listed weights become planes together: their 128 KB lie in the L2 cache."""

EPSILON = 1e-6
"""Hundredths that a value may be off in float64, with much to spare."""

COARSE = 16
"""Hundredths of a unit of the first sieve: most coefficients are worth 14, 27 or 30."""


KEPT_FREE = 31 << 20
"""Bytes. Of a freed array of this size glibc learns to keep freed memory instead of giving each array's pages back:
getting them anew is a page fault for every 4 KB, which would take a quarter of a search."""

np.empty(KEPT_FREE, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A query and what was read for it.

    `listed`: (padded rows,) int16: the weight each row shares by buckets that are lists, in hundredths.
    """

    scale: int
    colours: list[Colour]
    read: inverted.Read
    listed: NDArray[np.int16]

    @classmethod
    def of(cls, row: Row, reader: ColumnReader) -> Prepared:
        """Read what the query needs."""
        asked = scoring.Query.of(row)
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
    """As `Family.search` says."""

    def plainly() -> Matches:
        return search_plainly(scoring.score, name, queries, reader, limit=limit, min_score=min_score, dead=dead)

    if reader.length(inverted.INVERTED) is None or limit * MOST_OF_ALL >= reader.rows:
        return plainly()
    living = _living(reader.rows, dead)
    best = Matches.none()
    floor = -np.inf if min_score is None else min_score
    for which, row in enumerate(queries):
        query = Prepared.of(row, reader)
        rows = survivors(query, reader, living, limit, floor * query.scale / 100 - EPSILON)
        if rows is None:
            return plainly()
        if not len(rows):
            continue
        found = np.concatenate(reader.ranges(name, [(r, r + 1) for r in rows.tolist()]))
        scores = scoring.score(row, found)
        good = np.flatnonzero(scores >= floor)
        best = _merged(best, Matches(rows[good], scores[good], np.full(len(good), which)), limit)
        if len(best.rows) >= limit:
            floor = max(floor, float(best.scores[-1]))
    return best


def cold(name: str, queries: Rows, reader: ColumnReader, *, limit: int) -> int:
    """Bytes that `search` fetches, as `Family.cold` says."""
    everything = reader.cold(name)
    if reader.length(inverted.INVERTED) is None or limit * MOST_OF_ALL >= reader.rows:
        return everything
    of_index = 0
    for row in queries:
        channels = scoring.Query.of(row).channels
        of_index += inverted.cold(reader, query_buckets(row, channels)[0], channels)
    of_index = min(of_index, reader.cold(inverted.BUCKETS) + reader.cold(inverted.INVERTED))
    return of_index + min(len(queries) * scattered(everything, LEFT * limit), everything)


def _merged(best: Matches, more: Matches, limit: int) -> Matches:
    """The best of both, each row once, with the earlier query where it scores the same."""
    rows = np.concatenate([best.rows, more.rows])
    scores = np.concatenate([best.scores, more.scores])
    queries = np.concatenate([best.queries, more.queries])
    order = np.lexsort((queries, -scores, rows))
    first = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
    return best_of(Matches(rows[first], scores[first], queries[first]), limit)


def _living(rows: int, dead: NDArray[np.uint32] | None) -> Words:
    """The bitmap of living rows; those that only pad the last word do not live."""
    bits = np.zeros(inverted.padded(rows), np.uint8)
    bits[:rows] = 1
    if dead is not None:
        bits[dead.astype(np.int64)] = 0
    return np.packbits(bits).view(np.uint64)


def survivors(
    query: Prepared, reader: ColumnReader, living: Words, limit: int, floor: float
) -> NDArray[np.int64] | None:
    """The living rows that may be among the best `limit` or tie with them, and may be worth `floor` hundredths.

    None where there are too many to read one by one.
    """
    planes = coarse_bounds(query)
    offset = sum(colour.ceiling(COARSE) for colour in query.colours)
    slack = sum(colour.slack(COARSE) for colour in query.colours) + EPSILON

    def coarse(value: float) -> int:
        """What the coarse bound of a row of this value or more is at least."""
        return 0 if value == -np.inf else math.ceil((value - slack) / COARSE) + offset

    cut = max(cut_of(planes, max(SEEDS * limit, LEAST_SEEDS), living), coarse(floor))
    while True:
        rows = rows_of(at_least(planes, cut, living))
        if len(rows) * MOST_OF_ALL > reader.rows:
            return None
        least, greatest = value_bounds(query, rows)
        if len(rows) >= limit:
            # so many rows are worth this at least
            floor = max(floor, float(np.partition(least, len(least) - limit)[len(least) - limit]) - EPSILON)
        if coarse(floor) >= cut:
            return rows[greatest >= floor]
        cut = coarse(floor)


def coarse_bounds(query: Prepared) -> Words:
    """(bits, words): for every row a bound of its value, in units of `COARSE` from the colours' ceilings down."""
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
    """The listed weights in units of `COARSE`, rounded up, as planes."""
    bits = (-(-int(listed.max()) // COARSE)).bit_length()
    planes = np.empty((bits, len(listed) // 8), np.uint8)
    units = np.empty(STRIP, np.int16)
    for start in range(0, len(listed), STRIP):
        strip = listed[start : start + STRIP]
        some = units[: len(strip)]
        np.add(strip, np.int16(COARSE - 1), out=some)
        np.right_shift(some, np.int16(COARSE.bit_length() - 1), out=some)
        for first in range(0, bits, 8):
            # by bytes: three times as fast as by 16 bits
            part = (some >> first if first else some).astype(np.uint8)
            for plane in range(first, min(first + 8, bits)):
                bit = part & np.uint8(1 << (plane - first))
                planes[plane, start // 8 : (start + len(strip)) // 8] = np.packbits(bit)
    return [plane.view(np.uint64) for plane in planes]


def value_bounds(query: Prepared, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rows,) float64 each: these rows' values are at least the first and at most the second."""
    bitmaps = [bitmap for bitmap, _ in query.read.bitmaps]
    weights = np.array([weight for _, weight in query.read.bitmaps], np.int64)
    least = query.listed[rows] + np.dot(weights, bits_of(bitmaps, rows)).astype(np.float64)
    greatest = least.copy()
    for colour, planes in zip(query.colours, query.read.colours, strict=True):
        nearest, farthest = colour.bounds(planes, rows)
        least -= farthest
        greatest -= nearest
    return least, greatest
