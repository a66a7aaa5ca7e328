"""Byte ranges of one object: joining them into requests, and cutting views out of the answers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

from shards.errors import StorageError

GAP = 1 << 20
"""Bytes between two ranges below which one request fetches both, with the gap between them. In the bucket's region a
request costs as much as a 2 GB function spends on downloading about this."""

Range: TypeAlias = tuple[int, int]
"""(start, stop): from byte `start` up to, not including, byte `stop`."""


def check_ranges(name: str, ranges: Sequence[Range]) -> None:
    """Raise StorageError for a range that begins before the object or ends before it begins."""
    for start, stop in ranges:
        if start < 0 or stop < start:
            raise StorageError(f"{name}: ({start}, {stop}) is no range of bytes; 0 <= start <= stop")


def join(ranges: Sequence[Range], gap: int) -> list[Range]:
    """Return the fewest ranges that cover these, rising, where gaps of less than `gap` bytes are bridged.

    Empty ranges are left out: there is nothing to fetch for them.
    """
    joined: list[Range] = []
    for start, stop in sorted(pair for pair in ranges if pair[0] < pair[1]):
        if joined and start - joined[-1][1] < gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def cut(ranges: Sequence[Range], fetched: Sequence[Range], bodies: Sequence[memoryview]) -> list[memoryview]:
    """Return one view for each of `ranges`, in their order, from the bodies of the ranges that `join` made of them.

    A body may be shorter than its range: the object ended there, and so do the views.
    """
    starts = [start for start, _ in fetched]
    views = []
    for start, stop in ranges:
        if start == stop:
            views.append(memoryview(b""))
            continue
        which = bisect_right(starts, start) - 1
        offset = starts[which]
        views.append(bodies[which][start - offset : stop - offset])
    return views
