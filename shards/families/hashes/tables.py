"""The columns of the pigeonhole index: four tables of buckets, each holding every different hash of a segment.

The 64 bits of a hash are permuted, so that the bit in row r and column c of an 8 × 8 hash is in chunk (r + c) mod 4:
neighbouring bits of a hash are alike, and chunks of neighbours would give buckets 20 times larger. Table t is sorted by
the permuted hash, rotated so that chunk t is on top. Its top `bits` bits are the number of the bucket.

A bucket of n hashes is ⌈3n/2⌉ words: n rotated hashes, rising, then n references of 32 bits. So one range of bytes has
both the hashes to compare and their rows. The reference of a hash that occurs once is its row. Otherwise it is MANY
plus a position among the copies, where the number of rows stands and after it the rows.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.hashes.chunks import CHUNK, spread

TABLES = 4
BITS = TABLES * CHUNK

STARTS = ".starts"
"""Column (4 · 2^bits + 1,) uint32: the word where each bucket of each table begins."""

BUCKETS = ".buckets"
"""Column (words,) uint64: the buckets, those of table 0 first."""

COPIES = ".copies"
"""Column (…,) uint32: for each hash with several rows how many, and the rows, rising."""

MANY = 1 << 31
"""Number added to references to copies: rows are below it."""

BUCKET = 64
"""Hashes that a bucket should hold, at least, as long as the chunk has bits to tell them apart: finding smaller buckets
would cost more than reading them, and a store reads 16 KiB in any case."""

FEWEST_BITS = 4


def _permutation() -> NDArray[np.uint64]:
    """Return (8, 256) uint64: the places of the bits of each value of each byte, the least significant byte first."""
    goes_to = {bit: 63 - place for place, bit in enumerate(chain.from_iterable(spread(64, TABLES)))}
    moved = np.zeros((8, 256), np.uint64)
    for byte in range(8):
        for value in range(256):
            # bit 0 of a hash, the first in its first row, is the most significant
            bits = [63 - (8 * byte + n) for n in range(8) if value >> n & 1]
            moved[byte, value] = sum(1 << goes_to[bit] for bit in bits)
    return moved


PERMUTATION = _permutation()
MOVED = PERMUTATION.tolist()


def permuted(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the hashes with chunk 0 in their top 16 bits, chunk 1 in the next, and so on."""
    values = np.ascontiguousarray(hashes, "<u8").view(np.uint8).reshape(-1, 8)
    moved: NDArray[np.uint64] = PERMUTATION[0][values[:, 0]]
    for byte in range(1, 8):
        moved |= PERMUTATION[byte][values[:, byte]]
    return moved


def permuted_one(number: int) -> int:
    """Permute one hash as `permuted` does."""
    return sum(MOVED[byte][number >> 8 * byte & 255] for byte in range(8))


def rotated(permuted_hash: int, table: int) -> int:
    """Return the permuted hash with the chunk of this table on top."""
    top = permuted_hash << CHUNK * table
    return (top | top >> 64) & (1 << 64) - 1


def bucket_bits(hashes: int) -> int:
    """Return the number of bits that number the buckets of a table of so many hashes."""
    return min(max((hashes // BUCKET).bit_length() - 1, FEWEST_BITS), CHUNK)


def build(name: str, hashes: NDArray[np.uint64], bits: int | None = None) -> dict[str, NDArray[Any]]:
    """Return the columns for these hashes, one a row, for fewer than MANY rows.

    Memory: about 130 bytes a row, columns included.
    """
    values, references, copies = _different(permuted(hashes))
    bits = bucket_bits(len(values)) if bits is None else bits
    turned = [_rotated(values, table) for table in range(TABLES)]
    shift = np.uint64(64 - bits)
    counts = np.stack([np.bincount((hashes >> shift).view(np.int64), minlength=1 << bits) for hashes in turned])
    starts = np.zeros(TABLES * (1 << bits) + 1, np.int64)
    np.cumsum((counts + (counts + 1) // 2).ravel(), out=starts[1:])
    buckets = np.zeros(int(starts[-1]), "<u8")
    rows = buckets.view("<u4")
    for table, of_bucket in enumerate(counts):
        order = np.argsort(turned[table])
        begin = starts[table << bits : (table + 1) << bits]
        before = np.cumsum(of_bucket) - of_bucket
        within = np.arange(len(order))
        buckets[within + np.repeat(begin - before, of_bucket)] = turned[table][order]
        rows[within + np.repeat(2 * (begin + of_bucket) - before, of_bucket)] = references[order]
    return {name + STARTS: starts.astype("<u4"), name + BUCKETS: buckets, name + COPIES: copies}


def _different(
    hashes: NDArray[np.uint64],
) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the different hashes, rising; a reference for each; and the copies."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(order) else order
    counts = np.diff(first, append=len(order))
    references = order[first].astype("<u4")
    has_copies = counts > 1
    lengths = counts[has_copies] + 1
    at = np.cumsum(lengths) - lengths
    copies = np.empty(int(lengths.sum()), "<u4")
    is_row = np.ones(len(copies), bool)
    is_row[at] = False
    copies[at] = lengths - 1
    copies[is_row] = order[np.repeat(has_copies, counts)]
    references[has_copies] = at + MANY
    return ordered[first], references, copies


def _rotated(hashes: NDArray[np.uint64], table: int) -> NDArray[np.uint64]:
    """Return permuted hashes with the chunk of this table on top."""
    if table == 0:
        return hashes
    return (hashes << np.uint64(CHUNK * table)) | (hashes >> np.uint64(64 - CHUNK * table))
