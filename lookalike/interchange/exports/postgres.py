"""A plain dump for psql: a table of keys and 64-bit hashes, with the metadata."""

from __future__ import annotations

import re

import numpy as np

from lookalike.interchange.exports.export import Export
from shards.errors import QueryError
from shards.families import family
from shards.table.format.records import meta_bytes

TABLE = "hashes"

_END = "\n--\n-- PostgreSQL database dump complete\n--\n"
"""As in pg_dump's files, so that one that is cut off is known."""

_ID = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]{0,62}")
_TAKEN = frozenset({"id", "hash", "meta"})
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})

MAX_COLUMNS = 100
"""Names in metadata that become columns; PostgreSQL takes 1,600."""


def postgres(export: Export) -> None:
    """Write `hashes(id, hash bigint, …, meta jsonb)`.

    A name whose values are texts in all images becomes a column; the rest of the metadata is in `meta`. Raises
    QueryError for an index without a hash of 64 bits.
    """
    chosen = _hash_of(export)
    are_numbers, columns = _shape(export)
    quoted = ", ".join(_quoted(name) for name in ("id", "hash", *columns, "meta"))
    with export.stream() as file:
        file.write(_head(are_numbers, columns, quoted, chosen).encode())
        for record in export.records():
            if "\0" in record.key:
                export.left_out.append((record.key, "has a NUL, which PostgreSQL cannot hold"))
                continue
            meta = dict(record.meta or {})
            texts = [meta.pop(name, None) for name in columns]
            signed = int((record.rows or {})[chosen]["hash"].view(np.int64)[0])
            rest = meta_bytes(meta, None).decode().removeprefix('{"meta":').removesuffix("}") if meta else None
            cells = [record.key, str(signed), *texts, rest]
            line = "\t".join(r"\N" if cell is None else cell.translate(_ESCAPES) for cell in cells)
            file.write(line.encode() + b"\n")
            export.rows += 1
        file.write(f"\\.\n\nALTER TABLE ONLY {TABLE} ADD CONSTRAINT {TABLE}_pkey PRIMARY KEY (id);\n{_END}".encode())
    if len(export.families) > 1:
        export.notes.append(f"only the signatures of {chosen} were written; choose others with --family")


def _hash_of(export: Export) -> str:
    for name in export.families:
        kind = family(name)
        if kind.dtype == family("dhash").dtype:
            return name
    raise QueryError(
        f"{', '.join(export.families)}: a bigint holds a hash of 64 bits, such as dhash; export to csv or jsonl"
    )


def _shape(export: Export) -> tuple[bool, list[str]]:
    """Return whether all keys are numbers, and the names in metadata that become columns."""
    are_numbers = True
    names: set[str] = set()
    others: set[str] = set()
    for record in export.index.records(prefix=export.prefix):
        are_numbers = are_numbers and _ID.fullmatch(record.key) is not None
        for name, value in (record.meta or {}).items():
            fits = isinstance(value, str) and "\0" not in value and _NAME.fullmatch(name) and name not in _TAKEN
            (names if fits and len(names) < MAX_COLUMNS else others).add(name)
    return are_numbers, sorted(names - others)


def _head(are_numbers: bool, columns: list[str], quoted: str, chosen: str) -> str:
    key_type = "bigint" if are_numbers else "text"
    defined = "".join(f",\n    {_quoted(name)} text" for name in columns)
    return (
        "--\n-- PostgreSQL database dump\n--\n\n"
        "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n"
        f"CREATE TABLE {TABLE} (\n    id {key_type} NOT NULL,\n    hash bigint NOT NULL{defined},\n"
        "    meta jsonb\n);\n\n"
        f"COMMENT ON COLUMN {TABLE}.hash IS '{chosen} of lookalike';\n\n"
        f"COPY {TABLE} ({quoted}) FROM stdin;\n"
    )


def _quoted(name: str) -> str:
    # a name of metadata may be a word of SQL, such as select
    return name if name in (*_TAKEN, TABLE) else f'"{name}"'
