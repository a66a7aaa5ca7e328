"""Times as answers write them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(ns: int) -> str:
    """Return nanoseconds since 1970 as RFC 3339, in UTC, to the millisecond."""
    at = datetime.fromtimestamp(ns // 10**9, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ns // 10**6 % 1000:03d}Z"
