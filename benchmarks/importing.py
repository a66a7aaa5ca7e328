"""Importing dumps of other systems, beside reading them alone; and `Index.write_bulk`, which writes the rows."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import dumps
from benchmarks.measure import Result, peak_memory, processor_seconds
from benchmarks.signatures import perturbed
from lookalike import Index, Records
from lookalike.interchange.dump import Dump, Refused
from lookalike.interchange.file import DumpFile
from lookalike.interchange.importer import ROWS, Importer
from lookalike.interchange.kinds import open_dump
from lookalike.interchange.options import DumpOptions
from shards.storage.effects import World
from shards.table.format.records import meta_bytes
from shards.table.format.texts import Texts

COUNT = 1_000_000

MEMORY = 2 << 30


@dataclass(frozen=True, slots=True)
class Source:
    """A system whose dump is imported."""

    what: str
    write: Callable[[Path, int], None]

    share: float
    """Rows to import, as a share of those of the section: a record of some systems is fifty times that of others."""

    rate: int
    """Rows a second that an import has to do on one core."""


SOURCES = (
    Source("a dump of PostgreSQL with hashes and addresses", dumps.wikipedia, 1.0, 200_000),
    Source("a database of IQDB, search columns included", dumps.iqdb, 0.5, 40_000),
    Source("Elasticsearch's documents of image-match", dumps.elasticsearch, 0.1, 60_000),
)


def run(count: int = COUNT) -> list[Result]:
    """Measure in processor time, of all threads together: so much one core has to do."""
    return [_bulk(count), *(measure(source, max(int(count * source.share), 1)) for source in SOURCES)]


def _bulk(count: int) -> Result:
    """Write hashes with addresses; the baseline keeps the same in a table of SQLite."""
    keys = Texts.of([b"%d" % n for n in range(count)])
    meta = Texts.of([meta_bytes({"url": f"{dumps.TITLES[n % len(dumps.TITLES)]}_({n})"}, None) for n in range(count)])
    order = np.stack([np.full(count, World().now_ns(), np.uint64), np.arange(count, dtype=np.uint64)], axis=1)
    rows = perturbed("dhash", count, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        index = Index.create(f"{folder}/index", families=["dhash"], thumbnails=0)

        def write() -> None:
            for start in range(0, count, ROWS):
                some = np.arange(start, min(start + ROWS, count))
                index.write_bulk(
                    Records.build(
                        keys=keys.take(some), order=order[some], rows={"dhash": rows[some]}, meta=meta.take(some)
                    )
                )

        def write_to_sqlite() -> None:
            connection = sqlite3.connect(f"{folder}/baseline.sqlite")
            connection.execute("CREATE TABLE images (key TEXT PRIMARY KEY, hash INTEGER, meta TEXT)")
            hashes = rows["hash"][:, 0].view(np.int64)
            for start in range(0, count, ROWS):
                some = slice(start, start + ROWS)
                values = zip(keys.tolist()[some], hashes[some].tolist(), meta.tolist()[some], strict=True)
                with connection:
                    connection.executemany("INSERT INTO images VALUES (?, ?, ?)", values)
            connection.close()

        ours, baseline = processor_seconds(write), processor_seconds(write_to_sqlite)
        return Result(
            "Index.write_bulk of hashes and addresses",
            ours,
            "rows of a table in SQLite",
            baseline,
            f"{count / ours:,.0f} records/s",
            "over 300,000 records/s",
            count / ours > 300_000,
            rows=count,
            row_bytes=index.stats().size / count,
        )


def measure(source: Source, count: int) -> Result:
    """Import a dump as the command does: compacted in the end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dump"
        source.write(path, count)

        def read() -> None:
            with DumpFile(path) as file:
                dump = open_dump(file, DumpOptions())
                if sum(len(batch.keys) for batch in dump.batches()) != count:
                    raise RuntimeError(f"{source.what}: not all of {count:,} rows were read")

        def add() -> None:
            with DumpFile(path) as file:
                dump = open_dump(file, DumpOptions())
                importer = Importer(f"{folder}/index", Silent())
                importer.add(dump, file.name, "0" * 32)
                if importer.finish(dump).count() != count:
                    raise RuntimeError(f"{source.what}: not all of {count:,} rows were imported")

        baseline = processor_seconds(read)
        start = time.perf_counter()
        ours = processor_seconds(add)
        wall = time.perf_counter() - start
        detail = f"{count / ours:,.0f} rows/s of processor time, {count / wall:,.0f} by the clock"
        return Result(
            f"importing {source.what}",
            ours,
            "reading it alone",
            baseline,
            f"{detail}; {peak_memory() >> 20} MB of memory",
            f"over {source.rate:,} rows/s, under 2 GB",
            count / ours > source.rate and peak_memory() < MEMORY,
            rows=count,
            row_bytes=Index.open(f"{folder}/index").stats().size / count,
        )


class Silent:
    """A reporter of what must not happen here, and of nothing else."""

    def progress(self, dump: Dump) -> None:
        """Take note of how much of a dump is read."""

    def refused(self, file: str, row: Refused) -> None:
        """Raise an error: every row of these dumps can be taken."""
        raise RuntimeError(f"{file}, {row.place}: {row.reason}")

    def note(self, text: str) -> None:
        """Take note of something that people should know."""

    def fault(self, text: str) -> None:
        """Raise an error: these dumps are whole."""
        raise RuntimeError(text)
