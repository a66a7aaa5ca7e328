"""Orders compared: which of two states of a key is the newer one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.table.format.records import Order

Orders = NDArray[np.uint64]
"""(n, 2): time in ns since 1970, tie-break."""


def is_later(orders: Orders, than: Order | Orders | None) -> NDArray[np.bool_]:
    """(n,) bool: which of these are higher than another: one for all, or (n, 2) one for each.

    Than None, which is an unknown one, none surely is.
    """
    if than is None:
        return np.zeros(len(orders), bool)
    other = np.asarray(than, np.uint64)
    time, tie = orders[:, 0], orders[:, 1]
    return np.asarray((time > other[..., 0]) | ((time == other[..., 0]) & (tie > other[..., 1])))


def highest(orders: Orders) -> Order | None:
    """The latest of these; None where there are none."""
    if not len(orders):
        return None
    time = orders[:, 0].max()
    return int(time), int(orders[orders[:, 0] == time, 1].max())
