"""JSON values of a stream, one after the other: elements of an array, members of an object, or values end to end.

Only where a value ends is looked for here, so that memory holds one value; whoever gets its bytes parses them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from shards.table.format import strict_json

PIECE = 1 << 18
"""Bytes read at a time."""

MAX_VALUE = 1 << 20
"""Bytes of the longest value that is held."""

_NOT_BLANK = re.compile(rb"[^ \t\r\n]")

_RUN = re.compile(rb'[^"\[\]{}]*+(?:"(?:[^"\\]++|\\.)*+"[^"\[\]{}]*+)*+', re.DOTALL)
"""Whatever comes before the next bracket, or before a string of which the end was not read yet."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)

_STEPS = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
"""By how much a bracket leads deeper."""

_SCALAR_END = re.compile(rb"[],}\s]")


class Malformed(Exception):
    """Bytes that are no JSON, after which no value can be found."""


class Readable(Protocol):
    """What bytes can be read of."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes, none at the end."""
        ...


class JsonStream:
    """A reader of JSON values. Where it stands is a byte of the file, and a line."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0
        self._is_over = False
        self.line = 1
        """Number of the line where the reader stands, from 1 on."""

    def peek(self) -> bytes:
        """Return the next byte that is not blank; nothing at the end."""
        while True:
            if found := _NOT_BLANK.search(self._buffer, self._at):
                self._pass(found.start() - self._at)
                return found[0]
            self._pass(len(self._buffer) - self._at)
            if not self._read():
                return b""

    def expect(self, byte: bytes) -> None:
        """Pass this byte. Raises Malformed where there is another."""
        found = self.peek()
        if found != byte:
            raise Malformed(f"line {self.line}: {_shown(found)} where {_shown(byte)} should be")
        self._pass(1)

    def fits(self) -> bool:
        """Return whether the next value has at most `MAX_VALUE` bytes. It is not passed."""
        return self._end(MAX_VALUE) is not None

    def value(self) -> bytes | None:
        """Pass the next value, and return its bytes; None where it has more than `MAX_VALUE`, and is not passed."""
        end = self._end(MAX_VALUE)
        if end is None:
            return None
        taken = self._buffer[self._at : end]
        self._pass(len(taken))
        return taken

    def skip(self) -> None:
        """Pass the next value, however long it is."""
        if self.peek() not in (b"{", b"["):
            if self.value() is None:
                raise Malformed(f"line {self.line}: a text or number of more than {MAX_VALUE:,} bytes")
            return
        depth = 0
        while True:
            self._pass(self._run(self._at) - self._at)
            mark = self._buffer[self._at : self._at + 1]
            if mark in _STEPS:
                depth += _STEPS[mark]
                self._pass(1)
                if not depth:
                    return
            elif len(self._buffer) - self._at > MAX_VALUE or not self._read():
                raise Malformed(f"line {self.line}: a text of more than {MAX_VALUE:,} bytes, or one that never ends")

    def elements(self) -> Iterator[int]:
        """Yield the line of each element of the array that begins here; the caller passes the element."""
        self.expect(b"[")
        if self.peek() == b"]":
            self.expect(b"]")
            return
        while True:
            self.peek()
            yield self.line
            if self.peek() == b"]":
                self.expect(b"]")
                return
            self.expect(b",")

    def members(self) -> Iterator[str]:
        """Yield the name of each member of the object that begins here; the caller passes the value."""
        self.expect(b"{")
        if self.peek() == b"}":
            self.expect(b"}")
            return
        while True:
            if self.peek() != b'"':
                raise Malformed(f"line {self.line}: {_shown(self.peek())} where a name should be")
            line, text = self.line, self.value()
            try:
                name = strict_json.loads(text) if text is not None else None
            except ValueError as error:
                raise Malformed(f"line {line}: {error}") from None
            if name is None:
                raise Malformed(f"line {line}: a name of more than {MAX_VALUE:,} bytes")
            self.expect(b":")
            yield name
            if self.peek() == b"}":
                self.expect(b"}")
                return
            self.expect(b",")

    def _end(self, limit: int) -> int | None:
        """Return the place in the buffer where the next value ends; None where it has more than `limit` bytes."""
        first = self.peek()
        if first in (b"", b"]", b"}", b",", b":"):
            raise Malformed(f"line {self.line}: {_shown(first)} where a value should be")
        if first == b'"':
            return self._end_of_string(limit)
        if first in _STEPS:
            return self._end_of_brackets(limit)
        at = self._at
        while not (found := _SCALAR_END.search(self._buffer, at)):
            at = len(self._buffer)
            if at - self._at > limit:
                return None
            length = at - self._at
            if not self._read():
                return self._at + length
            at = self._at + length
        return found.start()

    def _end_of_string(self, limit: int) -> int | None:
        while not (found := _STRING.match(self._buffer, self._at)):
            if len(self._buffer) - self._at > limit:
                return None
            if not self._read():
                raise Malformed(f"line {self.line}: the file ends within the text that begins here")
        return found.end()

    def _end_of_brackets(self, limit: int) -> int | None:
        depth, length = 0, 0
        while length <= limit:
            at = self._run(self._at + length)
            mark = self._buffer[at : at + 1]
            length = at - self._at
            if mark in _STEPS:
                depth += _STEPS[mark]
                length += 1
                if not depth:
                    return at + 1
            elif len(self._buffer) - self._at > limit:
                return None
            elif not self._read():
                raise Malformed(f"line {self.line}: the file ends within the value that begins here")
        return None

    def _run(self, at: int) -> int:
        """Return where the next bracket is from `at` on, or what there is instead: a string, or the end."""
        found = _RUN.match(self._buffer, at)
        return at if found is None else found.end()

    def _read(self) -> bool:
        """Read on, letting go what was passed; False at the end."""
        piece = b"" if self._is_over else self._file.read(PIECE)
        self._is_over = not piece
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return not self._is_over

    def _pass(self, length: int) -> None:
        self.line += self._buffer.count(b"\n", self._at, self._at + length)
        self._at += length


def _shown(found: bytes) -> str:
    return repr(found.decode("latin-1")) if found else "the end of the file"
