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

PROBES = 1_000_000
"""Ids that are tried in all before steps double from the beginning. That takes a minute, and is more than hundreds of
damaged pages need; a file that is made to waste time may have millions."""

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_IOERR})
"""Primary result codes of SQLite after which other rows may still be read."""

OUT_OF_ORDER = "database disk image is malformed (rows out of order)"
"""What is wrong where a page was cut off: it reads as zeros, and gives rows with id 0."""

REPORTED = 20
"""Holes that are reported one by one."""

NAMED = 10_000
"""Rows that could not be read that are named by their keys."""

DAMAGED = "its page of the database is damaged"
"""Why such a row is refused."""

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
        self._name, self._table = table.name, table.quoted
        self._rowid = database.rowid(table)
        chosen = ", ".join([self._rowid, *columns])
        # neither the least nor the greatest rowid is asked for: on a damaged page they are any numbers
        self._select = f"SELECT {chosen} FROM {table.quoted} WHERE {self._rowid} >= ? ORDER BY {self._rowid} LIMIT ?"  # noqa: S608 - names are quoted, values bound
        self._count = f"SELECT count(*) FROM {table.quoted}"  # noqa: S608
        self._holes: list[Hole] = []
        self._is_disordered = False
        self._lost = 0
        with database.connected() as connection:
            self._has_index = bool(connection.execute(f"PRAGMA index_list({table.quoted})").fetchall())
            self.size = self._counted(connection)
            """Number of rows; None where they cannot be counted."""
        self._found = 0
        self._probes = 0

    @property
    def share(self) -> float:
        """The share of the rows that is read, 0 to 1; 0 where they cannot be counted."""
        return min(self._found / self.size, 1.0) if self.size else 0.0

    def read(self) -> Iterator[list[Row]]:
        """Yield the rows by rising rowid, `AT_ONCE` at a time; none is empty. `faults` is complete afterwards."""
        at = LOWEST
        with self._database.connected() as connection:
            while at <= HIGHEST:
                connection.execute("BEGIN")
                rows, reason = self._fetch(connection, at)
                self._found += len(rows)
                if reason is None and len(rows) < AT_ONCE:
                    # in one transaction, so that what others write meanwhile does not count
                    self._compare(connection)
                if connection.in_transaction:  # which some errors end
                    connection.execute("ROLLBACK")
                if rows:
                    yield rows
                    at = rows[-1][0] + 1
                if reason is not None:
                    good = self._next_readable(connection, at)
                    self._note(Hole(min(at, HIGHEST), HIGHEST if good is None else good - 1, reason))
                    if good is None:
                        self._compare(connection)
                        break
                    at = good
                elif len(rows) < AT_ONCE:
                    break

    @property
    def faults(self) -> list[str]:
        """Sentences that say which rows could not be read, and why."""
        where = f"table {self._name}"
        said = [f"{where}: {hole.reason}: {hole} cannot be read" for hole in self._holes[:REPORTED]]
        if len(self._holes) > REPORTED:
            more, first, last = len(self._holes) - REPORTED, self._holes[REPORTED].first, self._holes[-1].last
            said.append(f"{where}: {more:,} more places between rowid {first:,} and {last:,} cannot be read")
        if self._is_disordered:
            said.append(f"{where}: {OUT_OF_ORDER}")
        if self._database.has_changed:
            said.append(f"{where}: the database was written to while it was read: import it again")
        if self._lost:
            said.append(f"{where}: the database is malformed: {self._lost:,} rows that it counts are lost")
        return said

    def lost(self, column: str) -> list[Any]:
        """Return what an index of the table knows of the rows that could not be read: the values of a column.

        At most `NAMED`; none where no index has the column. `column`: SQL expression.
        """
        values: list[Any] = []
        select = f"SELECT {column} FROM {self._table} WHERE +{self._rowid} BETWEEN ? AND ? LIMIT ?"  # noqa: S608
        with self._database.connected() as connection:
            for hole in self._holes:
                bounds = (hole.first, hole.last, NAMED - len(values))
                try:
                    plan = connection.execute(f"EXPLAIN QUERY PLAN {select}", bounds).fetchall()
                    if any(b"COVERING INDEX" not in step[-1] for step in plan):
                        break
                    values.extend(row[0] for row in connection.execute(select, bounds))
                except sqlite3.DatabaseError as error:
                    _damage(error)
        return values

    def _compare(self, connection: sqlite3.Connection) -> None:
        """Compare the number of rows with what was found: rows may vanish without an error, but not from that number.

        Where an index of the table has it, it does not depend on what was read, and costs little.
        """
        if self._has_index or (self.size or 0) > self._found:
            self._lost = max((self._counted(connection) or 0) - self._found, 0)

    def _counted(self, connection: sqlite3.Connection) -> int | None:
        """Return the number of rows; None where damage keeps SQLite from counting them."""
        try:
            (count,) = connection.execute(self._count).fetchone()
        except sqlite3.DatabaseError as error:
            _damage(error)
            return None
        return int(count)

    def _note(self, hole: Hole) -> None:
        before = self._holes[-1] if self._holes else None
        if before is not None and before.last + 1 == hole.first:
            self._holes[-1] = Hole(before.first, hole.last, before.reason)
        else:
            self._holes.append(hole)

    def _fetch(self, connection: sqlite3.Connection, at: int) -> tuple[list[Row], str | None]:
        """Return the next rows from this rowid on, and what is wrong with the one after them."""
        rows: list[Row] = []
        before = last = at - 1
        try:
            for row in connection.execute(self._select, (at, AT_ONCE)):
                if row[0] <= last:
                    if not before < row[0] < last:
                        return rows, OUT_OF_ORDER
                    # this one fits to the row before the last: it is the last whose rowid is damaged
                    self._is_disordered = True
                    last = before
                before, last = last, row[0]
                rows.append(row)
        except sqlite3.DatabaseError as error:
            reason = _damage(error)
            # Python's sqlite3 is a row ahead: what it had read before the damaged row is read again by itself
            while len(rows) < AT_ONCE and (row := self._one(connection, last + 1)) is not None:
                rows.append(row)
                last = row[0]
            return rows, None if len(rows) == AT_ONCE else reason
        return rows, None

    def _one(self, connection: sqlite3.Connection, at: int) -> Row | None:
        """Return the first row from this rowid on; None where it cannot be read, or where there is none."""
        if at > HIGHEST:
            return None
        try:
            row: Row | None = connection.execute(self._select, (at, 1)).fetchone()
        except sqlite3.DatabaseError as error:
            _damage(error)
            return None
        return row if row is not None and row[0] >= at else None

    def _next_readable(self, connection: sqlite3.Connection, at: int) -> int | None:
        """Return the id of the first row after this rowid that can be read, as far as it is found; else None."""
        if at >= HIGHEST:
            return None
        bad = at
        for step in _steps(ONE_BY_ONE if self._probes < PROBES else 1):
            good = min(at + step, HIGHEST)
            self._probes += 1
            row = self._one(connection, good)
            if row is not None:
                break
            if good == HIGHEST:
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


def _steps(one_by_one: int) -> Iterator[int]:
    """Yield the distances at which to look for what can be read: so many one by one, then doubling."""
    yield from range(1, one_by_one)
    for exponent in range(one_by_one.bit_length() - 1, 65):
        yield 1 << exponent


def _damage(error: sqlite3.DatabaseError) -> str:
    """Return what is damaged. Raises the error where it says something else, such as that the database is locked."""
    if error.sqlite_errorcode & 0xFF not in DAMAGE:
        raise error
    return str(error)
