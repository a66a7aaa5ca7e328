"""Searching hashes: within a radius and for the nearest, beside FAISS and numpy's one-liner over the same words."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Result, human, median_seconds, seconds
from benchmarks.signatures import real_rows
from shards.families import Rows
from shards.families.hashes import ImageHash
from shards.families.hashes.hamming import WORD, HammingFamily

COUNT = 2_000_000
QUERIES = 100
ASKED = 3
"""Of the queries, put to the baselines too: those look at every row whatever is asked."""

LIMIT = 10
BLOCK = 1 << 14
"""Bytes: the store is read in blocks of 16 KiB, each with its checksum."""


class CountingReader:
    """A segment's columns in memory, warm; and what each question would cost a reader that has nothing yet."""

    def __init__(self, columns: dict[str, NDArray[Any]], rows: int) -> None:
        self.rows = rows
        self.requests = 0
        self._columns = columns
        self._blocks: set[tuple[str, int]] = set()

    @property
    def bytes(self) -> int:
        return len(self._blocks) * BLOCK

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.ranges(name, [(start, len(self._columns[name]) if stop is None else stop)])[0]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        column = self._columns[name]
        self.requests += 1
        for start, stop in ranges:
            first, last = start * column.itemsize // BLOCK, -(-stop * column.itemsize // BLOCK)
            self._blocks.update((name, block) for block in range(first, last))
        return [column[start:stop] for start, stop in ranges]

    def length(self, name: str) -> int | None:
        return len(self._columns[name]) if name in self._columns else None


class WarmReader(CountingReader):
    """The same without counting, for the time."""

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        column = self._columns[name]
        return [column[start:stop] for start, stop in ranges]


def run(count: int = COUNT) -> list[Result]:
    """64 bits within 3 and 10 bits and the nearest 10; 256 bits within 10 and 31, of half as many."""
    small, large = Searched.of(ImageHash("dhash"), count), Searched.of(ImageHash("dhash", 16), count // 2)
    return [
        *small.within(3, "at most 1/300 at 30 million", lambda ratio: count < 30_000_000 or ratio <= 1 / 300),
        *small.within(10, "at most 1/35 at 30 million", lambda ratio: count < 30_000_000 or ratio <= 1 / 35),
        small.nearest(),
        *large.within(10, "at most 0.3", lambda ratio: ratio <= 0.3),
        *large.within(31, "at most 0.6", lambda ratio: ratio <= 0.6),
    ]


@dataclass(frozen=True, slots=True)
class Searched:
    """A segment of one family in memory, and what is asked of it."""

    family: HammingFamily
    rows: Rows
    queries: Rows
    columns: dict[str, NDArray[Any]]
    build: float

    @classmethod
    def of(cls, family: HammingFamily, count: int) -> Searched:
        rows, queries = crossed(family, count, seed=1), crossed(family, QUERIES, seed=2)
        # half of the queries are stored, half of these but for 3 bits
        queries["hash"][::2] = rows["hash"][: QUERIES // 2]
        queries["hash"][::4, 0] ^= np.uint64(0x0000100000400001)
        columns: dict[str, NDArray[Any]] = {}
        build = seconds(lambda: columns.update(family.columns(rows)))
        return cls(family, rows, queries, columns, build)

    def within(self, radius: int, bar: str, holds: Callable[[float], bool]) -> list[Result]:
        """Beside numpy's one-liner and, where FAISS is installed, beside its two ways; the bar is on its search."""
        min_score = self.family.score_at(radius)
        times = self._times(min_score)
        ours = float(np.median(times))
        cold = [CountingReader(self.columns, len(self.rows)) for _ in self.queries]
        for n, reader in enumerate(cold):
            self._ask(n, reader, min_score)
        sizes = np.array([reader.bytes for reader in cold]) / 1024
        words = self.rows["hash"]
        stored = sum(column.nbytes for column in self.columns.values()) / len(self.rows)
        detail = (
            f"{len(words):,} rows of {stored:.0f} B, p99 {human(float(np.quantile(times, 0.99)))}; cold "
            f"{np.median(sizes):,.0f} KiB (p99 {np.quantile(sizes, 0.99):,.0f}) in "
            f"{np.median([reader.requests for reader in cold]):.0f} requests; built in {human(self.build)}"
        )
        what = f"{self.family.bits} bits, all within {radius}"

        def plainly() -> None:
            for n in range(ASKED):
                counts = np.bitwise_count(words ^ self.queries["hash"][n])
                np.flatnonzero((counts.sum(axis=1) if self.family.bits > WORD else counts[:, 0]) <= radius)

        found = [Result(what, ours, "numpy's one-liner", median_seconds(plainly, runs=1) / ASKED, detail)]
        for name, theirs in self._faiss(radius).items():
            is_bar = name == "search"
            found.append(
                Result(
                    what,
                    ours,
                    f"FAISS IndexBinaryFlat.{name}",
                    theirs,
                    "",
                    bar if is_bar else "",
                    not is_bar or holds(ours / theirs),
                )
            )
        return found

    def nearest(self) -> Result:
        """The nearest 10 and their ties, beside numpy's one-liner."""
        times = self._times(None)
        words = self.rows["hash"][:, 0]

        def plainly() -> None:
            for n in range(ASKED):
                np.argpartition(np.bitwise_count(words ^ self.queries["hash"][n]), LIMIT)[:LIMIT]

        return Result(
            f"{self.family.bits} bits, the nearest {LIMIT} and their ties",
            float(np.median(times)),
            "numpy's one-liner",
            median_seconds(plainly, runs=1) / ASKED,
            f"p99 {human(float(np.quantile(times, 0.99)))}",
        )

    def _ask(self, n: int, reader: CountingReader, min_score: float | None) -> None:
        self.family.search(self.queries[n : n + 1], reader, limit=LIMIT, min_score=min_score)

    def _times(self, min_score: float | None) -> list[float]:
        """Seconds of every query, the second time it is asked: the first time, its pages are new to the processor."""
        reader = WarmReader(self.columns, len(self.rows))
        times = []
        for n in (*range(QUERIES), *range(QUERIES)):
            start = time.perf_counter()
            self._ask(n, reader, min_score)
            times.append(time.perf_counter() - start)
        return times[QUERIES:]

    def _faiss(self, radius: int) -> dict[str, float]:
        """Seconds of one query on one thread, by method; nothing where FAISS is not installed."""
        try:
            faiss = importlib.import_module("faiss")
        except ImportError:
            return {}
        faiss.omp_set_num_threads(1)
        index = faiss.IndexBinaryFlat(self.family.bits)
        index.add(np.ascontiguousarray(self.rows["hash"]).view(np.uint8).reshape(len(self.rows), -1))
        asked = np.ascontiguousarray(self.queries["hash"][:ASKED]).view(np.uint8).reshape(ASKED, -1)

        def search() -> None:
            for n in range(ASKED):
                index.search(asked[n : n + 1], LIMIT)

        def range_search() -> None:
            for n in range(ASKED):
                index.range_search(asked[n : n + 1], radius + 1)

        return {"search": median_seconds(search) / ASKED, "range_search": median_seconds(range_search) / ASKED}


def crossed(family: HammingFamily, count: int, seed: int) -> Rows:
    """Hashes whose bits come from one of two real pictures each, and one bit from neither. Words beyond the first are
    of further pictures."""
    rng = np.random.default_rng(seed)
    real = np.concatenate([real_rows()[name]["hash"][:, 0] for name in ("dhash", "phash")[: family.bits // 64]])
    rows = np.zeros(count, family.dtype)
    for word in range(family.bits // 64):
        for start in range(0, count, 1 << 20):
            n = min(1 << 20, count - start)
            a, b = rng.integers(0, len(real), (2, n))
            mask = rng.integers(0, 1 << 64, n, np.uint64)
            other = np.uint64(1) << rng.integers(0, 64, n, np.uint64)
            rows["hash"][start : start + n, word] = (real[a] & mask) | (real[b] & ~mask) ^ other
    return rows
