"""The scan of hashes word by word: it finds the nearest of all rows, for any size and radius.

Blocks and their temporaries, which are allocated once, fit the L2 cache, and all queries go over a block while it is
there. Where the first words alone exclude nearly every row, the others are looked up for the few rows that are left.
The radius shrinks as near rows are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.hashes.near import Near
from shards.families.reading import ColumnReader, has_column

WORDS = ".words"
"""Column (words · rows,) uint64: word 0 of every row, then word 1 of every row, …"""

BLOCK = 1 << 15
"""Rows compared at a time: 256 KB of words and as much of differences."""

FIRST = 1 << 11
"""Rows after which the radius shrinks for the first time; then after 8 times as many, and so on."""

PIECE = 1 << 21
"""Rows read at a time: 16 MB of a word, so that requests are few and memory stays small."""

COMPARED = 1 << 23
"""Maximum number of rows compared, over all queries, before the radii shrink again: until then every near row is kept,
in 24 bytes."""

FEW = 16
"""The next word is looked up row by row if at most one row in this many is left: a row of a whole block costs a
nanosecond, looking up a single row about 10."""

REQUESTED = 64
"""Rows up to which a store is asked for the word of each: it reads 16 KiB around each, and a piece is 16 MB."""

SECONDS_A_ROW = 1.0e-9
"""Time that one word of one row takes."""


def is_by_word(reader: ColumnReader, name: str) -> bool:
    """Return True if a segment has the words of its hashes. Raises CorruptObject where they are not as many."""
    form = reader.form(name)
    words = 0 if form is None else form[0]["hash"].shape[0]
    return has_column(reader, name + WORDS, "<u8", (words * reader.rows,))


def scan(
    reader: ColumnReader,
    name: str,
    questions: Sequence[NDArray[np.uint64]],
    *,
    radius: int,
    limit: int,
    dead: NDArray[np.uint32] | None,
) -> list[Near]:
    """Return for each question the living rows within `radius` of the nearest of its queries (q, words).

    These are all such rows, or at least the nearest `limit` of them with all ties. Columns are read once for all
    questions.
    """
    collectors = [NearestRows(limit, radius, dead) for _ in questions]
    rows = reader.rows
    step = FIRST
    longest = max(COMPARED // max(sum(map(len, questions)), 1), BLOCK)
    for start in range(0, rows, PIECE):
        piece = Piece(reader, name, start, min(start + PIECE, rows))
        at = start
        while at < piece.stop:
            stop = min(at + min(step, longest), piece.stop)
            radii = [nearest.radius for nearest in collectors]
            for nearest, near in zip(collectors, _within(piece, questions, at, stop, radii), strict=True):
                nearest.add(near)
            at = stop
            step = min(step * 8, PIECE)
    return [nearest.all() for nearest in collectors]


@dataclass(slots=True)
class NearestRows:
    """The collector of rows within a radius, which shrinks to the distance of the `limit`-th nearest row.

    Unlike `shards.families.matches.BestRows`, it neither scores nor sorts: distances are small integers, whose
    histogram tells the radius in a fraction of the time.
    """

    limit: int
    radius: int
    dead: NDArray[np.uint32] | None
    parts: list[Near] = field(default_factory=list)

    def add(self, near: Near) -> None:
        """Take rows that were not added before, each once."""
        near = near.living(self.dead)
        if not len(near):
            return
        self.parts.append(near)
        at_distance = np.bincount(np.concatenate([part.distances for part in self.parts]))
        enough = np.flatnonzero(np.cumsum(at_distance) >= self.limit)
        if enough.size and enough[0] < self.radius:
            self.radius = int(enough[0])
            self.parts = [part.take(part.distances <= self.radius) for part in self.parts]

    def all(self) -> Near:
        """Return all rows that are within the radius."""
        return Near.join([Near.none(), *self.parts])


class Piece:
    """The words of rows `start` to `stop`, which are read when they are first needed."""

    def __init__(self, reader: ColumnReader, name: str, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop
        self._reader = reader
        self._name = name
        self._by_word = is_by_word(reader, name)
        self._words: dict[int, NDArray[np.uint64]] = {}

    def word(self, word: int) -> NDArray[np.uint64]:
        """Return (rows,) uint64: this word of every row."""
        if word not in self._words:
            if self._by_word:
                before = word * self._reader.rows
                column = self._reader.column(self._name + WORDS, before + self.start, before + self.stop)
            else:
                column = self._reader.column(self._name, self.start, self.stop)["hash"][:, word]
            self._words[word] = column
        return self._words[word]

    def pick(self, word: int, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return this word of some rows."""
        if word in self._words or not self._by_word or len(rows) > REQUESTED:
            return self.word(word)[rows - self.start]
        if not len(rows):
            return np.empty(0, np.uint64)
        before = word * self._reader.rows
        spans = [(before + row, before + row + 1) for row in rows.tolist()]
        return np.concatenate(self._reader.ranges(self._name + WORDS, spans))


def _within(
    piece: Piece, questions: Sequence[NDArray[np.uint64]], start: int, stop: int, radii: Sequence[int]
) -> list[Near]:
    """Return for each question the rows from `start` up to `stop` within its radius, each once."""
    scratch = Scratch.of(min(BLOCK, stop - start))
    left: list[list[list[Left]]] = [[[] for _ in queries] for queries in questions]
    for at in range(start, stop, BLOCK):
        end = min(at + BLOCK, stop)
        for queries, radius, parts_of in zip(questions, radii, left, strict=True):
            for query, parts in zip(queries, parts_of, strict=True):
                part = scratch.left(piece, query, at, end, radius)
                if part is not None:
                    parts.append(part)
    nearest = []
    for queries, radius, parts_of in zip(questions, radii, left, strict=True):
        near = [
            _finished(piece, query, number, parts, radius)
            for number, (query, parts) in enumerate(zip(queries, parts_of, strict=True))
            if parts
        ]
        nearest.append(Near.join(near).nearest_query() if len(near) > 1 else near[0] if near else Near.none())
    return nearest


def _finished(piece: Piece, query: NDArray[np.uint64], number: int, left: list[Left], radius: int) -> Near:
    """Return which of these rows are within the radius of query `number`, by all of their words."""
    rows, sums, words = (
        np.concatenate(parts) for parts in zip(*((part.rows, part.sums, part.words) for part in left), strict=True)
    )
    for word in range(1, len(query)):
        unfinished = np.flatnonzero(words <= word)
        sums[unfinished] += np.bitwise_count(piece.pick(word, rows[unfinished]) ^ query[word])
        near = sums <= radius
        rows, sums, words = rows[near], sums[near], words[near]
    return Near(rows, sums, np.full(len(rows), number))


@dataclass(frozen=True, slots=True)
class Left:
    """Rows that their first words do not exclude."""

    rows: NDArray[np.int64]
    """(n,) int64."""

    sums: NDArray[np.int64]
    """(n,) int64: bits that differ in the words that were compared."""

    words: NDArray[np.int64]
    """(n,) int64: how many words were compared."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Temporary arrays for one block, which are used again for the next."""

    differences: NDArray[np.uint64]
    counts: NDArray[np.uint8]
    totals: NDArray[np.uint16]
    is_near: NDArray[np.bool_]

    @classmethod
    def of(cls, size: int) -> Scratch:
        return cls(np.empty(size, np.uint64), np.empty(size, np.uint8), np.empty(size, np.uint16), np.empty(size, bool))

    def left(self, piece: Piece, query: NDArray[np.uint64], start: int, stop: int, radius: int) -> Left | None:
        """Return the rows from `start` up to `stop` that are left after the first word, or after so many that few are.

        None if no row is left.
        """
        n = stop - start
        differences, counts, totals, is_near = (
            self.differences[:n],
            self.counts[:n],
            self.totals[:n],
            self.is_near[:n],
        )
        block = slice(start - piece.start, stop - piece.start)
        sums: NDArray[np.unsignedinteger[Any]] = counts
        for word, asked in enumerate(query):
            np.bitwise_xor(piece.word(word)[block], asked, out=differences)
            if word == 1:
                # a byte holds the count of one word, not that of four
                sums = totals
                sums[:] = counts
            np.bitwise_count(differences, out=counts)
            if word:
                sums += counts
            np.less_equal(sums, radius, out=is_near)
            count = np.count_nonzero(is_near)
            if not count:
                return None
            if count * FEW <= n:
                break
        near = np.flatnonzero(is_near)
        return Left(near + start, sums[near].astype(np.int64), np.full(len(near), word + 1))
