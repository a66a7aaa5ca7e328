"""Signature and words, cut out of a document's bytes, so that little is left for a JSON parser.

Of the 3.3 KB of a document, 1.5 are the list of its signature and 1.6 the 63 words, which follow from it. What is cut
out is checked to be whole JSON values, and marks are left in their places: where the parsed document has the marks at
the names where they belong, it is what the whole bytes would have given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from lookalike.interchange.documents.document import MARK, WORD

MAX_REST = 4096
"""Bytes: what is longer after cutting is parsed as a whole, such as numbers that Python refuses for their length."""

_MARK = MARK.encode()
_LIST = b'"%b"' % _MARK
_FIELD = b',"%b":0' % _MARK

_FIRST = b'"%b' % WORD.encode()


Cut: TypeAlias = tuple[bytes, bytes, bytes]
"""A document in parts: what stands between the brackets of the first list that is called a signature; the fields with
words, from the comma before the first to the end of the last, empty where none were cut out; and the document with
marks in their places."""


def cutter(name: str) -> Callable[[bytes], Cut | None]:
    """Return what cuts signature and words out of documents whose signature has this name.

    It gives None where that cannot be done. The caller checks the words with `words.are_words`, parses the signature,
    and looks for the marks.
    """
    field = b'"%b":' % name.encode()
    length = len(field)

    def cut(document: bytes) -> Cut | None:
        start = document.find(field)
        if start < 0:
            return None
        start += length
        if not document.startswith(b"[", start):
            if not document.startswith(b" [", start):
                return None
            start += 1
        end = document.find(b"]", start)
        if end < 0:
            return None
        words_start, words_end = _find_words(document, end)
        if words_start < 0:
            words, rest = b"", b"".join((document[:start], _LIST, document[end + 1 :]))
        else:
            words = document[words_start:words_end]
            between = document[end + 1 : words_start]
            rest = b"".join((document[:start], _LIST, between, _FIELD, document[words_end:]))
        # the mark is there once as a value, and once as a name where words were cut out
        if len(rest) > MAX_REST or rest.count(_MARK) != (2 if words else 1):
            return None
        return document[start + 1 : end], words, rest

    return cut


def _find_words(document: bytes, start: int) -> tuple[int, int]:
    """Return where the words after `start` begin and end; -1 where there are none."""
    first = document.find(_FIRST, start)
    if first < 0:
        return -1, -1
    last = document.find(b":", document.rfind(_FIRST, first))
    comma, brace = document.find(b",", last), document.find(b"}", last)
    before = document.rfind(b",", start, first)
    if last < 0 or before < 0 or brace < 0:
        return -1, -1
    return before, min(comma, brace) if comma >= 0 else brace
