"""Metadata made of a column of texts, some thousand at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from shards.table.format.records import meta_bytes
from shards.table.format.texts import Texts

PLAIN = re.compile(rb"[0-9A-Za-z]*")
"""What JSON has as it is."""


def meta_of(column: Sequence[Any], name: str) -> Texts:
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
