"""Comparison of orders: the later of two states of a key wins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shards.table.format.records import Order

Orders = NDArray[np.uint64]
"""(n, 2): time in ns since 1970, tie-break."""


def is_later(orders: Orders, than: Order | Orders | None) -> NDArray[np.bool_]:
    """Return (n,) bool: True where an order is later than `than`, which is one order for all, or (n, 2) one for each.

    `None` means unknown, so nothing counts as later.
    """
    if than is None:
        return np.zeros(len(orders), bool)
    reference = np.asarray(than, np.uint64)
    time, tie = orders[:, 0], orders[:, 1]
    return np.asarray((time > reference[..., 0]) | ((time == reference[..., 0]) & (tie > reference[..., 1])))


def highest(orders: Orders) -> Order | None:
    """Return the latest of these orders; None where there are none."""
    if not len(orders):
        return None
    time = orders[:, 0].max()
    return int(time), int(orders[orders[:, 0] == time, 1].max())
