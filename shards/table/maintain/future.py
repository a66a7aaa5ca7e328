"""Records whose order lies in the future: the clock of a machine was wrong, or that of what sent an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.table.format.orders import Orders

AHEAD_NS = 5 * 60 * 10**9
"""A time that is so much later than now is of a wrong clock: those of machines in order differ by less."""

SHOWN = 3
"""Keys that are named."""

ADVICE = (
    "nothing is lost; until then an event of these keys does not count. Adding or removing the image again, by the"
    " command, the library or the service, does: it takes a later order"
)


def in_the_future(orders: Orders, now: float) -> NDArray[np.intp]:
    """Return the rows, rising, whose order is later than `now` (s since 1970) by more than clocks differ."""
    limit = max(int(now * 1e9) + AHEAD_NS, 0)
    return np.flatnonzero(orders[:, 0] > np.uint64(min(limit, 2**64 - 1)))


def described(rows: NDArray[Any], orders: Orders, keys_of: Callable[[NDArray[Any]], Sequence[bytes]]) -> str:
    """Say how many records of the future these rows are, and name the first keys."""
    keys = ", ".join(repr(key.decode(errors="backslashreplace")) for key in keys_of(rows[:SHOWN]))
    until = datetime.fromtimestamp(min(int(orders[rows, 0].max()) // 10**9, 253_402_300_799), UTC)
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    return f"has records of the future, up to {until:%Y-%m-%d %H:%M:%S} UTC: {keys}{more}"
