"""The SQLite database of IQDB, as danbooru's server reads it: post ids and Haar signatures, no metadata."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from lookalike.interchange.exports.export import Export, written_whole
from shards.errors import QueryError

SCHEMA = (
    "CREATE TABLE images (id INTEGER PRIMARY KEY NOT NULL, post_id INTEGER UNIQUE NOT NULL, avglf1 REAL NOT NULL,"
    " avglf2 REAL NOT NULL, avglf3 REAL NOT NULL, sig BLOB NOT NULL)"
)

POST_ID = re.compile(r"0|[1-9][0-9]{0,9}")
"""A post id in decimal, as IQDB prints it."""

MAX_POST_ID = (1 << 31) - 1
"""IQDB keeps post ids in 32 bits with a sign."""


def iqdb(export: Export) -> None:
    """Write a table `images(id, post_id, avglf1, avglf2, avglf3, sig)`. Images whose keys are no post ids are left out.

    Raises QueryError for an index without Haar signatures.
    """
    if "haar" not in export.families:
        raise QueryError(f"{export.index.url} has signatures of {', '.join(export.families)}, and IQDB needs haar")
    has_meta = False

    def rows() -> Iterator[tuple[int, int, float, float, float, bytes]]:
        nonlocal has_meta
        for record in export.records():
            if not POST_ID.fullmatch(record.key) or int(record.key) > MAX_POST_ID:
                export.left_out.append((record.key, "is no post id"))
                continue
            has_meta |= bool(record.meta)
            row = (record.rows or {})["haar"]
            export.rows += 1
            averages = [float(average) for average in row["avgl"]]
            yield export.rows, int(record.key), averages[0], averages[1], averages[2], row["sig"].tobytes()

    with written_whole(export.path(".sqlite")) as path, closing(sqlite3.connect(path)) as database, database:
        database.execute(SCHEMA)
        database.executemany("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?)", rows())
    if has_meta:
        export.notes.append("IQDB keeps no metadata: it was left out")
