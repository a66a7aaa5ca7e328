"""MongoDB's extended JSON: numbers, ids and dates that are wrapped in objects.

Source: MongoDB Extended JSON (v2), canonical and relaxed.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

WHOLE = re.compile("-?[0-9]{1,20}")

NUMBERS = ("$numberInt", "$numberLong")
TEXTS = ("$oid", "$numberDecimal", "$symbol", "$uuid")


def plain(value: Any) -> Any:
    """Return the value with everything wrapped as plain JSON: numbers, and texts for what JSON has no type for.

    What is no extended JSON, or has no such form, stays as it is.
    """
    if isinstance(value, list):
        return [plain(part) for part in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, wrapped),) = value.items()
        if name.startswith("$"):
            return _unwrapped(name, wrapped, value)
    return {name: plain(part) for name, part in value.items()}


def _unwrapped(name: str, wrapped: Any, value: dict[str, Any]) -> Any:
    if name in NUMBERS and isinstance(wrapped, str) and WHOLE.fullmatch(wrapped):
        return int(wrapped)
    if name == "$numberDouble" and isinstance(wrapped, str):
        try:
            number = float(wrapped)
        except ValueError:
            return value
        return number if math.isfinite(number) else wrapped
    if name in TEXTS and isinstance(wrapped, str):
        return wrapped
    if name == "$date":
        return _date(plain(wrapped), value)
    return value


def _date(wrapped: Any, value: dict[str, Any]) -> Any:
    """Return a date as ISO 8601; it is written so where it is between 1970 and 9999, else in milliseconds."""
    if isinstance(wrapped, int) and not isinstance(wrapped, bool):
        try:
            return (EPOCH + timedelta(milliseconds=wrapped)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        except OverflowError:
            return value
    return wrapped if isinstance(wrapped, str) else value
