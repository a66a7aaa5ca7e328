"""Rows of INSERT statements, as `pg_dump --inserts` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lookalike.interchange.postgres.rows import unescaped
from lookalike.interchange.postgres.tables import NAME, names_of, unquoted

_HEAD = re.compile(
    rf"INSERT\s+INTO\s+((?:{NAME}\.)?{NAME})\s*(\(\s*{NAME}(?:\s*,\s*{NAME})*\s*\))?\s*(?:OVERRIDING\s+(?:SYSTEM|USER)\s+VALUE\s+)?VALUES\b",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\s*,?\s*\(")
_VALUE = re.compile(
    r"""\s*(?:
        (?P<letter>[eEbB]?)'(?P<plain>(?:[^']|'')*)'(?!') |
        (?P<word>[^\s,()':]+)
    )(?:::[\w ."\[\]]+(?:\(\d+\))?)?\s*(?P<end>[,)])""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\s*[eE]?'((?:[^'\\]|''|\\.)*)'(?!')(?:::[\w .\"\[\]]+)?\s*([,)])", re.DOTALL)
_STARTS_ESCAPED = re.compile(r"\s*[eE]'")


def head(statement: str) -> tuple[str, tuple[str, ...] | None, int] | None:
    """Return (table, columns or None, where the values begin) of an INSERT of values; None for anything else."""
    found = _HEAD.match(statement)
    if found is None:
        return None
    return unquoted(found[1]), names_of(found[2]) if found[2] else None, found.end()


def rows(statement: str, at: int, *, strings_are_plain: bool) -> Iterator[list[str | None]]:
    """Yield the values of each row, from this place on. Raises ValueError at what is not a row of plain values."""
    while opened := _OPEN.match(statement, at):
        values: list[str | None] = []
        at = opened.end()
        while True:
            value, at, is_last = _value(statement, at, strings_are_plain=strings_are_plain)
            values.append(value)
            if is_last:
                break
        yield values
    if statement[at:].strip() and not statement[at:].strip().upper().startswith("ON CONFLICT"):
        raise ValueError(f"{statement[at : at + 60].strip()!r} is no row of values")


def _value(statement: str, at: int, *, strings_are_plain: bool) -> tuple[str | None, int, bool]:
    has_escapes = _STARTS_ESCAPED.match(statement, at) or not strings_are_plain
    found = _ESCAPED.match(statement, at) if has_escapes else None
    if found is not None:
        return unescaped(found[1].replace("''", "'")), found.end(), found[2] == ")"
    found = _VALUE.match(statement, at)
    if found is None:
        raise ValueError(f"{statement[at : at + 60].strip()!r} is no plain value")
    is_last = found["end"] == ")"
    if found["word"] is None:
        return found["plain"].replace("''", "'"), found.end(), is_last
    word = found["word"]
    # DEFAULT stands for the value of a generated column, which the server computes
    return (None if word.upper() in ("NULL", "DEFAULT") else word), found.end(), is_last
