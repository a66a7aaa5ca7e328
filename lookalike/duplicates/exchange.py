"""Marks and decisions as JSON lines, to be kept elsewhere and brought back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from shards.errors import LookalikeError, QueryError
from shards.table.write.marked import Entry, Marks, checked


def lines(marks: Marks) -> Iterator[str]:
    """Yield a line for each mark and each decision."""
    for key, (mark, time) in sorted(marks.marks.items()):
        yield json.dumps({"key": key, "mark": mark, "time": _text(time)}) + "\n"
    for pair, time in sorted(marks.different.items()):
        yield json.dumps({"pair": list(pair), "decision": "different", "time": _text(time)}) + "\n"


def read(data: bytes) -> list[Entry]:
    """Return the entries of these lines, each of its own time where it has one. Raises QueryError."""
    entries = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entries.append(_entry(json.loads(line)))
        except (ValueError, KeyError, TypeError, RecursionError, LookalikeError) as error:
            raise QueryError(f"line {number}: is no mark and no decision: {error}") from error
    return entries


def _entry(document: Any) -> Entry:
    if not isinstance(document, dict):
        raise ValueError("a line should be an object")  # noqa: TRY004
    time = _ns(document["time"]) if document.get("time") else 0
    if "pair" in document:
        return checked(document["pair"], document.get("decision"), time)
    return checked([document["key"]], document.get("mark"), time)


def _text(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z"


def _ns(text: str) -> int:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    at = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int(at.timestamp()) * 10**9 + int((fraction or "0").ljust(9, "0")[:9])
