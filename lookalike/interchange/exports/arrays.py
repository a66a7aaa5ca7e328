"""Arrays for programs: numpy's `.npz`, and Apache Parquet by an extra."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.exports.export import Export, written_whole
from shards.errors import QueryError
from shards.families import family
from shards.table.format.records import Record

GROUP = 50_000
"""Rows of a group in a Parquet file."""


def npy(export: Export) -> None:
    """Write an `.npz` of `keys` (n,) texts, `meta` (n,) texts with JSON, and an array for each family.

    Hashes of 64 bits are (n,) uint64; longer ones (n, words), most significant first; every other family has an array
    for each of its fields, `haar.avgl`, (n, …). All of it is held in memory.
    """
    records = list(export.records())
    arrays: dict[str, NDArray[Any]] = {
        "keys": np.array([record.key for record in records], np.str_),
        "meta": np.array([_meta(record) for record in records], np.str_),
    }
    for name in export.families:
        rows = np.array([(record.rows or {})[name] for record in records], family(name).dtype)
        fields = rows.dtype.names or ()
        for each in fields:
            column = rows[each]
            title = name if each == "hash" else f"{name}.{each}"
            arrays[title] = column[:, 0] if each == "hash" and column.shape[1:] == (1,) else column
    with written_whole(export.path(".npz")) as path, path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    export.rows = len(records)


def parquet(export: Export) -> None:
    """Write columns `key`, one for each family (uint64 for hashes of 64 bits, else text), `width`, `height`, `meta`.

    Raises QueryError where the extra `parquet` is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as files
    except ImportError:
        raise QueryError("Parquet needs an extra: pip install 'lookalike[parquet]'") from None
    kinds = [family(name) for name in export.families]
    short = {kind.name for kind in kinds if kind.dtype == family("dhash").dtype}
    schema = arrow.schema(
        [
            ("key", arrow.string()),
            *((kind.name, arrow.uint64() if kind.name in short else arrow.string()) for kind in kinds),
            ("width", arrow.uint32()),
            ("height", arrow.uint32()),
            ("sha256", arrow.string()),
            ("meta", arrow.string()),
        ]
    )

    def document(record: Record) -> dict[str, Any]:
        rows = record.rows or {}
        return {
            "key": record.key,
            **{k.name: int(rows[k.name]["hash"][0]) if k.name in short else k.format(rows[k.name]) for k in kinds},
            "width": record.width or None,
            "height": record.height or None,
            "sha256": record.sha256.hex() if any(record.sha256) else None,
            "meta": _meta(record) or None,
        }

    with written_whole(export.path(".parquet")) as path, files.ParquetWriter(path, schema) as writer:
        for group in _groups(export.records()):
            writer.write_table(arrow.Table.from_pylist([document(record) for record in group], schema))
            export.rows += len(group)


def _groups(records: Iterator[Record]) -> Iterator[list[Record]]:
    group: list[Record] = []
    for record in records:
        group.append(record)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _meta(record: Record) -> str:
    return json.dumps(record.meta, ensure_ascii=False, separators=(",", ":")) if record.meta else ""
