"""Lists of hashes as tables of texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lookalike.interchange.dump import Batch
from lookalike.interchange.file import DAMAGED, DumpFile
from lookalike.interchange.hashes import tables
from lookalike.interchange.hashes.hash_list import SAMPLE, HashList
from lookalike.interchange.hashes.roles import HASH, choose
from lookalike.interchange.hashes.rows import Columns, RowMaker, meta_of_columns
from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable

SEEMS_HASH = re.compile(r"(?:0[xX])?[0-9a-fA-F]{16,}(?::[0-9]{3})?|-?[0-9]{15,20}|[01]{64,}")
"""A cell that is no name of a column."""


CUT = "the file ends within this line: it may be cut off. If it is not, put the end of a line behind it"


class TableList(HashList):
    """A list as a table of texts."""

    def __init__(self, file: DumpFile, options: DumpOptions) -> None:
        super().__init__(file, options)
        self._extra = 0
        table = tables.open_table(file, options.columns, options.null)
        if options.columns is None and any(map(SEEMS_HASH.fullmatch, table.columns)):
            if len(table.columns) > 1:
                raise DumpUnreadable(
                    f"{file.name}: the first line has a hash, so there is no header: name the columns with "
                    "--columns, such as --columns filename,hash"
                )
            table = tables.open_table(file, (HASH,), options.null)
        self._table = table
        sample: list[tables.Cells] = []
        with file.open() as content:
            try:
                for block in table.blocks(content):
                    sample += block.rows[: SAMPLE - len(sample)]
                    if len(sample) >= SAMPLE:
                        break
            except DAMAGED:
                # met again when the rows before it are imported
                if not sample:
                    raise
        columns = {
            name: [row[at] for row in sample if at < len(row) and row[at] and row[at] != options.null]
            for at, name in enumerate(table.columns)
        }
        self._roles = choose(table.columns, columns, options, file.name)
        self._take(self._roles)
        if self._roles.is_from_postgres:
            self.notes.append("numbers in a column hash are taken as dhash; --family would say otherwise")

    def batches(self) -> Iterator[Batch]:
        """Yield the rows of the table."""
        maker = RowMaker(self._roles, lambda number: f"line {number}")
        with self._file.open() as content:
            try:
                for block in self._table.blocks(content):
                    yield maker.batch(self._columns(block))
                    self.done = self._file.position(content)
            except DAMAGED as error:
                self.faults.append(f"the file is damaged or ends early: {error}")
        if self._extra:
            self.notes.append(f"rows with more cells than there are columns, which are not imported: {self._extra:,}")
        self._finish(maker)

    def _ends_whole(self, row: tables.Cells) -> bool:
        """Return whether the last row of a file that ends without the end of a line is surely not cut off."""
        reader = self._roles.hashes.get(self._table.columns[-1])
        return len(row) == len(self._table.columns) and reader is not None and reader.knows_length

    def _columns(self, block: tables.Block) -> Columns:
        """Return a block column by column."""
        names, roles, null = self._table.columns, self._roles, self._options.null
        rows, numbers, refused = block.rows, block.lines, block.refused
        width = len(names)
        if block.is_open and rows and not self._ends_whole(rows[-1]):
            refused = [*refused, (numbers[-1], CUT)]
            rows, numbers = rows[:-1], numbers[:-1]
        if set(map(len, rows)) - {width}:
            needed = 1 + max(names.index(name) for name in (*roles.hashes, *((roles.key,) if roles.key else ())))
            self._extra += sum(len(row) > width for row in rows)
            refused = refused + [
                (number, f"has {len(row)} of {width} columns")
                for number, row in zip(numbers, rows, strict=True)
                if len(row) < needed
            ]
            kept = [(n, r) for n, r in zip(numbers, rows, strict=True) if len(r) >= needed]
            numbers = [number for number, _ in kept]
            rows = [[*row[:width], *[null or ""] * (width - len(row))] for _, row in kept]
        cells = list(zip(*rows, strict=True)) or [()] * width
        columns: dict[str, Sequence[str]] = dict(zip(names, cells, strict=True))
        hashes: dict[str, Sequence[str | None]] = {name: columns[name] for name in roles.hashes}
        if null is not None or roles.is_from_postgres:
            hashes = {name: [_unless(text, null or "") for text in columns[name]] for name in roles.hashes}
        # PostgreSQL writes one word, which may be nothing, for NULL; elsewhere nothing is never a text
        nulls = {null or ""} if roles.is_from_postgres else {"", null or ""}
        others = {name: columns[name] for name in names if name not in (*roles.hashes, roles.key, roles.quality)}
        return Columns(
            numbers,
            None if roles.key is None else columns[roles.key],
            hashes,
            None if roles.quality is None else columns[roles.quality],
            meta_of_columns(others, nulls) if others else None,
            refused,
        )


def _unless(text: str, null: str) -> str | None:
    """Return a text, or None for what stands for no value."""
    return None if text == null and not isinstance(text, tables.Quoted) else text
