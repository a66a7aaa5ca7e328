"""The tables of a dump, and which of their columns are the key, the hash, and metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lookalike.interchange.options import DumpOptions
from shards.errors import DumpUnreadable

NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_PART = re.compile(NAME)
_CREATE = re.compile(
    rf"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?((?:{NAME}\.)?{NAME})\s*\((.*)\)", re.DOTALL | re.IGNORECASE
)
_COLUMN = re.compile(rf"({NAME})\s+(.*)", re.DOTALL)
_NO_COLUMN = re.compile(r"(?:CONSTRAINT|PRIMARY\s+KEY|UNIQUE|CHECK|FOREIGN\s+KEY|EXCLUDE|LIKE)\b", re.IGNORECASE)
_TYPE_END = re.compile(
    r"\s+(?:NOT\s+NULL|NULL|DEFAULT|COLLATE|GENERATED|CONSTRAINT|PRIMARY|UNIQUE|CHECK|REFERENCES)\b", re.IGNORECASE
)


@dataclass(slots=True)
class Table:
    """A table of which a dump has rows or the definition."""

    name: str
    """As in SQL without quotes, with its schema unless that is `public`."""

    types: dict[str, str] = field(default_factory=dict)
    """The type of each column, in lower case, where the dump defines the table."""

    columns: tuple[str, ...] = ()
    """The columns of its rows, in their order."""

    has_rows: bool = False

    @property
    def short(self) -> str:
        """The name without the schema."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a table are for."""

    columns: tuple[str, ...]
    key: int
    """Place of the column with the key."""

    hash: int
    """Place of the column with the hash."""

    meta: Mapping[str, int]
    """Places of the columns that become metadata, by name."""

    types: Mapping[str, str]


def unquoted(name: str) -> str:
    """Return a name, perhaps with a schema, without quotes; without quotes its letters are small.

    The usual schema, `public`, is left out.
    """
    parts = [part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in _PART.findall(name)]
    return ".".join(parts[1:] if len(parts) > 1 and parts[0] == "public" else parts)


def names_of(text: str) -> tuple[str, ...]:
    """Return the names of a list, `(a, "B c")`."""
    return tuple(unquoted(name) for name in _PART.findall(text))


def defined(statement: str) -> Table | None:
    """Return the table that a statement creates; None where it creates none."""
    found = _CREATE.match(statement)
    if found is None:
        return None
    types: dict[str, str] = {}
    for part in _split(found[2]):
        column = _COLUMN.match(part.strip())
        if column is not None and not _NO_COLUMN.match(part.strip()):
            # with --quote-all-identifiers, types are in quotes too
            kind = _TYPE_END.split(column[2], maxsplit=1)[0].strip().lower().replace('"', "")
            types[unquoted(column[1])] = kind.removeprefix("pg_catalog.")
    return Table(unquoted(found[1]), types, tuple(types))


def choose(tables: Sequence[Table], options: DumpOptions, name: str) -> Table:
    """Return the table to import. Raises DumpUnreadable, naming all tables, where that is not clear."""
    if options.table is None:
        hash_name = options.hash or "hash"
        found = [table for table in tables if hash_name.lower() in map(str.lower, table.columns)]
        found = [table for table in found if table.short == "hashes"] or found
    else:
        asked = options.table.removeprefix("public.")
        found = [table for table in tables if asked in (table.name, table.short)]
        # the name alone is that of the usual schema
        found = [table for table in found if table.name == asked] or found
    if len(found) == 1:
        return found[0]
    listed = "; ".join(f"{table.name} ({', '.join(table.columns)})" for table in tables) or "none"
    wanted = "with a column hash" if options.table is None else f"called {options.table}"
    problem = f"has no table {wanted}" if not found else f"has several tables {wanted}"
    raise DumpUnreadable(f"{name}: {problem}; its tables are: {listed}. Choose with --table and --hash")


def roles(table: Table, options: DumpOptions, name: str) -> Roles:
    """Return what the columns are for. Raises DumpUnreadable where that is not clear."""
    hash_at = _place(table, options.hash, "hash", name)
    others = [at for at in range(len(table.columns)) if at != hash_at]
    if options.key is not None or "id" in map(str.lower, table.columns):
        key_at = _place(table, options.key, "id", name, flag="--key")
    elif others:
        key_at = others[0]
    else:
        raise DumpUnreadable(f"{name}: table {table.name} has nothing but hashes: a key is needed for each")
    meta = {column: at for at, column in enumerate(table.columns) if at not in (hash_at, key_at)}
    return Roles(table.columns, key_at, hash_at, meta, table.types)


def _place(table: Table, asked: str | None, usual: str, name: str, flag: str = "--hash") -> int:
    wanted = asked or usual
    for same in (wanted.__eq__, lambda column: column.lower() == wanted.lower()):
        found = [at for at, column in enumerate(table.columns) if same(column)]
        if len(found) == 1:
            return found[0]
    listed = ", ".join(table.columns)
    raise DumpUnreadable(f"{name}: table {table.name} has no column {wanted}, only {listed}: choose one with {flag}")


def _split(text: str) -> list[str]:
    """Split the columns of a definition at its commas, not at those in brackets or quotes."""
    parts, depth, start, quote = [], 0, 0, ""
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif letter == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
