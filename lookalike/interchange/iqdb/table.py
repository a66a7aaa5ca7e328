"""The table `images` of IQDB's successors, which keep their signatures in SQLite.

Source: the schemas of danbooru/iqdb, evazion/iqdb, e621ng/iqdb, Varunda's fork and iqdb-rs, as their databases show
them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lookalike.interchange.dump import Batch, Refused
from lookalike.interchange.file import DumpFile
from lookalike.interchange.iqdb import signatures
from lookalike.interchange.iqdb.metadata import meta_of
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.sqlite import Database, Scan, Table
from lookalike.interchange.sqlite.database import folded, quoted
from lookalike.interchange.sqlite.keys import keys_of, shown
from lookalike.interchange.sqlite.scan import DAMAGED, Row
from shards.errors import DumpUnreadable
from shards.families.haar.row import ROW
from shards.table.format.texts import Texts

IMAGES = "images"
AVERAGES = ("avglf1", "avglf2", "avglf3")
SIGNATURE = "sig"

SIG = (
    f"CASE WHEN typeof({SIGNATURE}) <> 'blob' THEN typeof({SIGNATURE})"
    f" WHEN length({SIGNATURE}) <> {signatures.BYTES} THEN length({SIGNATURE}) ELSE {SIGNATURE} END"
)
"""SQL of a signature: the blob where it has the right length, the length of any other, or the type of what is none. So
SQLite does not read what cannot be one."""


class ImagesTable:
    """The images of an SQLite database."""

    def __init__(self, file: DumpFile, options: DumpOptions) -> None:
        """Look for the table and its columns. Raises DumpUnreadable."""
        self.notes: list[str] = []
        database = Database(file)
        table = _table(database, options.table)
        self._key = _key(file.name, table, options.key)
        has_md5 = "md5" in table.columns and self._key != "md5"
        self._scan = Scan(database, table, [quoted(self._key), *AVERAGES, SIG, *(["md5"] if has_md5 else [])])
        self._has_md5 = has_md5
        if has_md5:
            self.notes.append("put the column md5 into the metadata")

    @property
    def share(self) -> float:
        """The share of the rows that is read, 0 to 1."""
        return self._scan.share

    @property
    def faults(self) -> list[str]:
        """Sentences that say which rows could not be read."""
        return self._scan.faults

    def batches(self) -> Iterator[Batch]:
        """Yield the images by rising rowid."""
        number = 0
        for rows in self._scan.read():
            yield self._batch(rows, number)
            number += len(rows)
        lost = [Refused(f"image {shown(key)}", DAMAGED) for key in self._scan.lost(quoted(self._key))]
        if lost:
            yield Batch(np.zeros(0, np.uint64), Texts.of([]), {"haar": np.zeros(0, ROW)}, refused=lost)

    def _batch(self, rows: list[Row], first: int) -> Batch:
        ids, keys, *averages, sigs = list(zip(*rows, strict=True))[:6]
        texts, unusable = keys_of(keys, self._key)
        haar, wrong = signatures.of_columns(averages, sigs)
        wrong = {**wrong, **unusable}
        refused = [
            Refused(f"row {ids[row]}" if keys[row] is None else f"image {shown(keys[row])}", reason)
            for row, reason in sorted(wrong.items())
        ]
        numbers = np.arange(first, first + len(rows), dtype=np.uint64)
        meta = meta_of([row[6] for row in rows], "md5") if self._has_md5 else None
        if wrong:
            good = np.setdiff1d(np.arange(len(rows)), list(wrong))
            numbers, texts, haar = numbers[good], texts.take(good), haar[good]
            meta = None if meta is None else meta.take(good)
        return Batch(numbers, texts, {"haar": haar}, meta, refused)


def _table(database: Database, wanted: str | None) -> Table:
    tables = database.tables()
    table = tables.get(folded(wanted or IMAGES))
    if table is None:
        there = ", ".join(sorted(tables)) or "none"
        raise DumpUnreadable(
            f"{database.name}: has no table {wanted or IMAGES}, in which IQDB keeps its signatures; the tables are:"
            f" {there}. Give --table NAME if it is one of these"
        )
    missing = [column for column in (*AVERAGES, SIGNATURE) if column not in table.columns]
    if missing:
        raise DumpUnreadable(
            f"{database.name}: table {table.name} has no column {', '.join(missing)}, so it is not IQDB's; its columns"
            f" are {', '.join(table.columns)}"
        )
    return table


def _key(name: str, table: Table, wanted: str | None) -> str:
    choice = ("post_id", "id") if wanted is None else (folded(wanted),)
    for column in choice:
        if column in table.columns:
            return column
    raise DumpUnreadable(
        f"{name}: table {table.name} has no column {' or '.join(choice)} to make keys of; give --key with one of"
        f" {', '.join(table.columns)}"
    )
