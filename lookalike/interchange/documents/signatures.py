"""Signatures in documents: lists of 648 numbers, thousands at a time from their bytes, or one from parsed JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.documents.extended_json import plain
from lookalike.interchange.stored import RowUnfit
from shards.families.goldberg.grid import VALUES

TEXTS = 256
"""Signatures parsed at a time: their bytes, 0.4 MB, and what is made of them stay in the L2 cache."""

LEVEL = 2
"""The largest value of a signature."""

_LEVELS = frozenset(range(-LEVEL, LEVEL + 1))

_ENDS = np.frombuffer(b"," * (VALUES - 1) + b"\n", np.uint8)
"""What follows each value of a list."""


def of_bytes(texts: Sequence[bytes]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return (n, 648) int8, and (n,) bool: which texts are such lists. Of the others the values are 0.

    A text is what stands between the brackets: 648 numbers from -2 to 2 with commas, and perhaps blanks and `.0`
    between. What is no such list here may still be one for a JSON parser.
    """
    texts = [_plainly(text) if b" " in text or b"." in text else text for text in texts]
    values = np.zeros((len(texts), VALUES), np.int8)
    good = np.zeros(len(texts), np.bool_)
    for start in range(0, len(texts), TEXTS):
        _parse(texts[start : start + TEXTS], values[start : start + TEXTS], good[start : start + TEXTS])
    return values, good


def _parse(texts: Sequence[bytes], values: NDArray[np.int8], good: NDArray[np.bool_]) -> None:
    """Fill in the values of these texts, and which are good."""
    parsed = _values(b"\n".join([b"", *texts, b""]), len(texts))
    if parsed is not None:
        values[:], good[:] = parsed, True
    elif len(texts) > 1:
        half = len(texts) // 2
        _parse(texts[:half], values[:half], good[:half])
        _parse(texts[half:], values[half:], good[half:])


def _values(joined: bytes, lists: int) -> NDArray[np.int8] | None:
    """Return (lists, 648) int8, the values of lists between line feeds; None unless each is exactly that.

    Every digit counts for two bytes, itself and the comma or line feed after it, and one more where a minus stands
    before it. If these are all bytes that there are, no other byte is among them.
    """
    read = np.frombuffer(joined, np.uint8)
    coded = read[1:-1] - ord("0")
    digits = np.flatnonzero(coded <= LEVEL)
    if len(digits) != lists * VALUES or (read[2:].take(digits).reshape(lists, VALUES) != _ENDS).any():
        return None
    # bit 2 of a digit: a minus stands before it
    coded |= (read[:-2] == ord("-")).view(np.uint8) << 2
    whole = coded.take(digits).reshape(lists, VALUES)
    negative = whole >> 2
    if len(joined) - 1 != 2 * len(digits) + np.count_nonzero(negative):
        return None
    # the complement plus 1 is the negation
    levels: NDArray[np.uint8] = ((whole & 3) ^ -negative) + negative
    return levels.view(np.int8)


def _plainly(text: bytes) -> bytes:
    """Return a list without the blanks after its commas, and with whole numbers that were written as floats."""
    text = text.replace(b", ", b",")
    # 1.0.0 is no number, and without the second .0 it would be one
    return text if b".0.0" in text else text.replace(b".0", b"")


def of_json(value: Any) -> NDArray[np.int8]:
    """Return (648,) int8, the values in a parsed list. Raises RowUnfit, which says what is wrong with it."""
    if not isinstance(value, list):
        raise RowUnfit("signature is no list")
    if len(value) != VALUES:
        raise RowUnfit(f"signature has {len(value):,} values, not {VALUES}: {_other_settings(len(value))}")
    if set(map(type, value)) <= {int, float} and _LEVELS.issuperset(value):
        return np.array(value, np.int8)
    numbers = []
    for place, part in enumerate(value):
        number = plain(part)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise RowUnfit(f"signature: value {place + 1} is {ascii(part)[:40]}, no number")
        if number != int(number):
            raise RowUnfit(f"signature: value {place + 1} is {number}, and levels are whole numbers")
        if not -LEVEL <= number <= LEVEL:
            raise RowUnfit(
                f"signature: value {place + 1} is {number:,}, and levels are -{LEVEL} to {LEVEL}: other settings than "
                "n_levels=2 give other signatures"
            )
        numbers.append(int(number))
    return np.array(numbers, np.int8)


def _other_settings(length: int) -> str:
    if length == VALUES // 2:
        return "diagonal_neighbors=False gives others than are searched here"
    side = next((side for side in range(2, 100) if length in (side * side * 8, side * side * 4)), None)
    return f"a grid of n={side} gives others than are searched here" if side else "this is no signature of image-match"
