"""SQLite databases, opened so that neither they nor their folder change.

What SQLite 3.40 does, measured: opened with `mode=ro`, a database with a write-ahead log beside it is read in full, but
a file `-shm` is made beside it and stays. With `immutable=1` nothing is made, but the log is not read: 10 of 14 rows.
So a database with a log, or with the rollback journal of a write that was not finished, is copied together with it, and
the copy is opened. A database in the mode of write-ahead logs without a log is complete, and opened as immutable. Any
other is opened with `mode=ro`, which makes no file and keeps writers out only while some rows are fetched.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lookalike.interchange.file import DumpFile
from shards.errors import DumpUnreadable

MAGIC = b"SQLite format 3\0"

PAGE_SIZE = slice(16, 18)
"""Bytes of the header with the size of a page; 1 stands for 65,536."""

MODE = slice(18, 20)
WAL_MODE = b"\2\2"
"""Bytes of the header that say how the database is written (the SQLite database file format, 1.3)."""

LONGEST_VALUE = 1 << 20
"""Bytes of a text, a blob or a row: no signature and no key comes near, and a row that claims a gigabyte is refused
before memory is made for it."""

ROWID = ("rowid", "_rowid_", "oid")
"""What SQLite calls the id of a row, unless a column has that name."""

COPIES = 3
"""How often a database that changes while it is copied is copied."""

State = tuple[int, int, int]
"""Inode, size and time of a file: while they are the same, nobody has written it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a database."""

    name: str

    columns: tuple[str, ...]
    """Their names, folded, in the order in which they were declared."""

    @property
    def quoted(self) -> str:
        """The name as SQL has it."""
        return quoted(self.name)


class Database:
    """An SQLite database in a file."""

    def __init__(self, file: DumpFile) -> None:
        """Find out how to open it. Raises DumpUnreadable where it is none, or where it is written all the time."""
        self.name = file.name
        if file.path.is_dir() or not file.head.startswith(MAGIC):
            raise DumpUnreadable(f"{self.name}: {_what(file)}")
        unsettled = [] if file.is_gzip else file.unsettled()
        self._guarded: tuple[DumpFile, list[State]] | None = None
        if unsettled:
            self._uri = f"{_copied(file, unsettled).as_uri()}?mode=rw"
        elif file.head[MODE] == WAL_MODE:
            self._uri = f"{_whole_pages(file).absolute().as_uri()}?mode=ro&immutable=1"
            self._guarded = file, _states([file.path])
        else:
            self._uri = f"{_whole_pages(file).absolute().as_uri()}?mode=ro"

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """Connect to the database. Texts come as bytes. SQLite's errors become DumpUnreadable."""
        try:
            with closing(sqlite3.connect(self._uri, uri=True, isolation_level=None)) as connection:
                connection.text_factory = bytes
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
                # nothing that the schema of a stranger defines is run, and a file that ends early is read all the same
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA cell_size_check = ON")
                connection.execute("PRAGMA writable_schema = ON")
                yield connection
        except sqlite3.Error as error:
            raise DumpUnreadable(f"{self.name}: SQLite cannot read it: {error}") from error

    @property
    def has_changed(self) -> bool:
        """Whether somebody began to write it although it was opened as one that nobody writes."""
        if self._guarded is None:
            return False
        file, before = self._guarded
        return bool(file.unsettled()) or _states([file.path]) != before

    def tables(self) -> dict[str, Table]:
        """Return the tables by folded name, without SQLite's own. Raises DumpUnreadable."""
        with self.connected() as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            texts = [_text(name) for (name,) in names if isinstance(name, bytes)]
            tables = [
                Table(
                    name,
                    tuple(folded(_text(row[1])) for row in connection.execute(f"PRAGMA table_xinfo({quoted(name)})")),
                )
                for name in texts
                if not name.startswith("sqlite_")
            ]
        return {folded(table.name): table for table in tables}

    def rowid(self, table: Table) -> str:
        """Return a name for the rowid of a table, which a column may have too. Raises DumpUnreadable if it has none."""
        free = [name for name in ROWID if name not in table.columns]
        if not free:
            raise DumpUnreadable(f"{self.name}: table {table.name} has columns named {', '.join(ROWID)}: rename one")
        with self.connected() as connection:
            connection.execute(f"SELECT {free[0]} FROM {table.quoted} LIMIT 0")  # noqa: S608
        return free[0]


def folded(name: str) -> str:
    """Return the name of a table or a column in lower case as SQLite understands it: in ASCII alone.

    A column that SQLite does not find under a quoted name, it takes for a text, without a word.
    """
    return re.sub("[A-Z]+", lambda capitals: capitals[0].lower(), name)


def quoted(name: str) -> str:
    """Return the name of a table or a column as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _text(stored: bytes) -> str:
    return stored.decode(errors="replace").replace("\0", "�")


def _what(file: DumpFile) -> str:
    """Return what is wrong with a file that is no SQLite database."""
    if file.path.is_dir():
        return "is a folder: give the database in it"
    if not file.head:
        return "is empty, 0 bytes: that is no database, check that it was copied in full"
    return f"is no SQLite database: it begins with {ascii(file.head[:16])[1:]}, not with 'SQLite format 3'"


def _whole_pages(file: DumpFile) -> Path:
    """Return the path of a database that ends with a whole page.

    SQLite takes what a cut page lacks for zeros, which may be a part of a row. A page that is not there is damage.
    """
    path = file.unpacked()
    stored = int.from_bytes(file.head[PAGE_SIZE], "big")
    size, page = path.stat().st_size, 65_536 if stored == 1 else stored
    if not page or size % page == 0 or size < page:
        return path
    copy = file.folder() / "whole pages"
    shutil.copyfile(path, copy)
    os.truncate(copy, size - size % page)
    return copy


def _copied(file: DumpFile, unsettled: list[Path]) -> Path:
    """Copy a database and the files beside it that belong to it. Raises DumpUnreadable."""
    database = file.path.resolve()
    parts = [database, *unsettled]
    for _ in range(COPIES):
        folder = file.folder()
        try:
            before = _states(parts)
            for part in parts:
                shutil.copyfile(part, folder / part.name)
            if _states(parts) == before:
                return folder / database.name
        except FileNotFoundError:
            pass  # what was beside it went into it, or the database was replaced: what is there now is looked at again
        except OSError as error:
            raise DumpUnreadable(
                f"{file.name}: cannot be copied together with {unsettled[0].name}: {error.strerror or error};"
                " set TMPDIR to a folder with more room, or close the program that has it open"
            ) from error
        parts = [database, *file.unsettled()]
        shutil.rmtree(folder)
    raise DumpUnreadable(
        f"{file.name}: is written to all the time; stop the program that writes it, or import a copy that"
        " sqlite3 made with .backup"
    )


def _states(parts: list[Path]) -> list[State]:
    return [(status.st_ino, status.st_size, status.st_mtime_ns) for status in (part.stat() for part in parts)]
