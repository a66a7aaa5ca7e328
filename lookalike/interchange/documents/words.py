"""Words that were cut out of documents: whether they are what they seem, thousands at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.interchange.documents.document import WORD

TEXTS = 256
"""Texts looked at at a time: their bytes, 0.4 MB, and what is made of them stay in the L2 cache."""

_FIELD = b',"%b":' % WORD.encode()
"""A field without its digits, which stand before the closing quote and at the end."""

_ZERO, _UNDERSCORE, _BEFORE_UNDERSCORE, _COLON = b"0_d:"

_DIGITS = b"0123456789"


def are_words(texts: Sequence[bytes]) -> NDArray[np.bool_]:
    """Return (n,) bool: which texts are nothing but fields with words: a comma, a name, a whole number, repeated.

    What is no such text here may still be one for a JSON parser, as numbers that begin with a 0.
    """
    texts = [_plainly(text) if b" " in text else text for text in texts]
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


def _plainly(text: bytes) -> bytes:
    """Return fields without the blanks that JSON may have after commas and colons."""
    return text.replace(b', "', b',"').replace(b'": ', b'":')


def _all_good(joined: bytes, texts: int) -> bool:
    """Return whether these texts, each before a line feed, are good and have equally many words.

    Without digits they are fields and line feeds, and digits begin just where they should: behind a name's last
    underscore, which follows a d, and behind a colon.
    """
    bare = joined.translate(None, _DIGITS)
    if bare != (_FIELD * (len(bare) // texts // len(_FIELD)) + b"\n") * texts:
        return False
    read = np.frombuffer(b"\n\n" + joined, np.uint8)
    two_before, before, here = read[:-2], read[1:-1], read[2:]
    is_digit = (read[1:] - _ZERO) < len(_DIGITS)
    is_value = before == _COLON
    should_begin = is_value | ((before == _UNDERSCORE) & (two_before == _BEFORE_UNDERSCORE))
    begins = is_digit[1:] & ~is_digit[:-1]
    return bool((begins == should_begin).all()) and not (is_value & (here == _ZERO)).any()
