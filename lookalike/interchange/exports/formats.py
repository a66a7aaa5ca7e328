"""The formats of exports, by the names that `--to` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lookalike.interchange.exports.arrays import npy, parquet
from lookalike.interchange.exports.export import Export
from lookalike.interchange.exports.iqdb import iqdb
from lookalike.interchange.exports.postgres import postgres
from lookalike.interchange.exports.text import comma_separated, jsonl

FORMATS: Mapping[str, Callable[[Export], None]] = MappingProxyType(
    {
        "csv": comma_separated,
        "jsonl": jsonl,
        "iqdb": iqdb,
        "postgres": postgres,
        "parquet": parquet,
        "npy": npy,
    }
)
