"""What all hashes share: bits in words, and the distance that counts the bits that differ."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import ColumnReader, Family, Matches, Row, Rows, best_of
from shards.families.hashes import nearest, postings, tables
from shards.families.hashes.scan import WORDS

WORD = 64

INDEXED = 1 << 16
"""Rows from which on a segment gets columns for searching: fewer are scanned in 0.1 ms and read as a whole in one
request, which no index improves on."""


class HammingFamily(Family):
    """A family of `bits` bits in the field `hash`: ceil(bits / 64) words `<u8`.

    The hash is one number, its first bit the most significant; word 0 holds the top of it, and where the bits do
    not fill the words it is the top of word 0 that stays 0.
    """

    bits: int

    def score(self, query: Row, rows: Rows) -> NDArray[np.float64]:
        """(rows,) float64: 100 · (1 − distance / bits), the distance in differing bits."""
        return self._scores[self.distances(query, rows)]

    def score_pairs(self, queries: Rows, rows: Rows) -> NDArray[np.float64]:
        return self._scores[self.distances(queries, rows)]

    def distances(self, query: Row | Rows, rows: Rows) -> NDArray[np.uint16]:
        """(rows,) uint16: in how many bits each row differs from the query, or from its own where there are several."""
        stored, asked = rows["hash"], query["hash"]
        distances = np.zeros(len(rows), np.uint16)
        for word in range(stored.shape[1]):
            distances += np.bitwise_count(stored[:, word] ^ asked[..., word])
        return distances

    def score_at(self, distance: float) -> float:
        """The score of two hashes that differ in so many bits."""
        return 100.0 * (1.0 - distance / self.bits)

    def distance_at(self, score: float) -> float:
        """The number of differing bits that gives this score."""
        return (1.0 - score / 100.0) * self.bits

    def radius(self, min_score: float) -> int:
        """The greatest distance in bits that scores at least `min_score`; −1 where none does."""
        return int(np.count_nonzero(self._scores >= min_score)) - 1

    def count_ones(self, rows: Rows) -> NDArray[np.int64]:
        """(rows,) int64: how many bits of each hash are 1."""
        ones: NDArray[np.int64] = np.bitwise_count(rows["hash"]).sum(axis=1, dtype=np.int64)
        return ones

    def columns(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """The hashes; and of a large segment, what to look them up by, and the words of those that have several."""
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
        """As the contract says; within a few bits of a few queries it does not look at every row."""
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
        """As the contract says; where every row is looked at, it is so once for all questions."""
        radius = self.bits if min_score is None else self.radius(min_score)
        words = [queries["hash"] for queries in questions]
        found = nearest.search(reader, self.name, self.bits, words, radius=radius, limit=limit, dead=dead)
        return [best_of(Matches(near.rows, self._scores[near.distances], near.queries), limit) for near in found]

    def cold(self, queries: Rows, reader: ColumnReader, *, limit: int, min_score: float | None = None) -> int:
        """As the contract says: some buckets, or all the hashes. Many copies of a hash that is near add to that."""
        radius = self.bits if min_score is None else self.radius(min_score)
        return nearest.cold(reader, self.name, self.bits, queries["hash"], radius=radius, limit=limit)

    @cached_property
    def _scores(self) -> NDArray[np.float64]:
        """(bits + 1,) float64: the score at each distance. A table, so that a row at distance d scores exactly
        `score_at(d)`, to the last bit, and a search within a radius loses none on its edge."""
        return np.array([self.score_at(distance) for distance in range(self.bits + 1)])


def words_of(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The words of a hash of these bits, read in C order, the first one the most significant."""
    flat = bits.ravel()
    padded = np.zeros(-(-flat.size // WORD) * WORD, np.bool_)
    padded[padded.size - flat.size :] = flat
    return np.packbits(padded).view(">u8").astype("<u8")


def words_of_number(number: int, words: int) -> NDArray[np.uint64]:
    """The words of a hash given as one number below 2 ** (64 · words)."""
    return np.frombuffer(number.to_bytes(words * 8, "big"), ">u8").astype("<u8")


def number_of(words: NDArray[np.uint64]) -> int:
    """The hash as one number."""
    return int.from_bytes(words.astype(">u8").tobytes(), "big")
