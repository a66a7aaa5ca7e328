"""Adding records with signatures in bulk to a folder, and searching them by `Index.search`."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Result, human, median_seconds, peak_memory, seconds
from benchmarks.signatures import MODELLED, perturbed
from lookalike import Index, Key, Records

COUNT = 200_000
BATCH = 10_000


def run(count: int = COUNT) -> list[Result]:
    """Add records of four families; the baseline keeps the same rows as blobs in SQLite, as IQDB does."""
    batches = [
        (
            [f"images/{n:07}.jpg" for n in range(start, min(start + BATCH, count))],
            {name: perturbed(name, min(BATCH, count - start), seed=start) for name in MODELLED},
        )
        for start in range(0, count, BATCH)
    ]
    with tempfile.TemporaryDirectory() as folder:
        index = Index.create(str(Path(folder) / "index"), families=list(MODELLED))

        def add() -> None:
            for keys, rows in batches:
                order = np.array([index.next_order() for _ in keys], np.uint64)
                index.write_bulk(Records.build(keys=keys, order=order, rows=rows))
            index.compact()

        def add_to_sqlite() -> None:
            connection = sqlite3.connect(Path(folder) / "baseline.sqlite")
            connection.execute("CREATE TABLE images (key TEXT PRIMARY KEY, haar BLOB, goldberg BLOB, dhash, phash)")
            for keys, rows in batches:
                columns = [[row.tobytes() for row in rows[name]] for name in MODELLED]
                with connection:
                    connection.executemany(
                        "INSERT INTO images VALUES (?, ?, ?, ?, ?)", zip(keys, *columns, strict=True)
                    )
            connection.close()

        ours, baseline = seconds(add), seconds(add_to_sqlite)
        rate = count / ours
        return [
            Result(
                "add signed records of 4 families, fold and merge, search columns included",
                ours,
                "SQLite blobs",
                baseline,
                f"{rate:,.0f} records/s, {peak_memory() >> 20} MB of memory",
                "over 20,000 records/s, under 1 GB",
                rate > 20_000 and peak_memory() < 1 << 30,
                rows=count,
                row_bytes=index.stats().size / count,
                build=ours,
            ),
            *(search(index, name, count) for name in MODELLED),
        ]


def search(index: Index, family: str, count: int) -> Result:
    """Search for the exact best 10; the baseline reads the column once, which no plain scan can beat."""
    key = Key(f"images/{count // 2:07}.jpg")
    warm = Index.open(index.url)
    ours = median_seconds(lambda: warm.search(key, family=family, limit=10))
    stored = warm.stats().columns[family]
    data = np.frombuffer(np.random.default_rng(0).bytes(stored), np.uint8)
    baseline = median_seconds(lambda: np.bitwise_count(data).max())
    cold = seconds(lambda: Index.open(index.url).search(key, family=family, limit=10))
    return Result(
        f"Index.search, {family}, exact top 10",
        ours,
        "popcount of its column",
        baseline,
        f"{human(cold)} the first time, checksums included",
        "under a second",
        max(ours, cold) < 1,
        rows=count,
        row_bytes=stored / count,
    )
