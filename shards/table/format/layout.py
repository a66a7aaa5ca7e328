"""The versions of the format, and what they promise of signatures: one row of each family a record, at its place.

`Records`, merging and the readers rest on that promise where they pick signatures by the positions of records. A later
format in which a record has more rows, or none, of a family begins here: each of them calls `check_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shards.errors import CorruptObject, FormatUnsupported, QueryError

FORMATS = (1, 2)
"""The versions of what an index stores; docs/format.md. An index keeps the one that it was made in. In format 2 an
index has an id, by which it is told from another one at the same place."""

DEPTH = "depth"
"""The need of an index whose pictures' depth is not "clip"."""

FRAME = "frame"
"""The need of an index whose pictures' frame is not "first"."""

PARTIAL_SHA256 = "partial-sha256"
"""The need of an index in which a segment or a log object has no column `sha256`."""

NEEDS: frozenset[str] = frozenset({DEPTH, FRAME, PARTIAL_SHA256})
"""What an index of format 2 may need of its readers. A reader skips fields and columns that it does not know, unless
`needs` names them: then it may not."""


def check_format(document: Mapping[str, Any], name: str) -> None:
    """Raise FormatUnsupported unless this release reads the document in the object `name`."""
    written = document.get("format")
    if isinstance(written, bool) or written not in FORMATS:
        known = " and ".join(map(str, FORMATS))
        raise FormatUnsupported(f"{name} has format {written!r}, this release reads formats {known}: upgrade lookalike")
    needs = document.get("needs", []) if written >= 2 else []
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise CorruptObject(name, f"its needs are {needs!r:.200}, and should be a list of names")
    unknown = sorted({need for need in needs if need not in NEEDS})
    if unknown:
        raise FormatUnsupported(f"{name} needs {unknown}, which this release does not know: upgrade lookalike")


def check_rows(family: str, rows: int, records: int, name: str | None = None) -> None:
    """Raise an error unless a family has one row a record.

    CorruptObject where the rows were read from the object `name`, else QueryError.
    """
    if rows == records:
        return
    problem = f"column {family} has {rows} rows for {records} records, and a record has one row of each family"
    raise QueryError(problem) if name is None else CorruptObject(name, problem)
