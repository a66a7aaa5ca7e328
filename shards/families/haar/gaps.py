"""Lists of sorted row numbers, stored as gaps: the differences between neighbours, in units of 8 or 16 bits.

The greatest value of a unit stands for that many rows without an entry, and the gap goes on in the next unit. So the
rows are the running sums of the units, taken at the units that are not the greatest value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode(gaps: NDArray[np.int64], unit: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the gaps of any number of lists, end to end, as units; and (gaps,) int64, the end of each gap's units."""
    top = int(np.iinfo(unit).max)
    stops = np.cumsum(1 + gaps // top)
    units = np.full(int(stops[-1]) if len(stops) else 0, top, unit)
    units[stops - 1] = gaps % top
    return units, stops


def is_list(units: NDArray[Any], rows: int) -> bool:
    """Return True if these units are a list of rising rows below `rows`."""
    top = np.iinfo(units.dtype).max
    if not len(units) or int(units.sum(dtype=np.int64)) >= rows or units[-1] == top:
        return False
    # a gap of 0 is the end of a long one, or the first row
    zeros = np.flatnonzero(units[1:] == 0)
    return bool((units[zeros] == top).all())


def add_at(numbers: NDArray[Any], units: NDArray[Any], amount: int, buffer: NDArray[np.int64]) -> None:
    """Add `amount` to the numbers of the rows of one list.

    `buffer`: at least as long as `units`; the rows are computed there, without fresh memory.
    """
    rows = np.cumsum(units, dtype=np.int64, out=buffer[: len(units)])
    np.add.at(numbers, rows, numbers.dtype.type(amount))
    # gaps of several units are few: to subtract what they added is faster than to leave them out
    continued = np.flatnonzero(units == np.iinfo(units.dtype).max)
    if len(continued):
        np.subtract.at(numbers, rows[continued], numbers.dtype.type(amount))
