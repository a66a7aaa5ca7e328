"""The text forms of Goldberg signatures: the 204 hex digits of a row's bytes, or image-match's list of 648 numbers."""

from __future__ import annotations

import re

import numpy as np

from shards.errors import SignatureError
from shards.families.base import Row
from shards.families.goldberg.grid import VALUES
from shards.families.goldberg.planes import ROW, check_planes, pack

DIGITS = 2 * ROW.itemsize

LONGEST = 32 * VALUES
"""Maximum length in characters: a list with generous indentation. Longer text is refused unread."""


def format_row(row: Row) -> str:
    """Return the row's bytes as hex digits, in lower case."""
    return row.tobytes().hex()


def parse_row(text: str) -> Row:
    """Return the signature in hex digits of either case, or in a JSON list of 648 integers. Raises SignatureError."""
    return _parse_list(text) if text.lstrip()[:1] == "[" else _parse_hex(text)


def _parse_hex(text: str) -> Row:
    if len(text) != DIGITS:
        raise SignatureError(
            f"a goldberg signature has {DIGITS} hex digits, or is a JSON list of {VALUES} integers; "
            f"this one has {len(text):,} characters"
        )
    if stranger := re.search("[^0-9A-Fa-f]", text):
        raise SignatureError(
            f"goldberg signature: character {stranger.start() + 1} is {stranger.group()!a}, no hex digit"
        )
    rows = np.frombuffer(bytes.fromhex(text), ROW).copy()
    check_planes(rows)
    row: Row = rows[0]
    return row


def _parse_list(text: str) -> Row:
    if len(text) > LONGEST:
        raise SignatureError(f"goldberg signature: a list of {len(text):,} characters is no list of {VALUES} integers")
    # a list of small integers needs no JSON parser, which nested or huge numbers could exhaust
    if not re.fullmatch(r"\s*\[\s*-?[0-9](\s*,\s*-?[0-9])*\s*\]\s*", text, re.ASCII):
        raise SignatureError(f"goldberg signature: not a JSON list of {VALUES} integers from -2 to 2")
    numbers = np.array([int(number) for number in re.findall("-?[0-9]", text)], np.int8)
    if len(numbers) != VALUES:
        raise SignatureError(f"a goldberg signature has {VALUES} integers; this list has {len(numbers)}")
    row: Row = pack(numbers[None])[0]
    return row
