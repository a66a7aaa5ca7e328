"""Byte ranges of one object: which are fetched together, and the views cut from what came back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

from shards.errors import StorageError

GAP = 1 << 20
"""Bytes between two ranges that a store which is far away fetches along rather than apart: within the bucket's region
a request costs as much as a 2 GB function spends on downloading about this."""

Range: TypeAlias = tuple[int, int]
"""From the first byte up to, not including, the second."""


def check_ranges(name: str, ranges: Sequence[Range]) -> None:
    """Raises StorageError for a range that begins before the object or ends before it begins."""
    for start, stop in ranges:
        if start < 0 or stop < start:
            raise StorageError(f"{name}: ({start}, {stop}) is no range of bytes; 0 <= start <= stop")


def join(ranges: Sequence[Range], gap: int) -> list[Range]:
    """The fewest ranges that cover these, rising, where gaps of less than `gap` bytes are bridged.

    Empty ranges are left out: there is nothing to fetch for them.
    """
    joined: list[Range] = []
    for start, stop in sorted(each for each in ranges if each[0] < each[1]):
        if joined and start - joined[-1][1] < gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def cut(ranges: Sequence[Range], fetched: Sequence[Range], bodies: Sequence[memoryview]) -> list[memoryview]:
    """One view for each of `ranges`, in their order, from the bodies of the ranges that `join` made of them.

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
