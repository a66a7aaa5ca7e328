"""A reader of columns that are all in memory: for measuring, and for rows that lie in no segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.errors import CorruptObject


@dataclass(frozen=True, slots=True)
class Resident:
    """Columns of one or more families, as `Family.columns` makes them of the same rows."""

    columns: Mapping[str, NDArray[Any]]

    rows: int

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.columns[name][start:stop]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        return [self.columns[name][start:stop] for start, stop in ranges]

    def cold(self, name: str, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        del name, ranges
        return 0

    def length(self, name: str) -> int | None:
        return len(self.columns[name]) if name in self.columns else None

    def form(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        return (self.columns[name].dtype, self.columns[name].shape) if name in self.columns else None

    def damaged(self, name: str, problem: str) -> CorruptObject:
        return CorruptObject("a segment in memory", f"column {name} {problem}")
