"""Searching hashes: within a radius and for the nearest, beside FAISS and numpy's one-liner over the same words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.columns import Cold, Stored
from benchmarks.measure import Result, human, median_seconds, optional, seconds
from benchmarks.report import size
from benchmarks.signatures import crossed_hashes, real_rows
from shards.families import ColumnReader, Rows
from shards.families.hashes import ImageHash
from shards.families.hashes.hamming import WORD, HammingFamily
from shards.families.matches import Matches
from shards.families.resident import Resident

COUNT = 2_000_000
QUERIES = 100
ASKED = 3
"""Number of queries for baselines that compare every row."""

COLD = 20
"""Number of queries for readers without a cache."""

LIMIT = 10

NEAR = (3, 10)
"""Radii in bits of 64 (those of 256 below): usual for a copy, and generous."""

NEAR_OF_256 = (10, 31)


def run(count: int = COUNT, signatures: str | None = None) -> list[Result]:
    """Measure 64 bits within 3 and 10 bits and the nearest 10; 256 bits within 10 and 31, of half as many rows."""
    small = Searched.of(ImageHash("dhash"), count, signatures)
    large = Searched.of(ImageHash("dhash", 16), max(count // 2, 1), signatures)
    targets = {3: ("at most 1/300 at 30 million", 1 / 300), 10: ("at most 1/35 at 30 million", 1 / 35)}
    shares = {10: ("at most 0.3", 0.3), 31: ("at most 0.6", 0.6)}
    found: list[Result] = []
    for radius in NEAR:
        target, max_ratio = targets[radius]
        # smaller indexes are not what this target is about: a scan of them is fast too
        found += small.within(radius, target, lambda ratio, limit=max_ratio: count < 30_000_000 or ratio <= limit)  # type: ignore[misc]
    found.append(small.nearest())
    for radius in NEAR_OF_256:
        target, max_ratio = shares[radius]
        found += large.within(radius, target, lambda ratio, limit=max_ratio: ratio <= limit)  # type: ignore[misc]
    return found


@dataclass(frozen=True, slots=True)
class Searched:
    """A segment of one family in memory, and the queries for it."""

    family: HammingFamily
    rows: Rows
    queries: Rows
    columns: dict[str, NDArray[Any]]
    build: float

    @classmethod
    def of(cls, family: HammingFamily, count: int, signatures: str | None = None) -> Searched:
        """`count` rows of a dhash and, beyond 64 bits, a phash by turns. Half of the queries are stored, half of
        these but for 3 bits."""
        parents = [real_rows(name, signatures) for name in ("dhash", "phash")] * (family.bits // WORD)
        parents = parents[: family.bits // WORD]
        rows, queries = crossed_hashes(parents, count, seed=1), crossed_hashes(parents, QUERIES, seed=2)
        queries["hash"][::2] = rows["hash"][np.arange(QUERIES // 2) % count]
        queries["hash"][::4, 0] ^= np.uint64(0x0000100000400001)
        columns: dict[str, NDArray[Any]] = {}
        build = seconds(lambda: columns.update(family.columns(rows)))
        return cls(family, rows, queries, columns, build)

    def within(self, radius: int, target: str, holds: Callable[[float], bool]) -> list[Result]:
        """Measure beside numpy's one-liner and FAISS, if installed; the target applies to its flat index."""
        times = self.times(radius)
        ours = float(np.median(times))
        cold = self.cold(radius)
        words = self.rows["hash"]
        what = f"{self.family.bits} bits, all within {radius}"

        def plainly() -> None:
            for n in range(ASKED):
                counts = np.bitwise_count(words ^ self.queries["hash"][n])
                np.flatnonzero((counts.sum(axis=1) if self.family.bits > WORD else counts[:, 0]) <= radius)

        detail = f"p99 {human(float(np.quantile(times, 0.99)))}; a cold query at most {size(cold.max_bytes)}, {cold}"
        found = [
            Result(
                what,
                ours,
                "numpy's one-liner",
                median_seconds(plainly, runs=1) / ASKED,
                detail,
                rows=len(words),
                row_bytes=sum(column.nbytes for column in self.columns.values()) / len(words),
                read_bytes=cold.bytes,
                build=self.build,
                line=f"{self.family.bits} bits within {radius}",
            )
        ]
        for name, theirs in self._faiss(radius):
            is_target = name.endswith(".search") and theirs is not None
            reached = not is_target or holds(ours / theirs)  # type: ignore[operator]
            line = found[0].line
            found.append(
                Result(what, ours, name, theirs, "", target if is_target else "", reached, len(words), line=line)
            )
        return found

    def nearest(self) -> Result:
        """Measure the nearest 10 and their ties, beside numpy's one-liner."""
        times = self.times(None)
        words = self.rows["hash"][:, 0]
        few = min(LIMIT, len(words) - 1)

        def plainly() -> None:
            for n in range(ASKED):
                np.argpartition(np.bitwise_count(words ^ self.queries["hash"][n]), few)[:few]

        return Result(
            f"{self.family.bits} bits, the nearest {LIMIT} and their ties",
            float(np.median(times)),
            "numpy's one-liner",
            median_seconds(plainly, runs=1) / ASKED,
            f"p99 {human(float(np.quantile(times, 0.99)))}",
            rows=len(words),
        )

    def ask(self, query: Rows, reader: ColumnReader, radius: int | None) -> Matches:
        """Search for all rows within the radius, or the nearest few."""
        if radius is None:
            return self.family.search(query, reader, limit=LIMIT)
        min_score = self.family.score_at(radius)
        return self.family.search(query, reader, limit=len(self.rows), min_score=min_score)

    @property
    def resident(self) -> Resident:
        """Return a reader with everything in memory."""
        return Resident(self.columns, len(self.rows))

    def times(self, radius: int | None, queries: int = QUERIES) -> list[float]:
        """Return the seconds of each query when it is repeated: the first time, its pages are new to the processor."""
        times: list[float] = []

        def ask_all() -> None:
            times.clear()
            for n in range(queries):
                start = time.perf_counter()
                self.ask(self.queries[n : n + 1], self.resident, radius)
                times.append(time.perf_counter() - start)

        ask_all()
        seconds(ask_all)
        return times

    def cold(self, radius: int) -> Cold:
        """Measure the first queries with readers that have no cache."""
        ask = partial(self.ask, radius=radius)
        return Stored.of(self.columns, len(self.rows)).cold(self.queries[:COLD], ask)

    def _faiss(self, radius: int) -> Iterator[tuple[str, float | None]]:
        """Return the seconds of one query on one thread, by index and method; None where FAISS is not installed."""
        faiss = optional("faiss")
        if faiss is None:
            yield "FAISS IndexBinaryFlat.search (not installed)", None
            return
        stored = np.ascontiguousarray(self.rows["hash"]).view(np.uint8).reshape(len(self.rows), -1)
        asked = np.ascontiguousarray(self.queries["hash"]).view(np.uint8).reshape(QUERIES, -1)
        flat = faiss.IndexBinaryFlat(self.family.bits)
        flat.add(stored)
        yield "FAISS IndexBinaryFlat.search", _each(lambda one: flat.search(one, LIMIT), asked[:ASKED])
        # its radius is exclusive
        ranges = _each(lambda one: flat.range_search(one, radius + 1), asked[:ASKED])
        yield "FAISS IndexBinaryFlat.range_search", ranges
        if self.family.bits == WORD:
            # one of 4 chunks of 16 bits differs by a fourth of the radius at most, so this is exact too
            hashed = faiss.IndexBinaryMultiHash(self.family.bits, 4, 16)
            hashed.nflip = radius // 4
            hashed.add(stored)
            yield "FAISS IndexBinaryMultiHash", _each(lambda one: hashed.range_search(one, radius + 1), asked[:COLD])


def _each(ask: Callable[[NDArray[np.uint8]], object], queries: NDArray[np.uint8]) -> float:
    """Return the seconds of a query: the median over the queries of their medians."""
    return float(np.median([median_seconds(partial(ask, queries[n : n + 1]), runs=3) for n in range(len(queries))]))
