"""Values of metadata and filters as JSON has them, as the client of Elasticsearch writes others.

Metadata of image-match may be any value, that of an index is an object: another value becomes the field `metadata` of
one, as it does when documents are imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from lookalike.interchange.documents.document import METADATA
from shards.errors import QueryError


def plain(value: Any) -> Any:
    """Return a value with dates as ISO 8601, UUIDs as text, numbers of numpy and decimals as numbers, sets as lists.

    What JSON does not know besides stays as it is.
    """
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return float(value) if isinstance(value, Decimal) else value


def to_meta(metadata: Any) -> dict[str, Any] | None:
    """Return metadata of image-match as that of an index; None for none. Raises QueryError."""
    try:
        value = plain(metadata)
    except RecursionError:
        raise QueryError("metadata is nested too deeply, or holds itself") from None
    return value if isinstance(value, dict | None) else {METADATA: value}


def from_meta(meta: Mapping[str, Any]) -> Any:
    """Return what `to_meta` was given."""
    if meta.keys() == {METADATA} and not isinstance(meta[METADATA], dict):
        return meta[METADATA]
    return dict(meta) or None
