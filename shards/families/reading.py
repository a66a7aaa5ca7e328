"""Reading of columns: the protocol that families search through, and the costs of fetching from a distant store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject

FETCHED = 1 << 14
"""Smallest number of bytes that is read from a store at once: the block that one checksum covers."""

BRIDGED = 1 << 20
"""Largest gap in bytes between two pieces of a column that is fetched along with them, where the store is distant."""

SECONDS_A_BYTE = 1 / 64e6
"""Time to fetch a byte: a function downloads 50 to 87 MB a second from the bucket beside it."""


class ColumnReader(Protocol):
    """The columns of a segment in a store, or of records that are still in memory."""

    @property
    def rows(self) -> int:
        """Number of rows, dead ones included."""
        ...

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows `start` to `stop` of a column, read-only, after comparing them with their checksums."""
        ...

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        """Return the rows of a column from start up to stop for each (start, stop), in one request to the store."""
        ...

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        """Return the number of bytes that `ranges` would fetch, or `column` where no ranges are given.

        Whole blocks and the gaps that are fetched along count; what is in memory, in a mapped file or in a cache on
        this machine does not. Costs no request.
        """
        ...

    def length(self, name: str) -> int | None:
        """Return the length of a column, which for a search column need not be `rows`; None if there is no such column.

        Records that are still in memory have the signatures only, and no search columns.
        """
        ...

    def form(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        """Return (dtype, shape) of a column; None if there is no such column."""
        ...

    def damaged(self, name: str, problem: str) -> CorruptObject:
        """Return the error to raise where a column holds what its family cannot have written. It names the segment."""
        ...


def has_column(reader: ColumnReader, name: str, dtype: str, shape: tuple[int | None, ...]) -> bool:
    """Return True if there is this column; None in `shape` stands for any length.

    Raises CorruptObject where there is one, of another type or shape: a segment may come from anybody.
    """
    form = reader.form(name)
    if form is None:
        return False
    is_right = form[0] == np.dtype(dtype) and len(form[1]) == len(shape)
    if not is_right or any(wanted not in (None, length) for wanted, length in zip(shape, form[1], strict=True)):
        raise reader.damaged(name, f"is {form[0]} {form[1]}, not {dtype} {shape}")
    return True


def has_columns(reader: ColumnReader, forms: Mapping[str, tuple[str, tuple[int | None, ...]]]) -> bool:
    """Return True if there are all of these columns, (dtype, shape) by name, and False if there is none of them.

    Raises CorruptObject as `has_column` does, and where some are missing.
    """
    there = [name for name, (dtype, shape) in forms.items() if has_column(reader, name, dtype, shape)]
    if there and len(there) < len(forms):
        raise reader.damaged(there[0], f"is there without {', '.join(forms.keys() - set(there))}")
    return bool(there)


def scattered(column: int, pieces: int, piece: int = FETCHED) -> int:
    """Return the mean number of bytes fetched for pieces at random places of a column.

    `column`: bytes of the column. `pieces`: how many, of `piece` bytes each. Gaps between random places are distributed
    exponentially; those below BRIDGED are fetched along.
    """
    taken = pieces * piece
    if not taken or taken >= column:
        return min(taken, column)
    gap = (column - taken) / (pieces + 1)
    return int(taken + (pieces - 1) * (gap - (gap + BRIDGED) * math.exp(-BRIDGED / gap)))
