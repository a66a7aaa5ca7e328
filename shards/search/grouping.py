"""Two ways to make groups of pairs that are alike. Both take pairs in any order, in parts, and keep little.

Items are numbered in the order of the heads: the smallest item of a group is its head.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shards.errors import QueryError

Grouping: TypeAlias = Literal["star", "components"]

Numbers: TypeAlias = NDArray[np.integer[Any]]

PAIRS = 1 << 20
"""Pairs that are converted to Python's own numbers at a time."""


class Grouper(Protocol):
    """Collects the pairs of items that are alike, and makes groups of them."""

    def add(self, first: Numbers, second: Numbers) -> None:
        """Add pairs of different items that are alike."""
        ...

    def heads(self) -> NDArray[np.int64]:
        """Return (count,) int64, the head of each item's group: the item itself if it is a head, or in no group."""
        ...


def grouper(grouping: Grouping, count: int) -> Grouper:
    """Return a grouper of this kind for `count` items. Raises QueryError where there is no such kind."""
    if grouping == "star":
        return Stars(count)
    if grouping == "components":
        return Components(count)
    raise QueryError(f"groups are made by 'star' or 'components', not by {grouping!r}")


class Stars:
    """Groups in which each member is alike to the head itself.

    An item is a head unless a smaller head is alike to it; then it is in the group of the smallest such head.
    Memory: 16 bytes a pair.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._codes: list[NDArray[np.uint64]] = []

    def add(self, first: Numbers, second: Numbers) -> None:
        low, high = np.minimum(first, second), np.maximum(first, second)
        self._codes.append((low.astype(np.uint64) << np.uint64(32)) | high.astype(np.uint64))

    def heads(self) -> NDArray[np.int64]:
        codes = np.concatenate([np.empty(0, np.uint64), *self._codes])
        codes.sort()
        heads = list(range(self._count))
        for start in range(0, len(codes), PAIRS):
            part = codes[start : start + PAIRS]
            low, high = (part >> np.uint64(32)).tolist(), (part & np.uint64(2**32 - 1)).tolist()
            for smaller, larger in zip(low, high, strict=True):
                if heads[smaller] == smaller and heads[larger] == larger:
                    heads[larger] = smaller
        return np.array(heads, np.int64)


class Components:
    """Groups of all items that a chain of pairs connects. Memory: 8 bytes an item, however many pairs."""

    def __init__(self, count: int) -> None:
        self._heads = np.arange(count)

    def add(self, first: Numbers, second: Numbers) -> None:
        heads = self._heads
        while True:
            first_heads, second_heads = heads[first], heads[second]
            apart = first_heads != second_heads
            if not apart.any():
                return
            first, second = first_heads[apart], second_heads[apart]
            # of two groups that touch, the one with the larger head joins the other
            np.minimum.at(heads, np.maximum(first, second), np.minimum(first, second))
            while not np.array_equal(further := heads[heads], heads):
                heads[:] = further

    def heads(self) -> NDArray[np.int64]:
        return self._heads
