"""Sorted row numbers as gaps: the difference of each from the one before, in as few bytes as its size allows.

A gap is written in units of 8 or 16 bits. The greatest value of a unit stands for that many rows without an entry:
the gap goes on in the next unit. So the rows are the running sum of the units, at those that are not the greatest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode(gaps: NDArray[np.int64], unit: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Gaps of any number of lists, end to end, as units; and (gaps,) int64, where the units of each gap end."""
    top = int(np.iinfo(unit).max)
    stops = np.cumsum(1 + gaps // top)
    units = np.full(int(stops[-1]) if len(stops) else 0, top, unit)
    units[stops - 1] = gaps % top
    return units, stops


def add_at(numbers: NDArray[Any], units: NDArray[Any], amount: int, buffer: NDArray[np.int64]) -> None:
    """Add `amount` to the numbers of one list's rows.

    `buffer`: at least as long as `units`, so that the rows take no fresh memory.
    """
    rows = np.cumsum(units, dtype=np.int64, out=buffer[: len(units)])
    np.add.at(numbers, rows, numbers.dtype.type(amount))
    # gaps that go on are few: taking back what they added is faster than leaving them out
    continued = np.flatnonzero(units == np.iinfo(units.dtype).max)
    if len(continued):
        np.subtract.at(numbers, rows[continued], numbers.dtype.type(amount))
