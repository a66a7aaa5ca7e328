"""Plain dumps of pg_dump, and COPY's text form without anything around it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, ClassVar, Self

from lookalike.interchange.dump import OVER_WHITE, Batch, Dump, Refused
from lookalike.interchange.file import DumpFile
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.postgres import inserts, tables
from lookalike.interchange.postgres.rows import NULL, SAMPLE, RowReader, sampled
from lookalike.interchange.postgres.statements import COMPLETE, Statements
from lookalike.interchange.postgres.tables import Table
from lookalike.interchange.postgres.values import family_of, form_of
from shards.errors import DumpUnreadable

CUT = "the file ends within this line: it is cut off"

MAX_ROW = 16 << 20
"""Bytes of a row in COPY's text form: far more than metadata may have."""

TOGETHER = 10_000
"""Rows of INSERT statements in a batch."""

_SQL = re.compile(
    rb"(?mi)^(?:-- PostgreSQL database dump|COPY .* FROM stdin;\r?$|INSERT INTO |CREATE TABLE |SET client_encoding)"
)
_COPY = re.compile(
    rf"COPY\s+((?:{tables.NAME}\.)?{tables.NAME})\s*(\(.*?\))?\s+FROM\s+stdin(?:\s+WITH)?\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_ENCODING = re.compile(r"SET\s+client_encoding\s*(?:=|TO)\s*'?([\w-]+)'?", re.IGNORECASE)
OUR_COMMENT = re.compile(r"COMMENT ON COLUMN \S+ IS '(\w+) of lookalike'")
"""What `lookalike export` says of the column with the hashes: their family."""

_COPIED_NULL = re.compile(rb"(?m)(?:^|\t)\\N(?:\t|\r?$)")

_LONG_NUMBER = re.compile(rb"-?[0-9]{17,19}")
"""A hash as a `bigint`: nine of ten have as many digits, and hex digits are fewer."""

_OTHERS = {
    b"PGDMP": "a dump in PostgreSQL's custom format",
    b"toc.dat\x00": "a dump in PostgreSQL's tar format",
}
_BINARY_COPY = b"PGCOPY\n\xff\r\n\x00"

_CODECS: dict[str, str | None] = {
    "utf8": "utf-8",
    "unicode": "utf-8",
    "sql_ascii": "utf-8",
    "latin9": "iso8859-15",
    "latin10": "iso8859-16",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "shift_jis_2004": None,
}
"""Names of PostgreSQL's encodings that Python calls otherwise, in small letters; None where Python's codec is another:
its shift_jis_2004 has a yen sign where the backslash of escapes is. SQL_ASCII says nothing about bytes."""


class PostgresDump(Dump):
    """A table of a plain dump."""

    kind: ClassVar[str] = "postgres"
    pictures = OVER_WHITE

    def __init__(self, file: DumpFile, options: DumpOptions) -> None:
        super().__init__()
        self._file = file
        self._options = options
        self.size = file.packed_size
        self._is_text = _SQL.search(file.head) is None
        self._codec = "utf-8"
        found: list[Table] = []
        if self._is_text:
            self._table = self._text_table()
        else:
            options.check(file.name, "a dump in SQL", "family", "table", "key", "hash", "null", "hash_form")
            found, of_lookalike = self._look()
            self._table = tables.choose(found, options, file.name)
            options = replace(options, family=options.family or of_lookalike)
        self._roles = tables.roles(self._table, options, file.name)
        self._family = family_of(options, file.name)
        self.families = (self._family,)
        alike = [each.name for each in found if each.has_rows and set(each.columns) == set(self._table.columns)]
        self._no_rows = (
            f"if {', '.join(alike)} are its partitions, import each with --table"
            if alike
            else "was it dumped with --schema-only?"
        )

    @classmethod
    def recognises(cls, file: DumpFile) -> bool:
        """Return True if this looks like something of PostgreSQL."""
        if file.path.is_dir():
            return (file.path / "toc.dat").is_file()
        return (
            file.head.startswith((*_OTHERS, _BINARY_COPY))
            or _SQL.search(file.head) is not None
            or _COPIED_NULL.search(file.head) is not None
        )

    @classmethod
    def has_rows_named(cls, file: DumpFile, options: DumpOptions) -> bool:
        """Return True if `--columns` names the columns of rows in COPY's text form: most have a number for a hash.

        Without NULL among the first rows they look like any table with tabs, but quotes and escapes mean others.
        """
        hash_name = options.hash or "hash"
        if options.columns is None or hash_name not in options.columns or b"\t" not in file.head.partition(b"\n")[0]:
            return False
        at, width = options.columns.index(hash_name), len(options.columns)
        cells = [line.split(b"\t") for line in file.head.split(b"\n", SAMPLE)[:-1]]
        hashes = [row[at] for row in cells if len(row) == width and row[at] != NULL.encode()]
        return bool(hashes) and 2 * sum(_LONG_NUMBER.fullmatch(text) is not None for text in hashes) > len(hashes)

    @classmethod
    def open(cls, file: DumpFile, options: DumpOptions) -> Self:
        """Look through the file for its tables. Raises DumpUnreadable."""
        other = "a dump in PostgreSQL's directory format" if file.path.is_dir() else None
        for magic, what in _OTHERS.items():
            other = what if file.head.startswith(magic) else other
        if other is not None:
            raise DumpUnreadable(f"{file.name} is {other}: make a plain one with 'pg_restore -f - {file.name}'")
        if file.head.startswith(_BINARY_COPY):
            raise DumpUnreadable(
                f"{file.name} is of a binary COPY: export it with COPY … TO … WITH (FORMAT csv, HEADER) instead"
            )
        return cls(file, options)

    def batches(self) -> Iterator[Batch]:
        """Yield the rows of the table."""
        with self._file.open() as file:
            if self._is_text:
                yield from self._text_batches(file)
            else:
                yield from self._sql_batches(Statements(file, self._file.name))

    def _look(self) -> tuple[list[Table], str | None]:
        """Return the tables that the dump defines or has rows of, and the family if it is an export of ours."""
        found: dict[str, Table] = {}
        of_lookalike = None
        try:
            with self._file.open() as file:
                of_lookalike = self._look_through(Statements(file, self._file.name), found)
        except DumpUnreadable:
            # what comes before is imported, and then it is met again
            if not found:
                raise
        if not found:
            raise DumpUnreadable(f"{self._file.name}: has no table")
        return list(found.values()), of_lookalike

    def _look_through(self, statements: Statements, found: dict[str, Table]) -> str | None:
        of_lookalike = None
        while (following := statements.next()) is not None:
            text = self._text(following[1])
            made = tables.defined(text)
            if made is not None:
                found[made.name] = made
            elif copied := _COPY.match(text):
                self._note_rows(found, tables.unquoted(copied[1]), tables.names_of(copied[2] or ""))
                statements.skip_copy()
            elif inserted := inserts.head(text):
                self._note_rows(found, inserted[0], inserted[1] or ())
            elif said := OUR_COMMENT.match(text):
                of_lookalike = said[1]
        return of_lookalike

    @staticmethod
    def _note_rows(found: dict[str, Table], name: str, columns: tuple[str, ...]) -> None:
        table = found.setdefault(name, Table(name))
        table.columns = columns or table.columns
        table.has_rows = True

    def _sql_batches(self, statements: Statements) -> Iterator[Batch]:
        reader: RowReader | None = None
        waiting: list[tuple[str, list[str | None]]] = []
        rows = 0

        def made() -> Batch:
            nonlocal reader
            if reader is None:
                reader = self._reader(
                    [values[self._roles.hash] or "" for _, values in waiting[:SAMPLE] if len(values) > self._roles.hash]
                )
            batch = reader.batch(waiting)
            waiting.clear()
            return batch

        while (following := statements.next()) is not None:
            line, statement = following
            text = self._text(statement)
            copied, inserted = _COPY.match(text), None if statements.is_cut else inserts.head(text)
            if copied is not None:
                if tables.unquoted(copied[1]) != self._table.name:
                    statements.skip_copy()
                    continue
                for first, block in statements.copy_blocks():
                    if reader is None:
                        reader = self._reader(sampled(block, self._roles, self._codec))
                    self._advance(statements)
                    rows += block.count(b"\n")
                    yield from reader.copied(first, block)
                if statements.is_cut:
                    yield from self._cut(statements)
            elif inserted is not None and inserted[0] == self._table.name:
                try:
                    for values in inserts.rows(text, inserted[2], strings_are_plain=statements.strings_are_plain):
                        rows += 1
                        if isinstance(values, ValueError):
                            yield made()
                            yield self._refusal(f"line {line:,}", str(values))
                        else:
                            waiting.append((f"line {line:,}", values))
                except ValueError as error:
                    yield made()
                    yield self._refusal(f"line {line:,}", str(error))
                if len(waiting) >= TOGETHER:
                    self._advance(statements)
                    yield made()
            elif statements.is_cut:
                self.faults.append(f"the file ends within a statement, in line {line:,}: it is not complete")
        if waiting:
            yield made()
        self.done = self.size or 0
        if statements.damage is not None:
            self.faults.append(f"the gzip file is damaged or ends early ({statements.damage})")
        elif statements.lacks_end and not statements.is_cut:
            self.faults.append(f"the file ends without the last line of a dump, '{COMPLETE.decode()}': it is cut off")
        if not rows:
            self.faults.append(f"table {self._table.name} has no rows: {self._no_rows}")

    def _cut(self, statements: Statements) -> Iterator[Batch]:
        """Yield the end of a file that ends within the rows of a COPY."""
        if statements.rest:
            place = f"line {statements.line:,}"
            yield self._refusal(place, CUT)
        else:
            self.faults.append(f"the file ends in line {statements.line:,}, within the rows: it is cut off")

    def _refusal(self, place: str, reason: str) -> Batch:
        return replace(self._reader([]).batch([]), refused=[Refused(place, reason)])

    def _reader(self, sample: list[str]) -> RowReader:
        where = f"{self._file.name}, column {self._roles.columns[self._roles.hash]}"
        known = [text for text in sample if text]
        form = form_of(
            self._roles.types.get(self._roles.columns[self._roles.hash]), known, self._options.hash_form, where
        )
        null = NULL if self._options.null is None else self._options.null
        return RowReader(self._roles, self._family, form, self._codec, null)

    def _text(self, statement: bytes) -> str:
        """Return a statement as text, and take note of the encoding that it sets."""
        text = statement.decode(self._codec, "replace")
        changed = _ENCODING.match(text)
        if changed is not None:
            self._codec = self._codec_of(changed[1])
        return text

    def _codec_of(self, name: str) -> str:
        low = name.lower().replace("-", "").removeprefix("win")
        low = f"cp{low}" if low.isdigit() else low
        try:
            return codecs.lookup(_CODECS.get(low, low) or "").name
        except LookupError:
            raise DumpUnreadable(f"{self._file.name}: its encoding {name} is not known here; dump it in UTF8") from None

    def _advance(self, statements: Statements) -> None:
        self.done = min(statements.position, self.size or 0)

    def _text_table(self) -> Table:
        first = tuple(self._file.head.partition(b"\n")[0].rstrip(b"\r").decode(errors="replace").split("\t"))
        names = self._options.columns
        self._has_header = first == names or (names is None and (self._options.hash or "hash") in first)
        if names is None and not self._has_header:
            raise DumpUnreadable(
                f"{self._file.name} has rows in COPY's text form, without names: say --columns id,hash,url"
            )
        return Table("rows", {}, names or first, has_rows=True)

    def _text_batches(self, file: IO[bytes]) -> Iterator[Batch]:
        reader: RowReader | None = None
        line, rest = 1, b""
        if self._has_header:
            self.done += len(file.readline())
            line = 2
        while piece := file.read(1 << 20):
            if len(rest) > MAX_ROW:
                raise DumpUnreadable(f"{self._file.name}, line {line:,}: a row of over {MAX_ROW:,} bytes")
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                block = whole + newline
                if reader is None:
                    reader = self._reader(sampled(block, self._roles, self._codec))
                yield from reader.copied(line, block)
                line += block.count(b"\n")
            self.done += len(piece)
        if rest:
            yield self._refusal(f"line {line:,}", CUT)
