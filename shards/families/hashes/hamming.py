"""The base of all families of hashes: bits in words, compared by the number of bits that differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import SignatureError
from shards.families import rates
from shards.families.base import Family, PairWords, Row, Rows
from shards.families.hashes import nearest, postings, tables
from shards.families.hashes.scan import WORDS
from shards.families.matches import Matches, best_of
from shards.families.reading import ColumnReader

WORD = 64
"""Bits of a machine word."""

CHUNKS = 4
"""Chunks of a long hash, of 16 bits or almost, that make a word."""

INDEXED = 1 << 16
"""Number of rows from which on a segment gets search columns: fewer are read in one request and scanned in 0.1 ms,
which no index improves on."""


class HammingFamily(Family):
    """A family of hashes in the field `hash` of a row: ceil(bits / 64) words `<u8`.

    A hash is one number, whose first bit is the most significant. Word 0 holds the top of it; where the bits do not
    fill the words, the top of word 0 stays 0.
    """

    bits: int
    """Number of bits in a hash."""

    unit = "bits"

    def of_bits(self, bits: NDArray[np.bool_]) -> Row:
        """Return the hash of these bits, line by line; hashes are square. Raises SignatureError for another shape."""
        side = isqrt(self.bits)
        if bits.shape != (side, side):
            shape = " × ".join(map(str, bits.shape))
            raise SignatureError(f"a hash of {shape} bits is no {self.name}: that has {side} × {side}")
        return self.parse(f"{number_of(words_of(bits)):0{-(-self.bits // 4)}x}")

    @property
    def duplicate_score(self) -> float:
        """Score of 3 bits of 64, or of a match if that is higher: other pictures are often only similar scenes."""
        return max(100 * (1 - 3 / 64), self.match_score)

    def match_score_measured(self) -> float:
        """Return the least score of two hashes whose false rate, as measured, is that of a match."""
        return self.score_at(math.floor(self.distance_at(rates.score_at(self.name, rates.MATCH_RATE))))

    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        """Return (rows,) float64: 100 · (1 − distance / bits), the distance in differing bits."""
        return self._scores[self.distances(query, rows)]

    def score_pairs(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        return self._scores[self.distances(first, second)]

    def distances(self, query: Row | Rows, rows: Rows) -> NDArray[np.uint16]:
        """Return (rows,) uint16: the number of bits in which rows differ from the query, or each from its own query."""
        stored, asked = rows["hash"], query["hash"]
        distances = np.zeros(len(rows), np.uint16)
        for word in range(stored.shape[1]):
            distances += np.bitwise_count(stored[:, word] ^ asked[..., word])
        return distances

    def score_at(self, distance: float) -> float:
        """Return the score of two hashes that differ in so many bits."""
        return 100.0 * (1.0 - distance / self.bits)

    def distance_at(self, score: float) -> float:
        """Return the number of differing bits that gives this score."""
        return (1.0 - score / 100.0) * self.bits

    def radius(self, min_score: float) -> int:
        """Return the greatest distance in bits that scores at least `min_score`; −1 if no distance does."""
        return int(np.count_nonzero(self._scores >= min_score)) - 1

    def count_ones(self, rows: Rows) -> NDArray[np.int64]:
        """Return (rows,) int64: how many bits of each hash are 1."""
        ones: NDArray[np.int64] = np.bitwise_count(rows["hash"]).sum(axis=1, dtype=np.int64)
        return ones

    def word(self, rows: Rows) -> NDArray[np.uint64] | None:
        words: NDArray[np.uint64] = rows["hash"]
        return words[:, 0] if self.bits == WORD else None

    def pair_words(self, rows: Rows, min_score: float) -> PairWords:
        """Return the hashes themselves, or of longer ones words made of a part of the bits each.

        Of two hashes within r bits, one of p parts differs in at most r / p bits.
        """
        radius = self.radius(min_score)
        if self.bits <= WORD:
            return PairWords((rows["hash"][:, 0],), self.bits, radius, decides=True)
        chunks = postings.tables_of(self.bits)
        numbers = postings.numbers_of(rows["hash"], self.bits, self.bits // chunks)
        words = tuple(
            np.ascontiguousarray(numbers[:, first : first + CHUNKS]).view(np.uint64)[:, 0]
            for first in range(0, chunks - CHUNKS + 1, CHUNKS)
        )
        return PairWords(words, WORD, radius // len(words), decides=False)

    def columns(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Return the hashes; and for a large segment their index, and the words of hashes that have several."""
        columns: dict[str, NDArray[Any]] = {self.name: rows}
        if len(rows) < INDEXED:
            return columns
        if self.bits == tables.BITS and len(rows) < tables.MANY:
            columns |= tables.build(self.name, rows["hash"][:, 0])
        if self.bits > WORD:
            columns[self.name + WORDS] = np.ascontiguousarray(rows["hash"].T).ravel()
        if WORD < self.bits <= postings.MAX_BITS and len(rows) * postings.tables_of(self.bits) < 1 << 32:
            columns |= postings.build(self.name, rows["hash"], self.bits)
        return columns

    def search(
        self,
        queries: Rows,
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> Matches:
        """Search as the contract says; within a few bits of a few queries not every row is looked at."""
        return self.search_many([queries], reader, limit=limit, min_score=min_score, dead=dead)[0]

    def search_many(
        self,
        questions: Sequence[Rows],
        reader: ColumnReader,
        *,
        limit: int,
        min_score: float | None = None,
        dead: NDArray[np.uint32] | None = None,
    ) -> list[Matches]:
        """Search as the contract says. Where every row is looked at, that is done once for all questions."""
        radius = self.bits if min_score is None else self.radius(min_score)
        words = [queries["hash"] for queries in questions]
        nearest_rows = nearest.search(reader, self.name, self.bits, words, radius=radius, limit=limit, dead=dead)
        return [best_of(Matches(near.rows, self._scores[near.distances], near.queries), limit) for near in nearest_rows]

    def cold(self, queries: Rows, reader: ColumnReader, *, limit: int, min_score: float | None = None) -> int:
        """Return the size of some buckets, or of all hashes. Many copies of a hash that is near may come on top."""
        radius = self.bits if min_score is None else self.radius(min_score)
        return nearest.cold(reader, self.name, self.bits, queries["hash"], radius=radius, limit=limit)

    @cached_property
    def _scores(self) -> NDArray[np.float64]:
        """(64 · words + 1,) float64: the score at each distance, also those above `bits`, which damaged hashes have.

        A table, so that a row at distance d scores exactly `score_at(d)`, and a search within a radius loses no row on
        its edge.
        """
        return np.array([self.score_at(distance) for distance in range(-(-self.bits // WORD) * WORD + 1)])


def words_of(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return the words of a hash of these bits, which are read in C order, the most significant bit first."""
    flat = bits.ravel()
    padded = np.zeros(-(-flat.size // WORD) * WORD, np.bool_)
    padded[padded.size - flat.size :] = flat
    return np.packbits(padded).view(">u8").astype("<u8")


def words_of_number(number: int, words: int) -> NDArray[np.uint64]:
    """Return the words of a hash given as one number below 2 ** (64 · words)."""
    return np.frombuffer(number.to_bytes(words * 8, "big"), ">u8").astype("<u8")


def number_of(words: NDArray[np.uint64]) -> int:
    """Return the hash as one number."""
    return int.from_bytes(words.astype(">u8").tobytes(), "big")
