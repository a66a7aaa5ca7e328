"""Words that were cut out of documents: whether they are what they seem, thousands at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.documents.document import WORD

TEXTS = 256
"""Texts looked at at a time: their bytes, 0.4 MB, and what is made of them stay in the L2 cache."""

BEFORE_DIGIT = 1 << 7
"""Bit beside a byte of ASCII: a digit follows."""

_FIELD = np.frombuffer(b',"%b":' % WORD.encode(), np.uint8).copy()
"""A field without its digits, which stand before the closing quote and at the end."""
_FIELD[[len(_FIELD) - 3, len(_FIELD) - 1]] |= BEFORE_DIGIT


def are_words(texts: Sequence[bytes]) -> NDArray[np.bool_]:
    """Return (n,) bool: which texts are nothing but fields with words: a comma, a name, a whole number, repeated.

    What is no such text here may still be one for a JSON parser, as numbers that begin with a 0.
    """
    good = np.zeros(len(texts), np.bool_)
    for start in range(0, len(texts), TEXTS):
        _look(texts[start : start + TEXTS], good[start : start + TEXTS])
    return good


def _look(texts: Sequence[bytes], good: NDArray[np.bool_]) -> None:
    """Fill in which of these texts are good."""
    if _all_good(b"\n".join([*texts, b""]), len(texts)):
        good[:] = True
    elif len(texts) > 1:
        half = len(texts) // 2
        _look(texts[:half], good[:half])
        _look(texts[half:], good[half:])
    else:
        plainly = texts[0].replace(b', "', b',"').replace(b'": ', b'":')
        good[:] = plainly != texts[0] and _all_good(plainly + b"\n", 1)


def _all_good(joined: bytes, texts: int) -> bool:
    """Return whether these texts, each before a line feed, are good and have equally many words."""
    if b":0" in joined or not joined.isascii():
        return False
    read = np.frombuffer(joined, np.uint8)
    is_digit = (read - ord("0")) < 10
    coded = read.copy()
    coded[:-1] |= is_digit[1:].view(np.uint8) << 7
    others = coded.take(np.flatnonzero(~is_digit))
    fields, rest = divmod(len(others) // texts - 1, len(_FIELD))
    if rest or len(others) != texts * (fields * len(_FIELD) + 1):
        return False
    lines = others.reshape(texts, -1)
    return bool((lines[:, -1] == ord("\n")).all()) and bool(
        (lines[:, :-1].reshape(texts, fields, len(_FIELD)) == _FIELD).all()
    )
