"""All rows of a table that can be read, and word of those that cannot.

Rows are fetched some thousand at a time by rising rowid, each time anew from the last one on: so a service that writes
the database meanwhile is kept waiting for milliseconds only. Where a page is damaged, the next rowid that can be read
is looked for, and the ids between are reported.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.interchange.sqlite.database import Database, Table

AT_ONCE = 1 << 15
"""Rows fetched at a time: some 20 MB of an IQDB database."""

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1

ONE_BY_ONE = 4096
"""Ids after a damaged place that are tried one after the other. A page holds fewer rows, so all that can be read after
a few damaged pages is found; beyond, the steps double."""

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_IOERR})
"""Primary result codes of SQLite after which other rows may still be read."""

OUT_OF_ORDER = "database disk image is malformed (rows out of order)"
"""What is wrong where a page was cut off: it reads as zeros, and gives rows with id 0."""

REPORTED = 20
"""Holes that are reported one by one."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """Ids whose rows cannot be read."""

    first: int
    last: int

    reason: str
    """What SQLite says of the first of them."""

    def __str__(self) -> str:
        if self.first == self.last:
            return f"rowid {self.first:,}"
        if self.first == LOWEST:
            return "all rowids" if self.last == HIGHEST else f"rowids up to {self.last:,}"
        return f"rowids from {self.first:,} on" if self.last == HIGHEST else f"rowids {self.first:,} to {self.last:,}"


class Scan:
    """One reading of a table."""

    def __init__(self, database: Database, table: Table, columns: Sequence[str]) -> None:
        """`columns`: SQL expressions; each row is its rowid and their values. Raises DumpUnreadable."""
        self._database = database
        self._name = table.name
        chosen = ", ".join(["rowid", *columns])
        self._select = f"SELECT {chosen} FROM {table.quoted} WHERE rowid >= ? AND rowid <= ? ORDER BY rowid LIMIT ?"  # noqa: S608 - names are quoted, values bound
        self._count = f"SELECT count(*) FROM {table.quoted}"  # noqa: S608
        self._holes: list[Hole] = []
        self._lost = 0
        with database.connected() as connection:
            self._lowest = _number(connection, f"SELECT min(rowid) FROM {table.quoted}", LOWEST, none=HIGHEST)  # noqa: S608
            self._highest = _number(connection, f"SELECT max(rowid) FROM {table.quoted}", HIGHEST, none=LOWEST)  # noqa: S608
            self._has_index = bool(connection.execute(f"PRAGMA index_list({table.quoted})").fetchall())
            size = _number(connection, self._count, -1, none=0)
        self.size = None if size < 0 else size
        """Number of rows; None where they cannot be counted."""
        self._found = 0

    @property
    def share(self) -> float:
        """The share of the rows that is read, 0 to 1; 0 where they cannot be counted."""
        return min(self._found / self.size, 1.0) if self.size else 0.0

    def read(self) -> Iterator[list[Row]]:
        """Yield the rows by rising rowid, `AT_ONCE` at a time; none is empty. `faults` is complete afterwards."""
        at = self._lowest
        with self._database.connected() as connection:
            while at <= self._highest:
                rows, reason = self._fetch(connection, at)
                self._found += len(rows)
                if rows:
                    yield rows
                    at = rows[-1][0] + 1
                if reason is not None:
                    good = self._next_readable(connection, at)
                    self._note(Hole(at, self._highest if good is None else good - 1, reason))
                    if good is None:
                        break
                    at = good
                elif len(rows) < AT_ONCE:
                    break
            # an index counts the rows on its own. Rows that others delete meanwhile do not matter, nor those that they
            # add, which have higher ids
            if self._has_index:
                # the plus keeps SQLite from counting in the table itself
                counted = _number(connection, f"{self._count} WHERE +rowid <= {self._highest}", 0, none=0)
                self._lost = max(counted - self._found, 0)

    @property
    def faults(self) -> list[str]:
        """Sentences that say which rows could not be read, and why."""
        where = f"table {self._name}"
        said = [f"{where}: {hole.reason}: {hole} cannot be read" for hole in self._holes[:REPORTED]]
        if len(self._holes) > REPORTED:
            more, first, last = len(self._holes) - REPORTED, self._holes[REPORTED].first, self._holes[-1].last
            said.append(f"{where}: {more:,} more places between rowid {first:,} and {last:,} cannot be read")
        if self._database.has_changed:
            said.append(f"{where}: the database was written to while it was read: import it again")
        if self._lost:
            said.append(f"{where}: the database is malformed: {self._lost:,} rows that its index has are lost")
        return said

    def _note(self, hole: Hole) -> None:
        before = self._holes[-1] if self._holes else None
        if before is not None and before.last + 1 == hole.first:
            self._holes[-1] = Hole(before.first, hole.last, before.reason)
        else:
            self._holes.append(hole)

    def _fetch(self, connection: sqlite3.Connection, at: int) -> tuple[list[Row], str | None]:
        """Return the next rows from this rowid on, and what is wrong with the one after them."""
        rows: list[Row] = []
        try:
            for row in connection.execute(self._select, (at, self._highest, AT_ONCE)):
                if row[0] < at:
                    return rows, OUT_OF_ORDER
                at = row[0] + 1
                rows.append(row)
        except sqlite3.DatabaseError as error:
            reason = _damage(error)
            # Python's sqlite3 is a row ahead: what it had read before the damaged row is read again by itself
            while len(rows) < AT_ONCE and (row := self._one(connection, at)) is not None:
                rows.append(row)
                at = row[0] + 1
            return rows, reason
        return rows, None

    def _one(self, connection: sqlite3.Connection, at: int) -> Row | None:
        """Return the first row from this rowid on; None where it cannot be read."""
        try:
            row: Row | None = connection.execute(self._select, (at, self._highest, 1)).fetchone()
        except sqlite3.DatabaseError as error:
            _damage(error)
            return None
        return row if row is not None and row[0] >= at else None

    def _next_readable(self, connection: sqlite3.Connection, at: int) -> int | None:
        """Return the id of the first row after this rowid that can be read, as far as it is found; else None."""
        bad = at
        for step in _steps():
            good = min(at + step, self._highest)
            row = self._one(connection, good)
            if row is not None:
                break
            if good == self._highest:
                return None
            bad = good
        while row is not None and good - bad > 1:
            middle = (good + bad) // 2
            nearer = self._one(connection, middle)
            if nearer is None:
                bad = middle
            else:
                good, row = middle, nearer
        return None if row is None else int(row[0])


def _steps() -> Iterator[int]:
    """Yield the distances at which to look for what can be read: one by one, then doubling."""
    yield from range(1, ONE_BY_ONE)
    for exponent in range(ONE_BY_ONE.bit_length() - 1, 65):
        yield 1 << exponent


def _number(connection: sqlite3.Connection, query: str, damaged: int, *, none: int) -> int:
    """Return the number that a query gives; `damaged` where a damaged page keeps it from it, `none` for NULL."""
    try:
        (number,) = connection.execute(query).fetchone()
    except sqlite3.DatabaseError as error:
        _damage(error)
        return damaged
    return none if number is None else int(number)


def _damage(error: sqlite3.DatabaseError) -> str:
    """Return what is damaged. Raises the error where it says something else, such as that the database is locked."""
    if error.sqlite_errorcode & 0xFF not in DAMAGE:
        raise error
    return str(error)
