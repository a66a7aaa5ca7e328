"""The index of hashes of more than 64 bits: for every chunk of 16 bits, the rows with each of its numbers.

A hash of 256 bits has 16 chunks, too many to keep the hash itself for each, as `tables.py` does with 4. So the tables
hold rows only, which are verified in the column of the hashes. At radius 10 of 256 bits these are the rows of 11
numbers, at radius 31 those of 272: `chunks.py` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.hashes import chunks
from shards.families.hashes.chunks import CHUNK
from shards.families.hashes.near import Near
from shards.families.reading import SECONDS_A_BYTE, ColumnReader, has_columns, scattered

STARTS = ".starts"
"""Column (chunks · 2^bits + 1,) uint32: where the rows with each number of each chunk begin."""

POSTINGS = ".postings"
"""Column (chunks · rows,) uint32: for every chunk, all rows by the chunk's number, then rising."""

MAX_BITS = 256
"""Maximum number of bits of hashes that have such an index: it takes twice the room of the hashes themselves."""

ROWS_A_NUMBER = 8
"""Rows that should share a number, at least. If there are fewer, fewer bits of each chunk make its number."""

BUILT = 1 << 14
"""Hashes cut into chunks at a time: 4 MB, at a byte for each bit."""

QUERY_COST = 150e-6
PROBE_COST = 1e-6
ROW_COST = 50e-9
"""Seconds: of a query in any case, of a number looked up, and of a row listed under it, which misses the cache once."""

PICKED = 1024
"""Rows up to which hashes are read row by row; for more rows, that is done only if all hashes would be more bytes."""

SKEW = 8
"""A number is estimated to have at most so many times as many rows as the mean."""


def tables_of(bits: int) -> int:
    """Return the number of chunks of a hash of so many bits."""
    return -(-bits // CHUNK)


def build(name: str, words: NDArray[np.uint64], bits: int) -> dict[str, NDArray[Any]]:
    """Return the columns for hashes of `bits` bits, (rows, words).

    Memory: about 120 bytes a row at 256 bits, columns included.
    """
    tables = tables_of(bits)
    of_number = min(bits // tables, max(1, (len(words) // ROWS_A_NUMBER).bit_length() - 1))
    numbers = np.empty((tables, len(words)), np.uint16)
    for start in range(0, len(words), BUILT):
        numbers[:, start : start + BUILT] = numbers_of(words[start : start + BUILT], bits, of_number).T
    starts = np.zeros((tables << of_number) + 1, np.int64)
    postings = np.empty((tables, len(words)), "<u4")
    for table, of_rows in enumerate(numbers):
        first = table << of_number
        starts[first + 1 : first + 1 + (1 << of_number)] = np.bincount(of_rows, minlength=1 << of_number)
        # a stable sort keeps rows rising; for numbers of 16 bits it is a radix sort
        postings[table] = np.argsort(of_rows, kind="stable")
    return {name + STARTS: np.cumsum(starts).astype("<u4"), name + POSTINGS: postings.ravel()}


def numbers_of(words: NDArray[np.uint64], bits: int, of_number: int) -> NDArray[np.uint16]:
    """Return (rows, chunks) uint16: the first `of_number` bits of each chunk of the hashes (rows, words)."""
    values = np.ascontiguousarray(words, ">u8").view(np.uint8)
    parts = _parts(values.shape[1], bits, of_number)
    numbers: NDArray[np.uint16] = parts[0].take(values[:, 0], axis=0)
    for byte in range(1, values.shape[1]):
        numbers |= parts[byte].take(values[:, byte], axis=0)
    return numbers


@lru_cache
def _parts(size: int, bits: int, of_number: int) -> NDArray[np.uint16]:
    """Return (bytes, 256, chunks) uint16: the bits that each value of a hash's bytes sets in the chunks' numbers."""
    parts = np.zeros((size, 256, tables_of(bits)), np.uint16)
    values = np.arange(256)
    for chunk, members in enumerate(chunks.spread(bits, tables_of(bits))):
        for place, bit in enumerate(members[:of_number]):
            byte, within = divmod(bit + 8 * size - bits, 8)
            is_set = values >> (7 - within) & 1
            parts[byte, :, chunk] |= (is_set << (of_number - 1 - place)).astype(np.uint16)
    return parts


@dataclass(frozen=True, slots=True)
class PostingProbes:
    """The postings to verify for one hash and radius."""

    query: NDArray[np.uint64]
    radius: int

    spans: list[tuple[int, int]]
    """(first posting, posting after the last) of each number that is looked up."""

    seconds: float
    """Estimated duration of the lookup."""


@dataclass(frozen=True, slots=True)
class Postings:
    """The index in the columns of a segment."""

    reader: ColumnReader
    name: str
    bits: int

    of_number: int
    """Bits of each chunk that are its number: the first ones."""

    @classmethod
    def of(cls, reader: ColumnReader, name: str, bits: int) -> Postings | None:
        """Return the index of the family of this name, whose hashes have `bits` bits, if the segment has one.

        Raises CorruptObject.
        """
        tables = tables_of(bits)
        if not has_columns(
            reader, {name + STARTS: ("<u4", (None,)), name + POSTINGS: ("<u4", (tables * reader.rows,))}
        ):
            return None
        length = reader.length(name + STARTS) or 0
        of_number = (length // tables).bit_length() - 1
        if not 1 <= of_number <= bits // tables or length != (tables << of_number) + 1:
            raise reader.damaged(name + STARTS, f"has {length:,} places, which no number of chunks has")
        return cls(reader, name, bits, of_number)

    @property
    def tables(self) -> int:
        return tables_of(self.bits)

    def within(self, query: NDArray[np.uint64], number: int, radius: int, seconds: float) -> Near | None:
        """Return every row within `radius`, 0 to 3 · tables − 1, of this hash (words,), which is query `number`.

        None if that would take more than `seconds`.
        """
        probes = self.probes(query, radius)
        return self.near(probes, number) if probes.seconds <= seconds else None

    def probes(self, query: NDArray[np.uint64], radius: int) -> PostingProbes:
        """Return the postings of all rows within `radius`, 0 to 3 · tables − 1, of this hash (words,). One request."""
        flips = chunks.flips(self.of_number)
        name = self.name + STARTS
        if radius < self.tables:
            upto = flips.upto[:2]
            around = self.reader.ranges(name, self._around(query))
            first, last = np.concatenate(around).reshape(-1, 2, 1).swapaxes(0, 1)
        else:
            upto = flips.upto
            near = self._numbers(query)[:, None] ^ flips.masks
            starts = self.reader.column(name)
            first, last = starts[near], starts[near + 1]
        rows = np.zeros((self.tables, len(upto)))
        rows[:, 1:] = np.cumsum(last - first, axis=1)[:, np.array(upto[1:]) - 1]
        costs = rows * ROW_COST + np.array(upto) * PROBE_COST
        shares = chunks.share(radius, costs)
        spans = [
            span
            for table, share in enumerate(shares.tolist())
            for span in zip(
                first[table, : upto[share + 1]].tolist(), last[table, : upto[share + 1]].tolist(), strict=True
            )
            if span[0] < span[1]
        ]
        listed = int(rows[np.arange(self.tables), shares + 1].sum())
        fetched = self.reader.cold(self.name + POSTINGS, spans) + self._picked(listed)
        seconds = QUERY_COST + float(costs[np.arange(self.tables), shares + 1].sum()) + fetched * SECONDS_A_BYTE
        return PostingProbes(query, radius, spans, seconds)

    def cold(self, query: NDArray[np.uint64], radius: int) -> int:
        """Return the number of bytes that `within` would fetch; more if a number has very many rows."""
        starts = self.starts_cold(query, radius)
        if not starts:
            spans = self.probes(query, radius).spans
            listed = sum(stop - start for start, stop in spans)
            return self.reader.cold(self.name + POSTINGS, spans) + self._picked(listed)
        postings = self.tables * self.reader.rows
        spans = chunks.about(self._numbers(query).tolist(), radius, self.of_number, postings, SKEW)
        listed = sum(stop - start for start, stop in spans)
        return starts + self.reader.cold(self.name + POSTINGS, spans) + self._picked(listed)

    def starts_cold(self, query: NDArray[np.uint64], radius: int) -> int:
        """Return the number of bytes that `probes` would fetch for this hash."""
        return self.reader.cold(self.name + STARTS, None if radius >= self.tables else self._around(query))

    def everything_cold(self) -> int:
        """Return the number of bytes to fetch for the whole index, and the hashes in which rows are verified."""
        return sum(self.reader.cold(self.name + part) for part in (STARTS, POSTINGS, ""))

    def _picked(self, rows: int) -> int:
        """Return the mean number of bytes to fetch for the hashes of so many rows."""
        return scattered(self.reader.cold(self.name), rows)

    def _numbers(self, query: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return (chunks,) int64: the number of each chunk of the query, counted through all chunks."""
        own = numbers_of(query[None], self.bits, self.of_number)[0]
        numbers: NDArray[np.int64] = own + (np.arange(self.tables) << self.of_number)
        return numbers

    def _around(self, query: NDArray[np.uint64]) -> list[tuple[int, int]]:
        """Return the spans of the column of starts that say where the rows of the query's numbers begin and end."""
        return [(number, number + 2) for number in self._numbers(query).tolist()]

    def near(self, probes: PostingProbes, number: int) -> Near:
        """Return every row within the radius, for query `number`. Two requests."""
        listed = self.reader.ranges(self.name + POSTINGS, probes.spans)
        rows = np.concatenate([np.empty(0, np.uint32), *listed])
        if not rows.size:
            return Near.none()
        if rows.max() >= self.reader.rows:
            raise self.reader.damaged(self.name + POSTINGS, f"names row {rows.max():,} of {self.reader.rows:,}")
        rows, hashes = self._hashes(rows)
        counts = np.bitwise_count(hashes ^ probes.query)
        # word by word: numpy is slow at sums along an axis of 4
        distances = np.zeros(len(rows), np.int64)
        for word in range(counts.shape[1]):
            distances += counts[:, word]
        hits = np.flatnonzero(distances <= probes.radius)
        # a row that is near in several chunks is listed for each of them
        near, first = np.unique(rows[hits], return_index=True)
        return Near(near.astype(np.int64), distances[hits[first]], np.full(len(near), number))

    def _hashes(self, rows: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Return these rows, each once if they are read one by one, and (rows, words) uint64: their hashes."""
        all_cold = self.reader.cold(self.name)
        if len(rows) <= PICKED or all_cold:
            rows = np.unique(rows)
            spans = [(row, row + 1) for row in rows.tolist()]
            if len(rows) <= PICKED or self.reader.cold(self.name, spans) < all_cold:
                # the fields are joined, not the records: of records numpy compares the types, array by array
                return rows, np.concatenate([part["hash"] for part in self.reader.ranges(self.name, spans)])
        return rows, self.reader.column(self.name)["hash"].take(rows, axis=0)
