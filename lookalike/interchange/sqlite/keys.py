"""Keys made of the values in a column, some thousand at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shards.errors import KeyInvalid
from shards.table.format import names
from shards.table.format.texts import Texts


def keys_of(values: Sequence[Any], column: str) -> tuple[Texts, dict[int, str]]:
    """Return the keys that the values of a column give, and why some give none, by row; theirs is empty.

    Whole numbers of 0 or more are written in decimal, texts are taken as they are.
    """
    kinds = set(map(type, values))
    if kinds == {int} and min(values) >= 0:
        return Texts.of("\n".join(map(str, values)).encode().split(b"\n")), {}
    if kinds == {bytes} and _can_be_keys(values):
        return Texts.of(values), {}
    wrong: dict[int, str] = {}
    keys: list[bytes] = []
    for row, value in enumerate(values):
        try:
            keys.append(_key(value, column))
        except KeyInvalid as error:
            wrong[row] = str(error)
            keys.append(b"")
    return Texts.of(keys), wrong


def shown(key: object) -> str:
    """Return a key as a database has it for a message, the middle of a long one left out."""
    text = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
    return text if len(text) <= 100 else f"{text[:40]}…{text[-50:]}"


def _can_be_keys(values: Sequence[bytes]) -> bool:
    lengths = set(map(len, values))
    if not 1 <= min(lengths) <= max(lengths) <= names.MAX_KEY_BYTES:
        return False
    try:
        # the line breaks keep apart what is not UTF-8 by itself
        b"\n".join(values).decode()
    except UnicodeDecodeError:
        return False
    return True


def _key(value: Any, column: str) -> bytes:
    """Return the key that a value gives. Raises KeyInvalid."""
    if value is None:
        raise KeyInvalid(f"there is no key: {column} is NULL")
    if isinstance(value, int):
        if value < 0:
            raise KeyInvalid(f"{column} is negative")
        return b"%d" % value
    if isinstance(value, float):
        raise KeyInvalid(f"{column} is {value:g}, no whole number")
    return names.key_bytes(value.decode(errors="surrogateescape"))
