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
_ANY_ROW = re.compile(r"(?:[^'()]|(?<![eE])'(?:[^']|'')*'(?!')|\((?:[^'()]|'(?:[^']|'')*'(?!'))*\))*\)", re.DOTALL)
"""The rest of a row of any expressions, with brackets of one level in them."""

_STARTS_ESCAPED = re.compile(r"\s*[eE]'")


def head(statement: str) -> tuple[str, tuple[str, ...] | None, int] | None:
    """Return (table, columns or None, where the values begin) of an INSERT of values; None for anything else."""
    found = _HEAD.match(statement)
    if found is None:
        return None
    return unquoted(found[1]), names_of(found[2]) if found[2] else None, found.end()


def rows(statement: str, at: int, *, strings_are_plain: bool) -> Iterator[list[str | None] | ValueError]:
    """Yield the values of each row, from this place on; of one that is not of plain values, what is wrong with it.

    Raises ValueError at what is no row at all.
    """
    while opened := _OPEN.match(statement, at):
        try:
            values, at = _row(statement, opened.end(), strings_are_plain=strings_are_plain)
            yield values
        except ValueError as error:
            skipped = _ANY_ROW.match(statement, opened.end())
            if skipped is None or not strings_are_plain:
                raise
            at = skipped.end()
            yield error
    if statement[at:].strip() and not statement[at:].strip().upper().startswith("ON CONFLICT"):
        raise ValueError(f"{statement[at : at + 60].strip()!r} is no row of values")


def _row(statement: str, at: int, *, strings_are_plain: bool) -> tuple[list[str | None], int]:
    values: list[str | None] = []
    is_last = False
    while not is_last:
        value, at, is_last = _value(statement, at, strings_are_plain=strings_are_plain)
        values.append(value)
    return values, at


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
