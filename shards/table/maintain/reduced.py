"""Images that come back without some of what describes them: metadata, size, SHA-256. No search needs that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.table.format.records import FIXED, SHA256, Records

DESCRIBING = ("width", "height", SHA256)
"""Columns with a value a record that no search needs. Zeros stand for what is unknown."""


def filled(columns: Mapping[str, NDArray[Any]], *, had_digests: bool) -> Mapping[str, NDArray[Any]] | None:
    """Return the columns of a log object with those that only describe filled in; None where none was lost.

    `columns`: those that can be read. `had_digests`: a column of SHA-256 was there, which is not always so.
    """
    if "kind" not in columns:
        return None
    rows = len(columns["kind"])
    made: dict[str, NDArray[Any]] = {}
    for name in DESCRIBING:
        if name not in columns and (name != SHA256 or had_digests):
            dtype, shape = FIXED[name]
            made[name] = np.zeros((rows, *shape), dtype)
    if "meta.offsets" not in columns or "meta.data" not in columns:
        made |= {"meta.offsets": np.zeros(rows + 1, np.uint64), "meta.data": np.empty(0, np.uint8)}
    return {**columns, **made} if made else None


def still_reduced(reduced: Records, whole: Iterable[Records]) -> Records:
    """Return the reduced records of which there is no whole one of the same order, or of a later one."""
    keys = reduced.texts["key"].tolist()
    wanted = set(keys)
    latest: dict[bytes, tuple[int, int]] = {}
    for records in whole:
        orders = records.fixed["order"]
        for row, key in enumerate(records.texts["key"].tolist()):
            if key in wanted:
                order = int(orders[row, 0]), int(orders[row, 1])
                latest[key] = max(order, latest.get(key, order))
    rows = [
        row
        for row, (key, order) in enumerate(zip(keys, reduced.fixed["order"].tolist(), strict=True))
        if key not in latest or latest[key] < tuple(order)
    ]
    return reduced.take(np.array(rows, np.intp))
