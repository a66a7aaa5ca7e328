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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shards.allocator import keep_freed_memory
from shards.families.base import Row, Rows, search_plainly
from shards.families.haar import inverted, scoring
from shards.families.haar.bitsliced import BLOCK_WORDS, Adder, Words, at_least, bits_of, cut_of, rows_of
from shards.families.haar.buckets import query_buckets
from shards.families.haar.colours import Colour, near_grey
from shards.families.haar.gaps import add_at
from shards.families.haar.row import GREY
from shards.families.haar.scoring import WEIGHTS
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

TELLING = 12
"""Bitmaps of I and Q that tell rows of little colour from grey ones, before every row's bound is looked at: so many
leave one in fifty of the former, and cost a fiftieth of the sum."""

COARSE = 16
"""Hundredths in a unit of the first filter: most coefficients weigh 14, 27 or 30."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A query, and the parts of the index that were read for it."""

    line: scoring.Line
    """The line from values to scores."""

    colours: list[Colour]
    read: inverted.Read

    listed: NDArray[np.int16]
    """(padded rows,) int16: the weight that each row shares through buckets that are lists, in hundredths."""

    grey_line: scoring.Line | None
    """The same line of grey rows, where the colours I and Q do not count for them though the query has some."""

    near_grey: Words | None
    """The bitmap of rows that may be grey, where `grey_line` is there."""

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
        colours = [Colour.of(asked.avgl, channel) for channel in range(asked.channels)]
        return cls(asked.line, colours, read, listed, asked.grey_line, _near_grey(read) if asked.grey_line else None)

    @property
    def chroma(self) -> float:
        """The most, in hundredths, by which a grey row's distance in I and Q can lower its value."""
        return sum(colour.from_grey for colour in self.colours[1:]) + float(WEIGHTS[1:, 0].max()) * GREY


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
    best = BestRows(limit, min_score)

    def score(rows: NDArray[np.int64], number: int) -> None:
        if len(rows):
            signatures = np.concatenate(reader.ranges(name, [(at, at + 1) for at in rows.tolist()]))
            best.add(rows, scoring.score(queries[number], signatures), number)
            best.settle()

    for number, row in enumerate(queries):
        query = Prepared.of(row, reader)
        filters = first_filters(query, living)
        left = survivors(query, filters, reader, limit, best.floor - EPSILON)
        if left is None and len(filters) > 1:
            # what the bounds cannot tell is whether a row of little colour is grey: among many, the likeliest say it
            score(likeliest(filters[1], limit), number)
            left = survivors(query, filters, reader, limit, best.floor - EPSILON)
        if left is None:
            return plainly()
        rows, greatest = left
        if len(rows) > SEEDS * limit:
            # for the same reason
            first = np.argpartition(-greatest, SEEDS * limit)[: SEEDS * limit]
            score(rows[np.sort(first)], number)
            greatest[first] = -np.inf
        score(rows[greatest >= best.floor - EPSILON], number)
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


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """The first filter, for rows whose scores lie on one line."""

    planes: Words
    """(bits, words): the coarse bounds of all rows."""

    rows: Words
    """Bitmap of the rows."""

    line: scoring.Line

    offset: float
    """Coarse bound of a row of value 0."""

    unread: float
    """The most, in hundredths, by which the value of a row exceeds what its coarse bound says."""

    def seeds(self, count: int) -> float:
        """Return a score that at least `count` of the rows may have, as far as this filter knows."""
        value = (cut_of(self.planes, count, self.rows) - self.offset - 0.5) * COARSE + self.unread
        return float(self.line.scores(np.array(value)))

    def cut(self, score: float) -> int:
        """Return the least coarse bound that a row of this score or more can have."""
        if score == -np.inf:
            return 0
        return max(math.ceil((self.line.value(score) - self.unread) / COARSE + self.offset), 0)

    def reaching(self, cut: int) -> Words:
        """Return the bitmap of rows with a coarse bound of at least `cut`."""
        return at_least(self.planes, cut, self.rows)


def _near_grey(read: inverted.Read) -> Words:
    """Return the bitmap of rows that may be grey. A row in a bucket of I or Q is not."""
    near = near_grey(read.colours[1:])
    telling = [bitmap for bitmap, _ in read.bitmaps[read.of_luma :][:TELLING]]
    if telling:
        in_colour = telling[0].copy()
        for bitmap in telling[1:]:
            in_colour |= bitmap
        near &= ~in_colour
    return near


def likeliest(first: Filter, limit: int) -> NDArray[np.int64]:
    """Return at least `limit` rows with the highest coarse bounds, but not many more; fewer where there are no more."""
    return rows_of(first.reaching(first.cut(first.seeds(limit))))[: SEEDS * limit + MIN_SEEDS]


def survivors(
    query: Prepared, filters: Sequence[Filter], reader: ColumnReader, limit: int, floor: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Return the living rows that may be among the best `limit` or tie with them, and whose score may reach `floor`.

    Beside them the most that each may score. None where there are too many to read one by one.
    """
    # of rows in the first filter the bounds are close
    score = max(floor, filters[0].seeds(max(SEEDS * limit, MIN_SEEDS)))
    cuts = [each.cut(score) for each in filters]
    while True:
        rows = rows_of(np.bitwise_or.reduce([each.reaching(cut) for each, cut in zip(filters, cuts, strict=True)]))
        if len(rows) * PLAIN_FROM > reader.rows:
            return None
        least, greatest = score_bounds(query, rows)
        if len(rows) >= limit:
            # `limit` rows have this score at least
            floor = max(floor, float(np.partition(least, len(least) - limit)[len(least) - limit]) - EPSILON)
        needed = [each.cut(floor) for each in filters]
        if all(need >= cut for need, cut in zip(needed, cuts, strict=True)):
            reaching = greatest >= floor
            return rows[reaching], greatest[reaching]
        cuts = needed


def first_filters(query: Prepared, living: Words) -> list[Filter]:
    """Return the first filter of all living rows and, where grey rows have a line of their own, that of these."""
    planes = coarse_bounds(query)
    offset = sum(colour.ceiling(COARSE) for colour in query.colours)
    slack = sum(colour.slack(COARSE) for colour in query.colours) + EPSILON
    filters = [Filter(planes, living, query.line, offset, slack)]
    if query.grey_line is not None and query.near_grey is not None:
        grey = living & query.near_grey
        if grey.any():
            # I and Q are in the planes, but count for nothing
            filters.append(Filter(planes, grey, query.grey_line, offset, slack + query.chroma))
    return filters


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


def score_bounds(query: Prepared, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a lower and an upper bound of the scores of these rows: (rows,) float64 each."""
    bitmaps = [bitmap for bitmap, _ in query.read.bitmaps]
    weights = np.array([weight for _, weight in query.read.bitmaps], np.int64)
    containing = bits_of(bitmaps, rows)
    shared = query.listed[rows] + np.dot(weights, containing).astype(np.float64)
    distances = [colour.bounds(planes, rows) for colour, planes in zip(query.colours, query.read.colours, strict=True)]
    least = query.line.scores(shared - sum(farthest for _, farthest in distances))
    greatest = query.line.scores(shared - sum(nearest for nearest, _ in distances))
    if query.grey_line is not None and query.near_grey is not None:
        # a grey row is in no bucket of I and Q: what is in one is in colour, and what a grey row shares is luma
        in_colour = containing[query.read.of_luma :].any(axis=0)
        near = np.flatnonzero(bits_of([query.near_grey], rows)[0].astype(bool) & ~in_colour)
        nearest, farthest = (bound[near] for bound in distances[0])
        least[near] = np.minimum(least[near], query.grey_line.scores(shared[near] - farthest))
        greatest[near] = np.maximum(greatest[near], query.grey_line.scores(shared[near] - nearest))
    return least, greatest
