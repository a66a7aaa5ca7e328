"""The size of a segment of so many rows, by formulas. A test compares its columns with those of a real segment.

Most are exact, since a column has so many bytes a row. Fitted to crosses of real signatures are the buckets of `haar`
and the classes of `goldberg`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from benchmarks.signatures import MODELLED
from shards.families import DEFAULT, family
from shards.families.crops import columns as crops
from shards.families.crops.row import STORED
from shards.families.crops.unpacked import WORDS
from shards.families.goldberg import columns as goldberg
from shards.families.goldberg.family import FEW
from shards.families.haar import inverted
from shards.families.haar.search import SEARCH_FROM
from shards.families.hashes import postings, tables
from shards.families.hashes.hamming import INDEXED
from shards.table.format import names
from shards.table.format.columns import ALIGNMENT, CHECKS, Column
from shards.table.format.manifest import Segment
from shards.table.format.records import FIXED

KEY_BYTES = 59
"""A key such as `photos/2026/11/<40 hex digits>.jpg`."""

META_BYTES = 100
"""Metadata with the source: bucket, ETag, size."""

HAAR_BUCKETS, HAAR_INVERTED = 7806, 120.8
"""Buckets with rows, and bytes a row of them all: measured with 100,000 rows."""

GOLDBERG_CLASSES = 2949
"""Classes of 100,000 rows."""

LATEST = 1_764_000_000 * 10**9
"""Time of the images in the segments, in ns since 1970: fresh ones are later."""

MEMBER = 192
"""Bytes around a column: two zip headers, its name twice, numpy's header."""

Shape = tuple[np.dtype[np.generic], tuple[int, ...]]


def log_bytes(records: int) -> int:
    """Return the bytes of a log object of so many records."""
    return sum(column.size + MEMBER for column in _placed(_record_columns(records)).values())


def segment(shard: int, rows: int, number: int, *, shards: int = 1, is_new: bool = False) -> Segment:
    """Return a segment of so many rows without dead ones. `number` makes its name differ from others.

    `is_new`: with the signatures of all families of a new index too.
    """
    columns = segment_columns(rows, is_new=is_new)
    last = columns[CHECKS]
    digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=24).hexdigest()
    name = f"{names.shard_prefix(shard)}{digest[:32]}-{digest[32:]}.npz"
    size = last.offset + last.size + MEMBER * len(columns) // 2
    return Segment(name, shard, rows, size, columns, modulus=shards, latest=(LATEST + number, number))


@lru_cache(maxsize=4096)
def segment_columns(rows: int, *, is_new: bool = False) -> dict[str, Column]:
    """Return the place of each column of a segment of so many rows, checksums last."""
    columns = _placed([*_record_columns(rows), *_search_columns(rows), *(_new_columns(rows) if is_new else ())])
    blocks = sum(column.blocks for column in columns.values())
    return _placed([*((name, (c.dtype, c.shape)) for name, c in columns.items()), (CHECKS, (_u4, (blocks,)))])


_u1, _u4, _u8 = (np.dtype(kind) for kind in ("u1", "<u4", "<u8"))


def _record_columns(rows: int) -> Iterator[tuple[str, Shape]]:
    for name, (dtype, shape) in FIXED.items():
        yield name, (np.dtype(dtype), (rows, *shape))
    for part, size in (("key", KEY_BYTES), ("meta", META_BYTES)):
        yield f"{part}.offsets", (_u8, (rows + 1,))
        yield f"{part}.data", (_u1, (rows * size,))
    for name in MODELLED:
        yield name, (family(name).dtype, (rows,))


def _search_columns(rows: int) -> Iterator[tuple[str, Shape]]:
    if rows >= SEARCH_FROM:
        yield inverted.BUCKETS, (_u4, (3, HAAR_BUCKETS))
        yield inverted.INVERTED, (_u1, (int(rows * HAAR_INVERTED),))
    if rows >= FEW:
        yield goldberg.POSITIVE, (_u1, (34 * rows,))
        yield goldberg.REST, (_u1, (68 * rows,))
        yield goldberg.PLACES, (_u4, (rows,))
        yield goldberg.CLASSES, (_u4, (GOLDBERG_CLASSES, 3))
    if rows >= INDEXED:
        bits = tables.bucket_bits(rows)
        for name in ("dhash", "phash"):
            yield name + tables.STARTS, (_u4, (tables.TABLES * (1 << bits) + 1,))
            # a hash and half a reference in each table; a quarter of the buckets is padded by half a word, in the mean
            yield name + tables.BUCKETS, (_u8, (tables.TABLES * 3 * rows // 2 + (1 << bits),))
            yield name + tables.COPIES, (_u4, (0,))


def _new_columns(rows: int) -> Iterator[tuple[str, Shape]]:
    """Yield the columns of the families of a new index that the others of this page do not have."""
    for name in set(DEFAULT) - set(MODELLED):
        yield name, (family(name).dtype, (rows,))
    if rows >= crops.SEARCH_FROM:
        yield crops.STARTS, (_u4, (WORDS + 1,))
        # a code and half a row's number for each feature
        yield crops.BUCKETS, (_u8, (3 * STORED * rows // 2,))
    if rows >= INDEXED:
        chunks = postings.tables_of(postings.MAX_BITS)
        bits = min(postings.MAX_BITS // chunks, (rows // postings.ROWS_A_NUMBER).bit_length() - 1)
        yield "pdq.words", (_u8, (postings.MAX_BITS // 64 * rows,))
        yield "pdq" + tables.STARTS, (_u4, ((chunks << bits) + 1,))
        yield "pdq" + postings.POSTINGS, (_u4, (chunks * rows,))


def _placed(shapes: Iterator[tuple[str, Shape]] | list[tuple[str, Shape]]) -> dict[str, Column]:
    """Place the columns one after the other, aligned."""
    placed: dict[str, Column] = {}
    end = 0
    for name, (dtype, shape) in shapes:
        offset = -(-(end + MEMBER // 2) // ALIGNMENT) * ALIGNMENT
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        placed[name] = Column(offset, size, dtype, shape)
        end = offset + size
    return placed
