"""Every image of a snapshot as one array: what comparing them all with each other reads."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.table.read.snapshot import Image, Snapshot


@dataclass(frozen=True, slots=True)
class Everything:
    """The images of a snapshot, source after source.

    `area`: (n,) int64 pixels. `at`: (n,) int64, the row in its source. `starts`: (sources + 1,) int64, where each
    source's images begin.
    """

    snapshot: Snapshot
    area: NDArray[np.int64]
    at: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Everything:
        area = [np.empty(0, np.int64)]
        at = [np.empty(0, np.int64)]
        for source in snapshot.sources:
            live = source.live_rows()
            at.append(live)
            area.append(source.reader.column("width")[live].astype(np.int64) * source.reader.column("height")[live])
        starts = np.cumsum([len(live) for live in at])
        return cls(snapshot, np.concatenate(area), np.concatenate(at), starts)

    def signatures(self, family: Family) -> Rows:
        """(n,) of the family's dtype."""
        rows = [np.empty(0, family.dtype)]
        for source, (first, last) in zip(self.snapshot.sources, pairwise(self.starts.tolist()), strict=True):
            rows.append(source.reader.column(family.name)[self.at[first:last]])
        return np.concatenate(rows)

    def images(self, wanted: NDArray[np.int64]) -> list[Image]:
        """What is known of these; `wanted` is sorted."""
        found: list[Image] = []
        for source, part in zip(self.snapshot.sources, self._by_source(wanted), strict=True):
            found += source.images(part)
        return found

    def in_order(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """These by falling number of pixels, then by key; `wanted` is sorted."""
        keys: list[bytes] = []
        for source, part in zip(self.snapshot.sources, self._by_source(wanted), strict=True):
            keys += source.reader.texts("key", part)
        by_key = wanted[np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)]
        return by_key[np.argsort(-self.area[by_key], kind="stable")]

    def _by_source(self, wanted: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        edges = np.searchsorted(wanted, self.starts)
        return [self.at[wanted[first:last]] for first, last in pairwise(edges)]
