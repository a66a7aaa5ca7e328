"""The inverted index of a segment: the rows of each bucket, as a bitmap or as gaps, in one column of bytes.

    haar.buckets   (3, buckets) uint32: number × 4 + form, start in units of 8 bytes, bytes; by rising number,
                   buckets without rows left out
    haar.inverted  (bytes,) uint8: the planes of the colours' codes, then the buckets by form and falling size

A query reads all it needs of `haar.inverted` in one round of requests. The fullest buckets, which most queries need,
lie together beside the colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Rows
from shards.families.haar import colours, gaps
from shards.families.haar.bitsliced import Words, pack
from shards.families.haar.buckets import CHANNELS, PER_CHANNEL, bucket_sizes, chunks
from shards.families.reading import FETCHED, ColumnReader, has_columns, scattered

BUCKETS, INVERTED = "haar.buckets", "haar.inverted"

BITMAP, GAPS_8, GAPS_16, NONE = range(4)
UNITS: dict[int, np.dtype[Any]] = {GAPS_8: np.dtype(np.uint8), GAPS_16: np.dtype("<u2")}

BITMAP_FROM = 12
"""A bucket is a bitmap if it holds at least one row in this many. Bitmaps are faster down to one in 120, but smaller
only down to one in 8; at 12 a query reads 16 bytes a row, and a row of an index with its record takes 480."""

GAPS_8_FROM = 384
"""Gaps have 8 bits if a bucket holds at least one row in this many: long gaps, of several units, are few then."""

ALIGNMENT = 8
"""Every bucket begins at a multiple of so many bytes: those of a word."""

BATCH = 1 << 22
"""Postings that are sorted together: they take some 30 bytes of memory each."""

BITMAP_CHUNK = 1 << 13
"""Rows whose bits are set together: for 500 buckets their bits, a byte each, are 4 MB and stay in the L3 cache."""


def padded(rows: int) -> int:
    """Return the number of rows rounded up to whole words of 64."""
    return -(-rows // 64) * 64


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The form of each bucket."""

    sizes: NDArray[np.int64]
    """(3 × 32768,) int64: the number of rows in each bucket."""

    forms: NDArray[np.uint8]
    """(3 × 32768,) uint8: BITMAP, GAPS_8, GAPS_16, or NONE for an empty bucket."""

    @classmethod
    def of(cls, sizes: NDArray[np.int64], rows: int) -> Layout:
        """Choose the forms of buckets of these sizes, (3, 32768), in a segment of so many rows."""
        sizes = sizes.ravel()
        forms = np.full(len(sizes), GAPS_16, np.uint8)
        forms[sizes * GAPS_8_FROM >= rows] = GAPS_8
        forms[sizes * BITMAP_FROM >= rows] = BITMAP
        forms[sizes == 0] = NONE
        return cls(sizes, forms)

    def order(self, form: int) -> NDArray[np.int64]:
        """Return the buckets of a form, the fullest first."""
        buckets = np.flatnonzero(self.forms == form)
        return buckets[np.argsort(-self.sizes[buckets], kind="stable")]


def build(rows: Rows) -> dict[str, NDArray[Any]]:
    """Return the columns of the inverted index; none where no row has a coefficient, as is the case with deletes."""
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
    """Yield (bucket, bytes) in the order of the column; for the colours, which are no bucket, (-1, bytes)."""
    for channel, planes in enumerate(colours.PLANES):
        codes = np.zeros(padded(len(rows)), np.uint16)
        codes[: len(rows)] = colours.codes(rows, channel)
        yield from ((-1, pack(codes, bit)) for bit in range(planes))
    order = layout.order(BITMAP)
    yield from zip(order.tolist(), _bitmaps(rows, order), strict=True)
    for form, unit in UNITS.items():
        order = layout.order(form)
        encoded: dict[int, NDArray[np.uint8]] = {}
        for channel in range(CHANNELS):
            for batch in _batches(order[order // PER_CHANNEL == channel], layout.sizes):
                encoded.update(_gaps(rows, channel, batch, layout.sizes, unit))
        yield from ((bucket, encoded[bucket]) for bucket in order.tolist())


def _bitmaps(rows: Rows, order: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return (buckets, bytes) uint8: the bitmap of each of these buckets, over the rows rounded up to words."""
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
    """Yield the buckets in groups of about `BATCH` postings."""
    if len(buckets):
        group = np.cumsum(sizes[buckets]) // BATCH
        yield from np.split(buckets, np.flatnonzero(np.diff(group)) + 1)


def _gaps(
    rows: Rows, channel: int, buckets: NDArray[np.int64], sizes: NDArray[np.int64], unit: np.dtype[Any]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (bucket, bytes) for these buckets of a channel."""
    none = np.uint16(len(buckets))
    ranks = np.full(PER_CHANNEL, none, np.uint16)
    ranks[buckets % PER_CHANNEL] = np.arange(len(buckets))
    keys, rows_of_keys = [], []
    for start, numbers in chunks(rows, channel):
        ranked = ranks[numbers]
        wanted = ranked != none
        keys.append(ranked[wanted])
        in_chunk = np.arange(start, start + len(numbers), dtype=np.uint32)
        rows_of_keys.append(np.repeat(in_chunk, np.count_nonzero(wanted, axis=1)))
    # a stable sort keeps the rows of a bucket rising; for keys of 16 bits it is a radix sort
    by_bucket = np.argsort(np.concatenate(keys), kind="stable")
    postings = np.concatenate(rows_of_keys)[by_bucket].astype(np.int64)
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
    """The parts of a segment's index that a query needs."""

    colours: list[Words]
    """(planes, words) of the colours' codes, for each of the query's channels."""

    bitmaps: list[tuple[Words, int]]
    """Buckets that are bitmaps, with their weights in hundredths: those of Y first."""

    of_luma: int
    """Number of bitmaps of Y."""

    lists: list[tuple[NDArray[Any], int]]
    """Buckets that are gaps, as they are stored, with their weights in hundredths."""


def read(reader: ColumnReader, buckets: NDArray[np.int64], weights: Sequence[int], channels: int) -> Read:
    """Read the buckets of a query, in two rounds of requests: the directory, then everything else."""
    forms, present, spans = _spans(reader, buckets)
    words = padded(reader.rows) // 64
    averages, *contents = reader.ranges(INVERTED, [_colours(reader, channels), *spans])
    planes = averages.view(np.uint64).reshape(-1, words)
    bitmaps: list[tuple[Words, int]] = []
    lists: list[tuple[NDArray[Any], int]] = []
    for form, which, data in zip(forms, present, contents, strict=True):
        _check_bucket(reader, form, len(data))
        if form == BITMAP:
            bitmaps.append((data.view(np.uint64), weights[which]))
        else:
            units = data.view(UNITS[form])
            if not gaps.is_list(units, reader.rows):
                raise reader.damaged(INVERTED, f"has a bucket whose rows do not rise, or are not below {reader.rows:,}")
            lists.append((units, weights[which]))
    of_luma = sum(form == BITMAP and buckets[which] < PER_CHANNEL for form, which in zip(forms, present, strict=True))
    return Read(np.split(planes, np.cumsum(colours.PLANES[: channels - 1])), bitmaps, of_luma, lists)


def is_there(reader: ColumnReader) -> bool:
    """Return True if a segment has the index. Raises CorruptObject where half of it is missing or of another form."""
    return has_columns(reader, {BUCKETS: ("<u4", (3, None)), INVERTED: ("u1", (None,))})


def _check_bucket(reader: ColumnReader, form: int, size: int) -> None:
    """Raise CorruptObject for a bucket whose bytes cannot be of its form."""
    bitmap = padded(reader.rows) // 8
    if form == BITMAP:
        is_right = size == bitmap
    else:
        # a row in a unit each, and those that stand for a long gap
        is_right = form in UNITS and not size % UNITS[form].itemsize
        is_right = is_right and size <= UNITS[form].itemsize * (reader.rows + reader.rows // 255 + 1)
    if not is_right:
        raise reader.damaged(BUCKETS, f"has a bucket of form {form} with {size:,} bytes for {reader.rows:,} rows")


def cold(reader: ColumnReader, buckets: NDArray[np.int64], channels: int) -> int:
    """Return the number of bytes that `read` would fetch; an upper bound where the directory itself is cold."""
    directory = reader.cold(BUCKETS)
    averages = _colours(reader, channels)
    if not directory:
        return reader.cold(INVERTED, [averages, *_spans(reader, buckets)[2]])
    everything = reader.cold(INVERTED)
    # no bucket is larger than a bitmap
    estimate = averages[1] + scattered(everything - averages[1], len(buckets), padded(reader.rows) // 8 + 2 * FETCHED)
    return directory + min(estimate, everything)


def _colours(reader: ColumnReader, channels: int) -> tuple[int, int]:
    """Return the span of bytes of the planes of these channels' colours."""
    return 0, sum(colours.PLANES[:channels]) * padded(reader.rows) // 8


def _spans(reader: ColumnReader, buckets: NDArray[np.int64]) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Return the form, the position in `buckets` and the span of bytes of each of these buckets that has rows."""
    numbers, starts, lengths = reader.column(BUCKETS)
    at = np.searchsorted(numbers, (buckets * 4).astype(np.uint32))
    present = np.flatnonzero(at < len(numbers))
    present = present[numbers[at[present]] // 4 == buckets[present]]
    at = at[present]
    begins = starts[at].astype(np.int64) * ALIGNMENT
    spans = zip(begins.tolist(), (begins + lengths[at]).tolist(), strict=True)
    return (numbers[at] % 4).tolist(), present.tolist(), list(spans)
