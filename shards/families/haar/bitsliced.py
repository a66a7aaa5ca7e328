"""Bit-sliced arithmetic: sums of weighted bitmaps, 64 rows at once.

The numbers of all rows are held as bit planes: plane k has bit k of every number. To add three bitmaps is a full adder
of five bitwise operations on whole words, whose carries go to the next plane. This is carry-save addition, as in W.
Muła, N. Kurz, D. Lemire, "Faster Population Counts Using AVX2 Instructions", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
"""Bits of 64 rows each, in the order of `numpy.packbits`."""

BLOCK_WORDS = 1 << 13
"""Words added at a time: the few arrays of 64 KB in use stay in the L2 cache, and numpy's overhead is 5 %."""


class Adder:
    """An adder of weighted bitmaps of one length."""

    def __init__(self, words: int, bits: int) -> None:
        self._words = words
        self._pending: list[list[tuple[Words, bool]]] = [[] for _ in range(bits)]
        self._free: list[Words] = []

    def add(self, bitmap: Words, weight: int) -> None:
        """Add `weight` to every row whose bit is set."""
        for plane in range(weight.bit_length()):
            if weight >> plane & 1:
                self._push(plane, bitmap, owned=False)

    def total(self, out: Words) -> None:
        """Write the sums into `out`, (bits, words), the lowest plane first, and empty the adder."""
        for plane, pending in enumerate(self._pending):
            if len(pending) == 2:
                (a, own_a), (b, own_b) = pending
                if plane + 1 < len(self._pending):
                    carry = self._take()
                    np.bitwise_and(a, b, out=carry)
                    self._push(plane + 1, carry, owned=True)
                np.bitwise_xor(a, b, out=out[plane])
                self._give(a, own_a)
                self._give(b, own_b)
            elif pending:
                ((a, own_a),) = pending
                out[plane] = a
                self._give(a, own_a)
            else:
                out[plane] = 0
            pending.clear()

    def _push(self, plane: int, bitmap: Words, *, owned: bool) -> None:
        """Add a bitmap to a plane; three bitmaps of a plane become one, and a carry to the next plane."""
        while plane < len(self._pending):
            pending = self._pending[plane]
            if len(pending) < 2:
                pending.append((bitmap, owned))
                return
            (a, own_a), (b, own_b) = pending
            pending.clear()
            either, carry = self._take(), self._take()
            np.bitwise_xor(a, b, out=either)
            np.bitwise_and(a, b, out=carry)
            self._give(a, own_a)
            self._give(b, own_b)
            odd = self._take()
            np.bitwise_xor(either, bitmap, out=odd)
            np.bitwise_and(either, bitmap, out=either)
            np.bitwise_or(carry, either, out=carry)
            self._give(either, True)
            self._give(bitmap, owned)
            pending.append((odd, True))
            bitmap, owned = carry, True
            plane += 1

    def _take(self) -> Words:
        return self._free.pop() if self._free else np.empty(self._words, np.uint64)

    def _give(self, bitmap: Words, owned: bool) -> None:
        if owned:
            self._free.append(bitmap)


def at_least(planes: Words, threshold: int, among: Words) -> Words:
    """Return the rows of the bitmap `among` whose number is at least `threshold`, as a bitmap."""
    if threshold <= 0:
        return among
    if threshold >> len(planes):
        return np.zeros_like(among)
    equal, above = among.copy(), np.zeros_like(among)
    for plane in range(len(planes) - 1, -1, -1):
        if threshold >> plane & 1:
            equal &= planes[plane]
        else:
            above |= equal & planes[plane]
            # rows that are above stay above: leaving them in `equal` does no harm
    above |= equal
    return above


def cut_of(planes: Words, count: int, among: Words) -> int:
    """Return the greatest number that at least `count` rows of the bitmap `among` reach; 0 if there are fewer rows."""
    equal, cut, above = among.copy(), 0, 0
    for plane in range(len(planes) - 1, -1, -1):
        upper = equal & planes[plane]
        in_upper = int(np.bitwise_count(upper).sum(dtype=np.int64))
        if above + in_upper >= count:
            equal = upper
            cut |= 1 << plane
        else:
            above += in_upper
            equal ^= upper
    return cut


def rows_of(bitmap: Words) -> NDArray[np.int64]:
    """Return (n,) int64: the rows whose bit is set, rising."""
    at = np.flatnonzero(bitmap)
    bits = np.unpackbits(bitmap[at].view(np.uint8)).reshape(-1, 64)
    word, bit = np.nonzero(bits)
    return np.asarray(at[word] * 64 + bit, np.int64)


def bits_of(bitmaps: Sequence[Words], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return (bitmaps, rows) uint8: 1 where a row's bit is set, else 0."""
    byte, shift = rows >> 3, (7 - (rows & 7)).astype(np.uint8)
    containing = np.empty((len(bitmaps), len(rows)), np.uint8)
    for bitmap, values in zip(bitmaps, containing, strict=True):
        values[:] = bitmap.view(np.uint8)[byte]
    return containing >> shift & np.uint8(1)


def pack(numbers: NDArray[Any], bit: int) -> NDArray[np.uint8]:
    """Return one plane of unsigned numbers, as bytes."""
    return np.packbits(numbers & numbers.dtype.type(1 << bit) != 0)
