"""All images of a snapshot as one array, to be compared with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from shards.families import Family, Rows
from shards.storage.parallel import ParallelMap, sequential_map
from shards.table.read.snapshot import Image, Snapshot, Source


@dataclass(frozen=True, slots=True)
class AllRows:
    """The images of a snapshot, source after source. Sources are read in parallel, where `parallel_map` is."""

    sources: Sequence[Source]
    parallel_map: ParallelMap

    area: NDArray[np.int64]
    """(n,) int64, pixels of each image."""

    at: NDArray[np.int64]
    """(n,) int64, the row of each image in its source."""

    starts: NDArray[np.int64]
    """(sources + 1,) int64, the number of the first image of each source, and of all images."""

    @classmethod
    def of(cls, snapshot: Snapshot, parallel_map: ParallelMap = sequential_map) -> AllRows:
        """Read where the images of a snapshot are, and their sizes."""

        def read(source: Source) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            live = source.live_rows()
            sizes = source.reader.column("width")[live].astype(np.int64) * source.reader.column("height")[live]
            return live, sizes

        none = np.empty(0, np.int64)
        at, area = zip((none, none), *parallel_map(read, snapshot.sources), strict=True)
        starts = np.cumsum([len(live) for live in at])
        return cls(snapshot.sources, parallel_map, np.concatenate(area), np.concatenate(at), starts)

    def digests(self) -> NDArray[np.void]:
        """Return (n,) V32, the SHA-256 of each image's file; zeros where it is unknown."""

        def read(part: tuple[Source, NDArray[np.int64]]) -> NDArray[np.void]:
            source, rows = part
            column = np.ascontiguousarray(source.reader.column("sha256")[rows])
            return column.view("V32").reshape(-1)

        parts = [self.at[first:last] for first, last in pairwise(self.starts.tolist())]
        columns = self.parallel_map(read, list(zip(self.sources, parts, strict=True)))
        return np.concatenate([np.empty(0, "V32"), *columns])

    def keys(self, wanted: NDArray[np.int64]) -> list[bytes]:
        """Return the keys of these images, as they are stored; `wanted` is sorted."""
        parts = self.parallel_map(lambda part: part[0].reader.texts("key", part[1]), self._by_source(wanted))
        return list(chain.from_iterable(parts))

    def signatures(self, family: Family) -> Rows:
        """Return (n,) of the family's dtype, the signature of each image."""

        def read(part: tuple[Source, NDArray[np.int64]]) -> Rows:
            source, rows = part
            column: Rows = source.reader.column(family.name)[rows]
            return column

        parts = [self.at[first:last] for first, last in pairwise(self.starts.tolist())]
        columns = self.parallel_map(read, list(zip(self.sources, parts, strict=True)))
        return np.concatenate([np.empty(0, family.dtype), *columns])

    def signatures_of(self, family: Family, wanted: NDArray[np.int64]) -> Rows:
        """Return the signatures of these images; `wanted` is sorted."""
        if len(wanted) == len(self.at):
            return self.signatures(family)

        def read(part: tuple[Source, NDArray[np.int64]]) -> Rows:
            source, rows = part
            column: Rows = source.reader.take(family.name, rows)
            return column

        return np.concatenate([np.empty(0, family.dtype), *self.parallel_map(read, self._by_source(wanted))])

    def images(self, wanted: NDArray[np.int64]) -> list[Image]:
        """Return these images with what is known of them; `wanted` is sorted."""
        parts = self.parallel_map(lambda part: part[0].images(part[1]), self._by_source(wanted))
        return list(chain.from_iterable(parts))

    def in_order(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return these images by falling number of pixels, then by key; `wanted` is sorted."""
        keys = self.keys(wanted)
        by_key = wanted[np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)]
        return by_key[np.argsort(-self.area[by_key], kind="stable")]

    def _by_source(self, wanted: NDArray[np.int64]) -> list[tuple[Source, NDArray[np.int64]]]:
        edges = np.searchsorted(wanted, self.starts)
        rows = [self.at[wanted[first:last]] for first, last in pairwise(edges)]
        return [(source, part) for source, part in zip(self.sources, rows, strict=True) if len(part)]
