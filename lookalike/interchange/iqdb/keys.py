"""Keys made of the ids in a column, some thousand at a time, and metadata made of a column of texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from shards.errors import KeyInvalid
from shards.table.format import names
from shards.table.format.records import meta_bytes
from shards.table.format.texts import Texts

PLAIN = re.compile(rb"[0-9A-Za-z]*")


def keys_of(values: Sequence[Any], column: str) -> tuple[Texts, dict[int, str]]:
    """Return the keys that the values of a column give, and why some give none, by row; theirs is empty.

    Whole numbers of 0 or more are written in decimal, texts are taken as they are.
    """
    kinds = set(map(type, values))
    if kinds == {int} and min(values) >= 0:
        return Texts.of("\n".join(map(str, values)).encode().split(b"\n")), {}
    wrong: dict[int, str] = {}
    keys: list[bytes] = []
    for row, value in enumerate(values):
        try:
            keys.append(_key(value, column))
        except KeyInvalid as error:
            wrong[row] = str(error)
            keys.append(b"")
    return Texts.of(keys), wrong


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


def meta_of(column: Sequence[Any], name: str = "md5") -> Texts:
    """Return metadata with the text of a column in the field `name`; none where there is no text."""
    if set(map(type, column)) == {bytes} and PLAIN.fullmatch(b"".join(column)):
        before, after = b'{"meta":{"%s":"' % name.encode(), b'"}}'
        data = before + (after + before).join(column) + after
        offsets = np.zeros(len(column) + 1, np.uint64)
        np.cumsum(np.fromiter(map(len, column), np.uint64) + np.uint64(len(before + after)), out=offsets[1:])
        return Texts(np.frombuffer(data, np.uint8), offsets)
    return Texts.of([_meta(value, name) for value in column])


def _meta(value: Any, name: str) -> bytes:
    if isinstance(value, bytes):
        return meta_bytes({name: value.decode(errors="replace")}, None)
    return meta_bytes(None if value is None else {name: value}, None)
