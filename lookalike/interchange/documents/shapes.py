"""Shapes of documents: of those that differ in nothing but plain texts and numbers, one is parsed for all.

Elasticsearch writes millions of documents with the same names in the same order. What is left of one after cutting is
made a pattern, in which every text and number may be another. The texts of a document that matches are the only thing
in which it differs from the parsed one, so the key is one of them, and whatever else was found out holds for both.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lookalike.interchange.documents.document import MARK, Document
from shards.table.format.names import MAX_KEY_BYTES

SHAPES = 4
"""Shapes that are kept: documents with and without an id or a time are of two."""

TRIALS = 32
"""Documents of which shapes are made, at most: it takes ten times as long as parsing one."""

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"(\s*:)?|-?[0-9][0-9.eE+-]*+|[^"0-9-]+', re.DOTALL)
_PLAIN_TEXT = re.compile(rb'"[^"\\\x00-\x1f]*"')
_PLAIN_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]{0,17})(?:[.][0-9]{1,17})?")

_TEXT = rb'"[^"\\\x00-\x1f]*+"'
_KEY = rb'"([^"\\\x00-\x1f]*+)"'
_NUMBER = rb"-?+(?:0|[1-9][0-9]{0,17}+)(?:[.][0-9]{1,17}+)?+(?![0-9.eE+-])"

_MARK = b'"%b"' % MARK.encode()


class Shapes:
    """The shapes that were met, and the keys of documents that have one of them.

    `parse` reads a document of which signature and words were cut out, and gives None unless they were where they
    belong.
    """

    def __init__(self, parse: Callable[[bytes], Document | None]) -> None:
        self._parse = parse
        self._trials = 0
        self._patterns: list[re.Pattern[bytes]] = []

    def key(self, rest: bytes) -> bytes | None:
        """Return the key of a document that has neither metadata nor fields that are not read; else maybe None."""
        for pattern in self._patterns:
            if found := pattern.fullmatch(rest):
                key = found[1]
                if not 1 <= len(key) <= MAX_KEY_BYTES or not (rest.isascii() or _is_text(rest)):
                    return None
                return key
        if self._trials < TRIALS and len(self._patterns) < SHAPES:
            self._trials += 1
            pattern_of_this = self._learn(rest)
            if pattern_of_this is not None:
                self._patterns.append(pattern_of_this)
        return None

    def _learn(self, rest: bytes) -> re.Pattern[bytes] | None:
        """Return the shape of a document; None where it has none by which the key can be told."""
        tokens = [(found[0], found[1] is not None) for found in _TOKEN.finditer(rest)]
        if b"".join(token for token, _ in tokens) != rest:
            return None
        example, pattern, texts = [], [], 0
        for token, is_name in tokens:
            if is_name or token == _MARK:
                example.append(token)
                pattern.append(re.escape(token))
            elif _PLAIN_TEXT.fullmatch(token):
                example.append(b'"@%d"' % texts)
                pattern.append(b"@%d" % texts)
                texts += 1
            elif _PLAIN_NUMBER.fullmatch(token):
                example.append(token)
                pattern.append(_NUMBER)
            elif token[:1] in b'"-0123456789':
                return None
            else:
                example.append(token)
                pattern.append(re.escape(token))
        read = self._parse(b"".join(example))
        if read is None or read.meta or read.unknown or not read.key.startswith(b"@"):
            return None
        places = {b"@%d" % text: _TEXT for text in range(texts)}
        if read.key not in places:
            return None
        places[read.key] = _KEY
        return re.compile(b"".join(places.get(part, part) for part in pattern))


def _is_text(rest: bytes) -> bool:
    try:
        rest.decode()
    except UnicodeDecodeError:
        return False
    return True
