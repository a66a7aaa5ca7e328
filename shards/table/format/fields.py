"""The fields of a JSON document from a store, each of its type and within its bounds, or an error that names it.

A document that matches its checksum may still have been made by anybody: a number may be a list, or 2^60.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

Value = TypeVar("Value")

_MISSING = object()


class Fields:
    """An object in a document. Every method raises ValueError with the path of the field."""

    def __init__(self, document: object, path: str = "") -> None:
        """Read the fields of this object. `path`: where it is in the document; "" for the document itself."""
        self._path = path
        if not isinstance(document, dict):
            raise ValueError(f"{path or 'the document'} is {shown(document)}, and should be an object")  # noqa: TRY004
        self._fields: dict[str, Any] = document

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number from `low` to `high`; `default` where there is none."""
        value = self._get(name, default)
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(name, f"should be a whole number from {low:,} to {high:,}")
        return value

    def text(self, name: str, pattern: re.Pattern[str], default: str | None = None) -> str:
        """Return a text that matches a pattern as a whole; `default` where there is none."""
        value = self._get(name, default)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise self.wrong(name, f"should match {pattern.pattern}")
        return value

    def choice(self, name: str, choices: tuple[Value, ...]) -> Value:
        """Return one of these texts."""
        for choice in choices:
            if self._get(name) == choice:
                return choice
        raise self.wrong(name, f"should be one of {', '.join(map(str, choices))}")

    def items(self, name: str, limit: int, default: list[Any] | None = None) -> list[Any]:
        """Return a list of up to `limit` values; `default` where there is none."""
        value = self._get(name, default)
        if not isinstance(value, list) or len(value) > limit:
            raise self.wrong(name, f"should be a list of up to {limit:,}")
        return value

    def integers(self, name: str, limit: int, high: int, default: list[int] | None = None) -> tuple[int, ...]:
        """Return a list of up to `limit` whole numbers from 0 to `high`; `default` where there is none."""
        values = self.items(name, limit, default)
        if not all(type(value) is int and 0 <= value <= high for value in values):
            raise self.wrong(name, f"should hold whole numbers from 0 to {high:,}")
        return tuple(values)

    def nested(self, name: str) -> Fields:
        """Return the object in this field."""
        return Fields(self._get(name), self._path_of(name))

    def objects(self, name: str, limit: int) -> Iterator[Fields]:
        """Yield the objects in a list of up to `limit`."""
        for n, value in enumerate(self.items(name, limit)):
            yield Fields(value, f"{self._path_of(name)}[{n}]")

    def every(self, limit: int) -> list[tuple[str, Any]]:
        """Return all names and values, up to `limit`, where names are data."""
        if len(self._fields) > limit:
            raise ValueError(
                f"{self._path or 'the document'} has {len(self._fields):,} fields, and the limit is {limit:,}"
            )
        return list(self._fields.items())

    def wrong(self, name: str, problem: str) -> ValueError:
        """Return the error for a field."""
        value = self._fields.get(name, _MISSING)
        return ValueError(f"{self._path_of(name)} is {'missing' if value is _MISSING else shown(value)}, and {problem}")

    def _get(self, name: str, default: object = None) -> Any:
        value = self._fields.get(name, _MISSING)
        if value is not _MISSING:
            return value
        if default is None:
            raise self.wrong(name, "should be there")
        return default

    def _path_of(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def shown(value: object) -> str:
    """Return a value for people, shortened."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length():,} bits"
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    return repr(value)[:80]
