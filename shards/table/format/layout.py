"""The version of the format, and what it promises of signatures: one row of each family a record, at its place.

`Records`, merging and the readers rest on that promise where they pick signatures by the positions of records. A later
format in which a record has more rows, or none, of a family begins here: each of them calls `check_rows`.
"""

from __future__ import annotations

from shards.errors import CorruptObject, FormatUnsupported, QueryError

FORMAT = 1
"""The version of everything that an index stores; docs/format.md."""


def check_format(format: object, name: str) -> None:  # noqa: A002 - the document's own word
    """Raise FormatUnsupported unless this release reads objects of this format. `name`: the object."""
    if format != FORMAT:
        raise FormatUnsupported(f"{name} has format {format!r}, this release reads format {FORMAT}: upgrade lookalike")


def check_rows(family: str, rows: int, records: int, name: str | None = None) -> None:
    """Raise an error unless a family has one row a record.

    CorruptObject where the rows were read from the object `name`, else QueryError.
    """
    if rows == records:
        return
    problem = f"column {family} has {rows} rows for {records} records, and format {FORMAT} holds one row a record"
    raise QueryError(problem) if name is None else CorruptObject(name, problem)
