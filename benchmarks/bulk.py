"""Adding signed records in bulk to a folder, and searching them."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Result, human, median_seconds, peak_memory, seconds
from benchmarks.signatures import perturbed
from shards import Index, Key, Records
from shards.families import DEFAULT

COUNT = 100_000
BATCH = 10_000


def run() -> list[Result]:
    """100,000 records of four families: the baseline keeps the same rows as blobs in SQLite, as IQDB does."""
    batches = [
        ([f"images/{n:07}.jpg" for n in range(start, start + BATCH)], perturbed(BATCH, seed=start))
        for start in range(0, COUNT, BATCH)
    ]
    with tempfile.TemporaryDirectory() as folder:
        index = Index.create(str(Path(folder) / "index"))

        def add() -> None:
            for keys, rows in batches:
                order = np.array([index.next_order() for _ in keys], np.uint64)
                index.write_bulk(Records.build(keys=keys, order=order, rows=rows))
            index.compact()

        def add_to_sqlite() -> None:
            connection = sqlite3.connect(Path(folder) / "baseline.sqlite")
            connection.execute("CREATE TABLE images (key TEXT PRIMARY KEY, haar BLOB, goldberg BLOB, dhash, phash)")
            for keys, rows in batches:
                columns = [[row.tobytes() for row in rows[name]] for name in ("haar", "goldberg", "dhash", "phash")]
                with connection:
                    connection.executemany(
                        "INSERT INTO images VALUES (?, ?, ?, ?, ?)", zip(keys, *columns, strict=True)
                    )
            connection.close()

        ours, baseline = seconds(add), seconds(add_to_sqlite)
        rate = COUNT / ours
        size = index.stats().size
        return [
            Result(
                "add 100,000 signed records, fold and merge",
                ours,
                "SQLite blobs",
                baseline,
                f"{rate:,.0f} records/s, {size // COUNT} B a row, {peak_memory() >> 20} MB of memory",
                "over 20,000 records/s, under 1 GB",
                rate > 20_000 and peak_memory() < 1 << 30,
            ),
            *(search(index, name, batches[0][0][17]) for name in DEFAULT),
        ]


def search(index: Index, family: str, key: str) -> Result:
    """The exact best 10; the baseline is reading the column once, which no scan can beat."""
    warm = Index.open(index.url)
    ours = median_seconds(lambda: warm.search(Key(key), family=family, limit=10))
    data = np.frombuffer(np.random.default_rng(0).bytes(warm.stats().columns[family]), np.uint8)
    baseline = median_seconds(lambda: np.bitwise_count(data).max())
    cold = seconds(lambda: Index.open(index.url).search(Key(key), family=family, limit=10))
    return Result(
        f"search {family}, exact top 10 of 100,000",
        ours,
        "popcount of its column",
        baseline,
        f"{human(cold)} the first time, checksums included",
        "under a second",
        max(ours, cold) < 1,
    )
