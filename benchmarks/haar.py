"""Searching Haar signatures: the inverted index beside adding up posting lists, and what a cold query reads.

`python -m benchmarks.haar --count 1000000 --signatures FILE` runs it alone, with larger numbers or with real
signatures: a `.npz` of `sig` (n, 3, 40) int16, sorted, and `avgl` (n, 3).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Result, human, median_seconds, seconds
from benchmarks.signatures import cross_haar, real_rows
from shards.families.base import ColumnReader, Rows, search_plainly
from shards.families.haar import Haar
from shards.families.haar.row import ROW
from shards.families.haar.scoring import BINS, WEIGHTS
from shards.storage.base import Entry
from shards.storage.memory import MemoryStore
from shards.table.reader import SegmentReader
from shards.table.records import FIXED
from shards.table.segment import pack

COUNT = 1_000_000
TIMES = 5
"""How many times as many rows as in the smaller segment it is compared with."""

QUERIES = 20
CROSSED = 10_000

RECORD = sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in FIXED.values()) + 2 * 8 + 10
"""Bytes a row of a record besides its signatures: the fixed columns, two offsets, and a key of 10 bytes."""

REQUEST_WORTH = 1 << 20
"""Bytes whose transfer costs what a request costs: smaller gaps are read, larger ones are not."""

HAAR = Haar()


def run(count: int = COUNT, signatures: str | None = None) -> list[Result]:
    """`count` rows, and a fifth of them, asked for pictures that are not among them."""
    parents = _parents(signatures)
    held_out = len(parents) // 10
    queries = _crossed(parents[:held_out], QUERIES, seed=1)
    rows = _crossed(parents[held_out:], count, seed=0)
    smaller = _typical(partial(_search, _Resident(HAAR.columns(rows[: count // TIMES]))), queries)
    made: dict[str, NDArray[Any]] = {}
    build = seconds(lambda: made.update(HAAR.columns(rows)))
    warm = _warm(made, queries, build)
    scaling = Result(
        f"haar, exact top 10 of {count:,}",
        warm.ours,
        f"of {count // TIMES:,}",
        smaller,
        f"{TIMES} times the rows",
        "at most 5.5 times the time",
        warm.ours <= 5.5 * smaller,
    )
    return [warm, scaling, *_cold(made, queries)]


def _warm(made: dict[str, NDArray[Any]], queries: Rows, build: float) -> Result:
    """Everything in memory, the first answers compared with the plain formula's."""
    rows = made["haar"]
    for query in queries[:5]:
        found = _search(_Resident(made), query)
        plain = search_plainly(HAAR.score, "haar", query[None], _Resident(made), limit=10, min_score=None, dead=None)
        assert found.rows.tolist() == plain.rows.tolist()
        assert found.scores.tobytes() == plain.scores.tobytes()
    on_disk = sum(array.nbytes for array in made.values()) / len(rows)
    ours = _typical(partial(_search, _Resident(made)), queries)
    baseline = _typical(PostingLists(rows, queries).scores, queries)
    return Result(
        f"haar, exact top 10 of {len(rows):,}",
        ours,
        "adding up posting lists",
        baseline,
        f"{on_disk:.0f} B a row, {on_disk + RECORD:.0f} with its record; built in {human(build)}",
        "0.05 of its time, at most 480 B a row",
        ours <= 0.05 * baseline and on_disk + RECORD <= 480,
    )


def _cold(made: dict[str, NDArray[Any]], queries: Rows) -> Iterator[Result]:
    """The same queries, each by a reader that has nothing yet, where bytes count and where requests do."""
    count = len(made["haar"])
    inner = MemoryStore()
    segment, objects = pack(0, count, made.items(), np.empty(0, np.uint32), mark="0")
    for name, data in objects.items():
        inner.create(name, data)
    plain = seconds(
        lambda: search_plainly(
            HAAR.score, "haar", queries[:1], SegmentReader(Ranges(inner), segment), limit=10, min_score=None, dead=None
        )
    )
    for what, gap in (("bytes count", 1), ("requests count", REQUEST_WORTH)):
        stores = [Ranges(inner, gap) for _ in queries]
        times = [
            seconds(partial(_search, SegmentReader(store, segment), query))
            for store, query in zip(stores, queries, strict=True)
        ]
        size = float(np.median([store.fetched for store in stores])) / count
        requests = int(np.median([store.requests for store in stores]))
        rounds = max(store.rounds for store in stores)
        bar = "16 B a row" if gap == 1 else "40 B a row in 32 requests"
        holds = size <= 16 if gap == 1 else size <= 40 and requests <= 32
        yield Result(
            f"haar, a cold query of {count:,}, where {what}",
            float(np.median(times)),
            "reading and scoring every row",
            plain,
            f"{size:.1f} B a row in {requests} requests, {rounds} rounds",
            f"at most {bar}, 3 rounds",
            holds and rounds <= 3,
        )


def _search(reader: ColumnReader, query: Any) -> Any:
    return HAAR.search(np.array([query], ROW), reader, limit=10)


def _typical(work: Callable[[Any], object], queries: Rows) -> float:
    """The median over the queries."""
    return float(np.median([median_seconds(partial(work, query), runs=3) for query in queries]))


def _parents(path: str | None) -> Rows:
    if path is None:
        return real_rows()["haar"]
    with np.load(path) as file:
        parents = np.empty(len(file["sig"]), ROW)
        parents["sig"], parents["avgl"] = file["sig"], file["avgl"]
    return parents


def _crossed(parents: Rows, count: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    rows = np.empty(count, ROW)
    for start in range(0, count, CROSSED):
        some = min(CROSSED, count - start)
        one, other = rng.integers(0, len(parents), (2, some))
        rows[start : start + some] = cross_haar(parents[one], parents[other], rng)
        rows["avgl"][start : start + some] += rng.normal(0, 0.005, (some, 3))
    return rows


class PostingLists:
    """The baseline: the rows of each coefficient end to end, and their weights taken off float32 scores."""

    def __init__(self, rows: Rows, queries: Rows) -> None:
        self._count = len(rows)
        pieces: dict[tuple[int, int], list[NDArray[np.uint32]]] = {}
        for channel in range(3):
            wanted = np.unique(queries["sig"][:, channel])
            for start in range(0, len(rows), CROSSED):
                coefficients = rows["sig"][start : start + CROSSED, channel].ravel()
                order = np.argsort(coefficients, kind="stable")
                ordered, postings = coefficients[order], (start + order // 40).astype(np.uint32)
                firsts, stops = (np.searchsorted(ordered, wanted, side) for side in ("left", "right"))
                for coefficient, first, stop in zip(wanted.tolist(), firsts, stops, strict=True):
                    pieces.setdefault((channel, coefficient), []).append(postings[first:stop])
        self._lists = {bucket: np.concatenate(found) for bucket, found in pieces.items()}

    def scores(self, query: Any) -> NDArray[np.float32]:
        scores = np.zeros(self._count, np.float32)
        for channel in range(3):
            for coefficient in query["sig"][channel].tolist():
                scores[self._lists[channel, coefficient]] -= np.float32(WEIGHTS[channel, BINS[abs(coefficient)]])
        return scores


@dataclass(frozen=True)
class _Resident:
    """Columns in memory."""

    columns: dict[str, NDArray[Any]]

    @property
    def rows(self) -> int:
        return len(self.columns["haar"])

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        return self.columns[name][start:stop]

    def ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[NDArray[Any]]:
        return [self.columns[name][start:stop] for start, stop in ranges]

    def length(self, name: str) -> int | None:
        return len(self.columns[name]) if name in self.columns else None


@dataclass
class Ranges:
    """A store that counts what is fetched: ranges less than `gap` bytes apart are one request."""

    inner: MemoryStore
    gap: int = 1
    requests: int = 0
    fetched: int = 0
    rounds: int = 0
    url: str = "memory://counted"
    mapped: bool = field(default=False)

    def get_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        self.rounds += 1
        reached = -self.gap
        for start, stop in sorted(ranges):
            if start - reached >= self.gap:
                self.requests += 1
                self.fetched += stop - start
            else:
                self.fetched += max(stop - reached, 0)
            reached = max(reached, stop)
        return self.inner.get_ranges(name, ranges)

    def get(self, name: str) -> memoryview:
        return self.get_ranges(name, [(0, self.inner.size(name))])[0]

    def create(self, name: str, data: bytes | memoryview) -> bool:
        return self.inner.create(name, data)

    def list(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Iterator[Entry]:
        return self.inner.list(prefix, after=after, limit=limit)

    def delete(self, names: Sequence[str]) -> None:
        self.inner.delete(names)

    def size(self, name: str) -> int:
        return self.inner.size(name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--signatures")
    arguments = parser.parse_args()
    for result in run(arguments.count, arguments.signatures):
        print(json.dumps(result.to_json()))
