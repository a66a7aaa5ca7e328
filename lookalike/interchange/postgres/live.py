"""A table of a PostgreSQL server that runs, read through a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lookalike.interchange.addresses import without_password
from lookalike.interchange.dump import OVER_WHITE, Batch, Dump
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.postgres import tables
from lookalike.interchange.postgres.rows import RowReader, sampled
from lookalike.interchange.postgres.tables import Table
from lookalike.interchange.postgres.values import family_of, form_of
from shards.errors import DumpUnreadable

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://")

TOGETHER = 1 << 20
"""Bytes of rows in a batch; the server sends each row by itself."""

_COLUMNS = """
    SELECT c.table_schema, c.table_name, c.column_name, c.data_type
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, c.ordinal_position
"""


class PostgresTable(Dump):
    """A table or view of a server, as it is at one moment."""

    kind: ClassVar[str] = "postgres"
    pictures = OVER_WHITE

    def __init__(self, url: str, options: DumpOptions) -> None:
        """Look for the table. Raises DumpUnreadable."""
        super().__init__()
        self._url = url
        self.name = without_password(url)
        self._options = options
        self.families = (family_of(options, self.name),)
        with self._connected() as connection:
            self._table = tables.choose(_tables(connection), options, self.name)
            self._roles = tables.roles(self._table, options, self.name)
            self.size = _size(connection, self._table)

    @classmethod
    def open(cls, url: str, options: DumpOptions) -> Self:
        """Look for the table. Raises DumpUnreadable."""
        return cls(url, options)

    def batches(self) -> Iterator[Batch]:
        """Yield the rows, in the order in which the server has them. Their numbers are those of lines."""
        from psycopg import sql

        columns = sql.SQL(", ").join(map(sql.Identifier, self._roles.columns))
        table = sql.Identifier(*self._table.name.rpartition(".")[::2]) if "." in self._table.name else None
        query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, table or sql.Identifier(self._table.name))
        reader: RowReader | None = None
        line = 1
        with self._connected() as connection, connection.cursor() as cursor, cursor.copy(query) as copied:
            for block in _blocks(copied):
                if reader is None:
                    reader = self._reader(block)
                self.done += len(block)
                yield from reader.copied(line, block)
                line += block.count(b"\n")
        if reader is None:
            self.faults.append(f"table {self._table.name} has no rows")

    def _reader(self, block: bytes) -> RowReader:
        column = self._roles.columns[self._roles.hash]
        known = sampled(block, self._roles, "utf-8")
        form = form_of(self._roles.types[column], known, self._options.hash_form, f"{self.name}, column {column}")
        return RowReader(self._roles, self.families[0], form, "utf-8")

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            import psycopg
        except ImportError:
            raise DumpUnreadable(f"{self.name}: pip install 'lookalike[postgres]' to read from a server") from None
        try:
            with psycopg.connect(self._url, client_encoding="utf8") as made:
                made.read_only = True
                yield made
        except psycopg.Error as error:
            raise DumpUnreadable(f"{self.name}: {str(error).strip()}") from error


def _tables(connection: psycopg.Connection[Any]) -> list[Table]:
    found: dict[str, Table] = {}
    for schema, table, column, type_name in connection.execute(_COLUMNS):
        name = table if schema == "public" else f"{schema}.{table}"
        known = found.setdefault(name, Table(name, has_rows=True))
        known.types[column] = type_name.lower()
        known.columns += (column,)
    return list(found.values())


def _size(connection: psycopg.Connection[Any], table: Table) -> int | None:
    """Return about how many bytes the rows have as text; None where the server does not know."""
    found = connection.execute(
        "SELECT pg_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relname = %s AND n.nspname = %s AND c.relkind IN ('r', 'p', 'm')",
        [table.short, table.name.rpartition(".")[0] or "public"],
    ).fetchone()
    return int(found[0]) if found and found[0] else None


def _blocks(rows: Iterator[Any] | Any) -> Iterator[bytes]:
    """Yield the rows that the server sends, many at a time."""
    gathered = bytearray()
    for row in rows:
        gathered += row
        if len(gathered) >= TOGETHER:
            # what the server sends in one piece is a whole row
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
