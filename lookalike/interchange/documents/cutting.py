"""Signature and words, cut out of a document's bytes, so that little is left for a JSON parser.

Of the 3.3 KB of a document, 1.5 are the list of its signature and 1.6 the 63 words, which follow from it. What is cut
out is checked to be whole JSON values, and marks are left in their places: where the parsed document has the marks at
the names where they belong, it is what the whole bytes would have given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lookalike.interchange.documents.document import MARK, SIGNATURE, WORD

MAX_REST = 4096
"""Bytes: what is longer after cutting is parsed as a whole, such as numbers that Python refuses for their length."""

_MARK = MARK.encode()
_LIST = b'"%s"' % _MARK
_FIELD = b',"%s":0' % _MARK

_FIRST = b'"%s' % WORD.encode()
_NUMBER = re.compile(rb"[0-9]+")


@dataclass(frozen=True, slots=True)
class Cut:
    """A document in parts."""

    signature: bytes
    """What stands between the brackets of the first list that is called a signature."""

    words: bytes
    """The fields with words, from the comma before the first to the end of the last; empty where none were cut out."""

    rest: bytes
    """The document with marks in their places."""


def cut(document: bytes, name: bytes = SIGNATURE.encode()) -> Cut | None:
    """Cut signature and words out of a document; None where that cannot be done. `name`: that of the signature.

    The caller checks the words with `words.are_words`, parses the signature, and looks for the marks.
    """
    start = document.find(b'"%b":' % name)
    if start < 0:
        return None
    start += len(name) + 3
    opening = document[start : start + 2]
    if opening[:1] != b"[":
        if opening != b" [":
            return None
        start += 1
    end = document.find(b"]", start) + 1
    if not end:
        return None
    signature = document[start + 1 : end - 1]
    words_start, words_end = _find_words(document, end)
    if words_start < 0:
        rest = b"%b%b%b" % (document[:start], _LIST, document[end:])
        words = b""
    else:
        words = document[words_start:words_end]
        rest = b"%b%b%b%b%b" % (document[:start], _LIST, document[end:words_start], _FIELD, document[words_end:])
    # the mark is there once as a value, and once as a name where words were cut out
    if len(rest) > MAX_REST or rest.count(_MARK) != (2 if words else 1):
        return None
    return Cut(signature, words, rest)


def _find_words(document: bytes, start: int) -> tuple[int, int]:
    """Return where the words after `start` begin and end; -1 where there are none."""
    first = document.find(_FIRST, start)
    if first < 0:
        return -1, -1
    last = document.find(b":", document.rfind(_FIRST, first)) + 1
    if document[last : last + 1] == b" ":
        last += 1
    number = _NUMBER.match(document, last)
    comma = document.rfind(b",", start, first)
    if not number or comma < 0:
        return -1, -1
    return comma, number.end()
