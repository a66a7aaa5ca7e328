"""Dumps as other systems write them, in any number of rows: what an import is measured with."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.signatures import perturbed, real_rows
from shards.families import Rows
from shards.families.goldberg.planes import unpack

AT_A_TIME = 50_000

TITLES = ("Western_Desert_campaign", "F.C._Härryda", "San_José_(season)", "Łódź", "Liechtenstein_1974", "O'Brien")
"""Names of pages, of which each row has one and a number: 20 to 30 bytes."""


def _batches(name: str, rows: int) -> Iterator[tuple[int, Rows]]:
    for start in range(0, rows, AT_A_TIME):
        yield start, perturbed(name, min(AT_A_TIME, rows - start), seed=start)


def wikipedia(path: Path, rows: int) -> None:
    """Write what pg_dump does of a table of 64-bit hashes with addresses, as a reverse search of Wikipedia has."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(
            "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\nCREATE TABLE public.hashes (\n"
            "    id integer NOT NULL,\n    hash bigint,\n    url text\n);\n\n"
            "COPY public.hashes (id, hash, url) FROM stdin;\n"
        )
        for start, signatures in _batches("dhash", rows):
            hashes = signatures["hash"][:, 0].view(np.int64).tolist()
            file.write(
                "".join(
                    f"{n + 1}\t{hashed}\t{TITLES[n % len(TITLES)]}_({n})\n" for n, hashed in enumerate(hashes, start)
                )
            )
        file.write("\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n")


def iqdb(path: Path, rows: int) -> None:
    """Write a database as IQDB keeps it: SQLite, with a Haar signature a row."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=off")
    connection.execute("PRAGMA synchronous=off")
    connection.execute(
        "CREATE TABLE images (id INTEGER PRIMARY KEY NOT NULL, post_id INTEGER UNIQUE NOT NULL,"
        " avglf1 REAL NOT NULL, avglf2 REAL NOT NULL, avglf3 REAL NOT NULL, sig BLOB NOT NULL)"
    )
    for start, signatures in _batches("haar", rows):
        # of no picture a coefficient is both positive and negative, as it may be of a cross of two
        magnitudes = np.sort(np.abs(signatures["sig"]), axis=2)
        impossible = (magnitudes[:, :, 1:] == magnitudes[:, :, :-1]).any(axis=(1, 2))
        signatures[impossible] = np.resize(real_rows("haar"), int(impossible.sum()))
        averages = signatures["avgl"].tolist()
        connection.executemany(
            "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?)",
            (
                (n + 1, 2 * n + 7, *averages[n - start], row["sig"].astype("<i2").tobytes())
                for n, row in enumerate(signatures, start)
            ),
        )
        connection.commit()
    connection.close()


def elasticsearch(path: Path, rows: int) -> None:
    """Write lines as elasticdump does of an index of image-match: a signature of 648 numbers, and its 63 words."""
    words = {f"simple_word_{n}": 20_000_000 + 37 * n for n in range(63)}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for start, signatures in _batches("goldberg", rows):
            for n, values in enumerate(unpack(signatures).tolist(), start):
                source = {
                    "path": f"https://example.org/{n}.jpg",
                    "signature": values,
                    "timestamp": "2017-03-01T12:00:00.000001",
                    **words,
                }
                document = {"_index": "images", "_type": "image", "_id": f"AV{n:018d}", "_score": 1, "_source": source}
                file.write(json.dumps(document, separators=(",", ":")) + "\n")
