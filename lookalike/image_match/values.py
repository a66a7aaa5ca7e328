"""Values of metadata and filters as JSON has them, as the client of Elasticsearch writes others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np


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
