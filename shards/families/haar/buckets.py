"""Buckets of rows: one for each signed coefficient of each channel, with the rows that have that coefficient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.families.base import Row, Rows
from shards.families.haar.row import is_grey
from shards.families.haar.scoring import BINS, WEIGHTS

CHANNELS = WEIGHTS.shape[0]

PER_CHANNEL = 1 << 15
"""Number of buckets in a channel: coefficient +i is in bucket i, -i in 32768 - i. 0 is no bucket: deletes are zeros."""

CHUNK = 1 << 15
"""Rows whose bucket numbers are computed at a time."""


def bucket_numbers(rows: Rows, channel: int) -> NDArray[np.uint16]:
    """Return (rows, 40) uint16: each row's buckets in a channel, 0 where a coefficient does not count.

    A grey row shares coefficients of Y only, so it is in no bucket of I and Q.
    """
    numbers = rows["sig"][:, channel].view(np.uint16) & np.uint16(PER_CHANNEL - 1)
    if channel:
        numbers[is_grey(rows)] = 0
    return numbers


def chunks(rows: Rows, channel: int, size: int = CHUNK) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """Yield the first row of each chunk, and the chunk's bucket numbers."""
    for start in range(0, len(rows), size):
        yield start, bucket_numbers(rows[start : start + size], channel)


def bucket_sizes(rows: Rows) -> NDArray[np.int64]:
    """Return (3, 32768) int64: the number of rows in each bucket."""
    sizes = np.zeros((CHANNELS, PER_CHANNEL), np.int64)
    for channel in range(CHANNELS):
        for _, numbers in chunks(rows, channel):
            sizes[channel] += np.bincount(numbers.ravel(), minlength=PER_CHANNEL)
    sizes[:, 0] = 0
    return sizes


def query_buckets(query: Row, channels: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the buckets of a query's coefficients and their weights in hundredths: (n,) int64 both.

    A bucket of channel c is given as `c * 32768` plus its number.
    """
    coefficients = query["sig"][:channels]
    numbers = coefficients.view(np.uint16).astype(np.int64) & (PER_CHANNEL - 1)
    places = np.arange(channels)[:, None]
    weights = WEIGHTS[places, BINS[np.abs(coefficients.astype(np.int64))]].astype(np.int64)
    buckets, first = np.unique(places * PER_CHANNEL + numbers, return_index=True)
    return buckets, weights.ravel()[first]
