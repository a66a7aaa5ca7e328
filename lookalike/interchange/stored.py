"""Keys and metadata of rows of dumps as an index stores them, or why it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shards.errors import KeyInvalid, QueryError
from shards.table.format import names
from shards.table.format.records import meta_bytes

MAX_META = 64 << 10
"""Bytes of one image's metadata as JSON, as the HTTP API takes it: it is read with every hit."""


class RowUnfit(Exception):
    """A row that no index can take. The message says why."""


def key_of(text: str, name: str) -> bytes:
    """Return a key as it is stored. `name`: the column or field that it comes from. Raises RowUnfit."""
    try:
        return names.key_bytes(text)
    except KeyInvalid as error:
        raise RowUnfit(f"{name}: {error}") from None


def meta_of(meta: Mapping[str, Any]) -> bytes:
    """Return metadata as it is stored. Raises RowUnfit."""
    try:
        stored = meta_bytes(meta, None)
    except (QueryError, RecursionError, UnicodeEncodeError) as error:
        raise RowUnfit(f"metadata is not JSON: {str(error)[-200:]}") from None
    if len(stored) > MAX_META:
        raise RowUnfit(f"metadata has {len(stored):,} bytes as JSON; it may have {MAX_META:,} at most")
    return stored
