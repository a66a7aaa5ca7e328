"""The inverted index of a segment: for each bucket the rows in it, as a bitmap or as gaps, in one column of bytes.

    haar.buckets   (3, buckets) uint32: number × 4 + form, start in units of 8 bytes, bytes; by rising number,
                   buckets without rows left out
    haar.inverted  (bytes,) uint8: the planes of the colours' codes, then the buckets by form and falling size

What a query reads of the second lies in one column, so that it is one round of requests; the fullest buckets, which
are in most queries, lie together beside the colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import FETCHED, ColumnReader, Rows, scattered
from shards.families.haar import colours, gaps
from shards.families.haar.bitsliced import Words, pack
from shards.families.haar.buckets import CHANNELS, PER_CHANNEL, bucket_sizes, chunks

BUCKETS, INVERTED = "haar.buckets", "haar.inverted"

BITMAP, GAPS_8, GAPS_16, NONE = range(4)
UNITS: dict[int, np.dtype[Any]] = {GAPS_8: np.dtype(np.uint8), GAPS_16: np.dtype("<u2")}

BITMAP_FROM = 12
"""A bucket is a bitmap where it has one row in this many, or more. In time bitmaps are ahead down to one in 120, in
bytes only down to one in 8; at 12 a query needs 16 bytes a row, and a row of an index with its record 480."""

GAPS_8_FROM = 384
"""Gaps have 8 bits where a bucket has one row in this many, or more: gaps that go on cost less than 16 bits."""

ALIGNMENT = 8
"""Bytes of a word: where a bucket's bytes begin."""

BATCH = 1 << 22
"""Postings that are sorted together: what bounds the memory, some 30 bytes each."""

BITMAP_CHUNK = 1 << 13
"""Rows whose bits are set together: as bytes the bits of 500 buckets are 4 MB, which lie in the L3 cache."""


def padded(rows: int) -> int:
    """Rows rounded up to whole words of 64."""
    return -(-rows // 64) * 64


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The form of each bucket.

    Both are (3 × 32768,), by bucket: `sizes` int64 in rows, `forms` uint8, of empty buckets `NONE`.
    """

    sizes: NDArray[np.int64]
    forms: NDArray[np.uint8]

    @classmethod
    def of(cls, sizes: NDArray[np.int64], rows: int) -> Layout:
        sizes = sizes.ravel()
        forms = np.full(len(sizes), GAPS_16, np.uint8)
        forms[sizes * GAPS_8_FROM >= rows] = GAPS_8
        forms[sizes * BITMAP_FROM >= rows] = BITMAP
        forms[sizes == 0] = NONE
        return cls(sizes, forms)

    def order(self, form: int) -> NDArray[np.int64]:
        """The buckets of a form, the fullest first."""
        buckets = np.flatnonzero(self.forms == form)
        return buckets[np.argsort(-self.sizes[buckets], kind="stable")]


def build(rows: Rows) -> dict[str, NDArray[Any]]:
    """The columns of the inverted index; none where no row has a coefficient, as it is with deletes."""
    layout = Layout.of(bucket_sizes(rows), len(rows))
    if not layout.sizes.any():
        return {}
    pieces = [*_pieces(rows, layout)]
    lengths = np.array([len(piece) for _, piece in pieces], np.int64)
    places = -(-lengths // ALIGNMENT)
    starts = np.cumsum(places) - places
    inverted = np.zeros(int(places.sum()) * ALIGNMENT, np.uint8)
    for start, (_, piece) in zip((starts * ALIGNMENT).tolist(), pieces, strict=True):
        inverted[start : start + len(piece)] = piece
    buckets = np.array([bucket for bucket, _ in pieces], np.int64)
    listed = np.flatnonzero(buckets >= 0)
    by_number = listed[np.argsort(buckets[listed])]
    forms = layout.forms[buckets[by_number]]
    directory = np.stack([buckets[by_number] * 4 + forms, starts[by_number], lengths[by_number]])
    return {BUCKETS: directory.astype(np.uint32), INVERTED: inverted}


def _pieces(rows: Rows, layout: Layout) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(bucket, bytes) in the order of the column; the colours, which are no bucket, are -1."""
    for channel, planes in enumerate(colours.PLANES):
        codes = np.zeros(padded(len(rows)), np.uint16)
        codes[: len(rows)] = colours.codes(rows, channel)
        yield from ((-1, pack(codes, bit)) for bit in range(planes))
    order = layout.order(BITMAP)
    yield from zip(order.tolist(), _bitmaps(rows, order), strict=True)
    for form, unit in UNITS.items():
        order = layout.order(form)
        found: dict[int, NDArray[np.uint8]] = {}
        for channel in range(CHANNELS):
            for batch in _batches(order[order // PER_CHANNEL == channel], layout.sizes):
                found.update(_gaps(rows, channel, batch, layout.sizes, unit))
        yield from ((bucket, found[bucket]) for bucket in order.tolist())


def _bitmaps(rows: Rows, order: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(buckets, bytes) uint8: the bitmap of each of these buckets, over the rows rounded up to words."""
    bitmaps = np.zeros((len(order), padded(len(rows)) // 8), np.uint8)
    bits = np.empty((len(order) + 1, BITMAP_CHUNK), np.uint8)
    places = np.full((CHANNELS, PER_CHANNEL), len(order) * BITMAP_CHUNK, np.int64)
    places.ravel()[order] = np.arange(len(order)) * BITMAP_CHUNK
    within = np.arange(BITMAP_CHUNK)[:, None]
    for start in range(0, len(rows), BITMAP_CHUNK):
        some = rows[start : start + BITMAP_CHUNK]
        bits[:] = 0
        for channel in range(CHANNELS):
            for _, numbers in chunks(some, channel):
                bits.ravel()[places[channel][numbers] + within[: len(some)]] = 1
        packed = np.packbits(bits[:-1, : padded(len(some))], axis=1)
        bitmaps[:, start // 8 : start // 8 + packed.shape[1]] = packed
    return bitmaps


def _batches(buckets: NDArray[np.int64], sizes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The buckets in groups of about `BATCH` postings."""
    if len(buckets):
        group = np.cumsum(sizes[buckets]) // BATCH
        yield from np.split(buckets, np.flatnonzero(np.diff(group)) + 1)


def _gaps(
    rows: Rows, channel: int, buckets: NDArray[np.int64], sizes: NDArray[np.int64], unit: np.dtype[Any]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(bucket, bytes) of these buckets of a channel."""
    none = np.uint16(len(buckets))
    ranks = np.full(PER_CHANNEL, none, np.uint16)
    ranks[buckets % PER_CHANNEL] = np.arange(len(buckets))
    keys, found = [], []
    for start, numbers in chunks(rows, channel):
        ranked = ranks[numbers]
        wanted = ranked != none
        keys.append(ranked[wanted])
        each = np.arange(start, start + len(numbers), dtype=np.uint32)
        found.append(np.repeat(each, np.count_nonzero(wanted, axis=1)))
    # stable, and so by rising row within a bucket; of 16 bits it is a radix sort
    by_bucket = np.argsort(np.concatenate(keys), kind="stable")
    postings = np.concatenate(found)[by_bucket].astype(np.int64)
    stops = np.cumsum(sizes[buckets])
    differences = np.diff(postings, prepend=0)
    firsts = stops - sizes[buckets]
    differences[firsts] = postings[firsts]
    units, ends = gaps.encode(differences, unit)
    ends = ends[stops - 1] * unit.itemsize
    data = units.view(np.uint8)
    start = 0
    for bucket, stop in zip(buckets.tolist(), ends.tolist(), strict=True):
        yield bucket, data[start:stop]
        start = stop


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What a query needs of a segment.

    `colours`: (planes, words) for each of the query's channels. `bitmaps`, `lists`: with their weights in
    hundredths; the lists as they are stored.
    """

    colours: list[Words]
    bitmaps: list[tuple[Words, int]]
    lists: list[tuple[NDArray[Any], int]]


def read(reader: ColumnReader, buckets: NDArray[np.int64], weights: Sequence[int], channels: int) -> Read:
    """Read the query's buckets, in two rounds of requests: the directory, and everything else."""
    forms, present, spans = _spans(reader, buckets)
    words = padded(reader.rows) // 64
    averages, *found = reader.ranges(INVERTED, [_colours(reader, channels), *spans])
    planes = averages.view(np.uint64).reshape(-1, words)
    bitmaps: list[tuple[Words, int]] = []
    lists: list[tuple[NDArray[Any], int]] = []
    for form, which, data in zip(forms, present, found, strict=True):
        if form == BITMAP:
            bitmaps.append((data.view(np.uint64), weights[which]))
        else:
            lists.append((data.view(UNITS[form]), weights[which]))
    return Read(np.split(planes, np.cumsum(colours.PLANES[: channels - 1])), bitmaps, lists)


def cold(reader: ColumnReader, buckets: NDArray[np.int64], channels: int) -> int:
    """Bytes that `read` would fetch: at most, where the directory itself is cold."""
    directory = reader.cold(BUCKETS)
    averages = _colours(reader, channels)
    if not directory:
        return reader.cold(INVERTED, [averages, *_spans(reader, buckets)[2]])
    everything = reader.cold(INVERTED)
    # no bucket is larger than a bitmap
    most = averages[1] + scattered(everything - averages[1], len(buckets), padded(reader.rows) // 8 + 2 * FETCHED)
    return directory + min(most, everything)


def _colours(reader: ColumnReader, channels: int) -> tuple[int, int]:
    """Where the planes of these channels' colours are."""
    return 0, sum(colours.PLANES[:channels]) * padded(reader.rows) // 8


def _spans(reader: ColumnReader, buckets: NDArray[np.int64]) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Of those of these buckets that have rows: the form, which of the given it is, and where its bytes are."""
    numbers, starts, lengths = reader.column(BUCKETS)
    at = np.searchsorted(numbers, (buckets * 4).astype(np.uint32))
    present = np.flatnonzero(at < len(numbers))
    present = present[numbers[at[present]] // 4 == buckets[present]]
    at = at[present]
    begins = starts[at].astype(np.int64) * ALIGNMENT
    spans = zip(begins.tolist(), (begins + lengths[at]).tolist(), strict=True)
    return (numbers[at] % 4).tolist(), present.tolist(), list(spans)
